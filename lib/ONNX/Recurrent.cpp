//===- Recurrent.cpp - LSTM, GRU and RNN ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a step of each operator computes, in the order of ONNX's equations.
//
//===----------------------------------------------------------------------===//

#include "OperatorRegistry.h"
#include "Recurrence.h"
#include "ScalarArithmetic.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mpq::onnximport;

namespace {
class RNN : public Recurrence {
public:
  explicit RNN(NodeImporter &n) : Recurrence(n, 1, kDefaults) {}

private:
  static constexpr StringRef kDefaults[] = {"Tanh"};

  void step(Direction &d) override;
};

/// Gates: input, output, forget, cell.
class LSTM : public Recurrence {
public:
  explicit LSTM(NodeImporter &n)
      : Recurrence(n, 4, kDefaults), couples(n.getInt("input_forget", 0) != 0) {
  }

private:
  static constexpr StringRef kDefaults[] = {"Sigmoid", "Tanh", "Tanh"};

  void readMore(Direction &d, int64_t index) override;
  void step(Direction &d) override;

  bool couples; // what is not forgotten is replaced
};

/// Gates: update, reset, hidden.
class GRU : public Recurrence {
public:
  explicit GRU(NodeImporter &n)
      : Recurrence(n, 3, kDefaults),
        resetsProduct(n.getInt("linear_before_reset", 0) != 0) {}

private:
  static constexpr StringRef kDefaults[] = {"Sigmoid", "Tanh"};

  Tensor makeBias(Direction &d, Tensor input, Tensor recurrent) override;
  void step(Direction &d) override;
  void resetProduct(Direction &d);
  void resetState(Direction &d);

  bool resetsProduct; // or the state in front of it
};
} // namespace

void RNN::step(Direction &d) {
  Tensor sum = getSums(d, d.h, 0, 1).front();
  d.h = compute({&sum}, [&](ScalarBuilder &b, ValueRange v) {
    return activate(b, d.functions[0], v[0]);
  });
}

//===----------------------------------------------------------------------===//
// LSTM
//===----------------------------------------------------------------------===//

void LSTM::readMore(Direction &d, int64_t index) {
  d.c = getInitialState(6, index);
  if (n.hasInput(7))
    for (int64_t i = 0; i < 3; ++i)
      d.peepholes.push_back(getRow(7, index, i * hidden, hidden));
}

void LSTM::step(Direction &d) {
  SmallVector<Tensor> gates = getSums(d, d.h, 0, 4);
  Tensor &in = gates[0], &out = gates[1], &forget = gates[2], &cell = gates[3];
  bool peeps = !d.peepholes.empty();
  // A gate looks at the cell through weights of its own.
  auto look = [&](ScalarBuilder &b, Value gate, ValueRange v, unsigned weight,
                  Value c) {
    return peeps ? add(b, gate, mul(b, v[weight], c, false), false) : gate;
  };
  SmallVector<Tensor *> inputs = {&in, &cell, &d.c};
  unsigned forgetIndex = inputs.size();
  if (!couples)
    inputs.push_back(&forget);
  unsigned peepIndex = inputs.size();
  if (peeps)
    inputs.push_back(&d.peepholes[0]);
  if (peeps && !couples)
    inputs.push_back(&d.peepholes[2]);
  d.c = compute(inputs, [&](ScalarBuilder &b, ValueRange v) {
    Value c = v[2];
    Value i = activate(b, d.functions[0], look(b, v[0], v, peepIndex, c));
    Value f = couples ? sub(b, constantLike(b, i, 1), i, false)
                      : activate(b, d.functions[0],
                                 look(b, v[forgetIndex], v, peepIndex + 1, c));
    Value g = activate(b, d.functions[1], v[1]);
    return add(b, mul(b, f, c, false), mul(b, i, g, false), false);
  });
  inputs = {&out, &d.c};
  if (peeps)
    inputs.push_back(&d.peepholes[1]);
  d.h = compute(inputs, [&](ScalarBuilder &b, ValueRange v) {
    Value o = activate(b, d.functions[0], look(b, v[0], v, 2, v[1]));
    // The cell itself is not clipped, as in ONNX Runtime.
    return mul(b, o, apply(b, d.functions[2], v[1]), false);
  });
}

//===----------------------------------------------------------------------===//
// GRU
//===----------------------------------------------------------------------===//

/// Where the product is reset, so is its bias.
Tensor GRU::makeBias(Direction &d, Tensor input, Tensor recurrent) {
  Tensor sum = addTensors(input, recurrent);
  if (!resetsProduct)
    return sum;
  auto getPart = [&](Tensor &bias, int64_t first, int64_t count) {
    return n.slice(bias, {first * hidden}, {count * hidden});
  };
  d.resetBias = getPart(recurrent, 2, 1);
  Tensor both = getPart(sum, 0, 2), hiddenInput = getPart(input, 2, 1);
  Value parts[] = {n.materialize(both), n.materialize(hiddenInput)};
  return wrap(tensor::ConcatOp::create(n.b, 0, parts));
}

/// The next state, from the last one and what the gates of update and hidden
/// came to.
static Value mix(ScalarBuilder &b, Value update, Value hidden, Value state) {
  Value rest = sub(b, constantLike(b, update, 1), update, false);
  return add(b, mul(b, rest, hidden, false), mul(b, update, state, false),
             false);
}

void GRU::resetProduct(Direction &d) {
  Tensor product = multiplyState(d, d.h, 0, 3);
  SmallVector<Tensor> parts;
  for (int64_t i = 0; i < 3; ++i)
    parts.push_back(getInputs(d, i, 1));
  for (int64_t i = 0; i < 3; ++i)
    parts.push_back(getGate(product, i));
  parts.push_back(d.h);
  SmallVector<Tensor *> inputs;
  for (Tensor &part : parts)
    inputs.push_back(&part);
  if (d.resetBias)
    inputs.push_back(&*d.resetBias);
  d.h = compute(inputs, [&](ScalarBuilder &b, ValueRange v) {
    Value z = activate(b, d.functions[0], add(b, v[0], v[3], false));
    Value r = activate(b, d.functions[0], add(b, v[1], v[4], false));
    Value product = d.resetBias ? add(b, v[5], v[7], false) : v[5];
    Value sum = add(b, v[2], mul(b, r, product, false), false);
    return mix(b, z, activate(b, d.functions[1], sum), v[6]);
  });
}

void GRU::resetState(Direction &d) {
  SmallVector<Tensor> gates = getSums(d, d.h, 0, 2);
  Tensor &update = gates[0], &reset = gates[1];
  Tensor state = d.h;
  if (!isZero(state)) {
    state = compute({&reset, &state}, [&](ScalarBuilder &b, ValueRange v) {
      return mul(b, activate(b, d.functions[0], v[0]), v[1], false);
    });
    shareScale(state, "rh");
  }
  Tensor hidden = getSums(d, state, 2, 1).front();
  d.h = compute({&update, &hidden, &d.h}, [&](ScalarBuilder &b, ValueRange v) {
    return mix(b, activate(b, d.functions[0], v[0]),
               activate(b, d.functions[1], v[1]), v[2]);
  });
}

void GRU::step(Direction &d) {
  resetsProduct ? resetProduct(d) : resetState(d);
}

//===----------------------------------------------------------------------===//
// Registration
//===----------------------------------------------------------------------===//

template <typename Kind> static LogicalResult importSteps(NodeImporter &n) {
  return Kind(n).run();
}

void mpq::onnximport::registerRecurrentOperators(OperatorRegistry &r) {
  r.add("RNN", 7, {importSteps<RNN>, 3});
  r.add("GRU", 7, {importSteps<GRU>, 3});
  r.add("LSTM", 7, {importSteps<LSTM>, 3});
}
