//===- Recurrence.cpp - a sequence, step by step ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Checks of the node, the product of all inputs, the loop over the steps and
// the results; what a step computes is the operator's (Recurrent.cpp).
//
//===----------------------------------------------------------------------===//

#include "Recurrence.h"

#include "ScalarArithmetic.h"

#include "mpq/Dialect/MPQDialect.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mpq;
using namespace mpq::onnximport;

/// Unrolled steps are operations in memory and calls in the code: a model with
/// more of them is better cut into parts that pass on their state.
static constexpr int64_t kMostSteps = 4096;

//===----------------------------------------------------------------------===//
// Attributes and shapes
//===----------------------------------------------------------------------===//

/// One function for each activation of each direction.
LogicalResult Recurrence::readFunctions() {
  SmallVector<StringRef> names;
  for (int64_t d = 0; d < numDirections; ++d)
    llvm::append_range(names, defaults);
  size_t count = names.size();
  if (const NodeAttribute *given =
          n.getAttr("activations", NodeAttribute::Strings))
    names.assign(given->strings.begin(), given->strings.end());
  if (names.size() != count)
    return n.error() << "expected " << count << " activations but got "
                     << names.size();
  // Those who take a parameter take the next one in order.
  auto getList = [&](StringRef name) -> ArrayRef<double> {
    const NodeAttribute *list = n.getAttr(name, NodeAttribute::Floats);
    return list ? ArrayRef<double>(list->floats) : ArrayRef<double>();
  };
  ArrayRef<double> alphas = getList("activation_alpha"),
                   betas = getList("activation_beta");
  auto take = [](std::optional<double> byDefault, ArrayRef<double> &given) {
    if (!byDefault || given.empty())
      return byDefault.value_or(0);
    double value = given.front();
    given = given.drop_front();
    return value;
  };
  for (StringRef name : names) {
    ArrayRef<NamedActivation> all = getNamedActivations();
    const auto *found = llvm::find_if(all, [&](const NamedActivation &one) {
      return one.name.equals_insensitive(name);
    });
    if (found == all.end())
      return n.error() << "unknown activation '" << name << "'; known are "
                       << llvm::join(
                              llvm::map_range(all,
                                              [](const NamedActivation &one) {
                                                return one.name;
                                              }),
                              ", ");
    double alpha = take(found->alpha, alphas);
    functions.push_back({found->body, alpha, take(found->beta, betas)});
  }
  return success();
}

LogicalResult Recurrence::checkInput(unsigned i, StringRef what,
                                     ArrayRef<int64_t> shape) {
  if (!n.hasInput(i))
    return success();
  auto expected = RankedTensorType::get(shape, type);
  if (n.in(i).type == expected)
    return success();
  return n.error() << "expected " << what << " '" << n.in(i).name
                   << "' to be of type " << expected << " but got "
                   << n.in(i).type;
}

/// Sequences that end early would need a mask for each step.
LogicalResult Recurrence::checkLengths() {
  if (!n.hasInput(4))
    return success();
  if (!n.isKnown(4))
    return n.error() << "expected constant sequence_lens equal to the "
                     << "sequence's length " << steps << " but '"
                     << n.node.inputs[4] << "' depends on the graph's inputs";
  FailureOr<SmallVector<int64_t>> lengths = n.getConstantInts(4);
  if (failed(lengths))
    return failure();
  if (static_cast<int64_t>(lengths->size()) != batch)
    return n.error() << "expected " << batch << " sequence_lens but got "
                     << lengths->size();
  for (int64_t length : *lengths)
    if (length != steps)
      return n.error() << "expected sequence_lens equal to the sequence's "
                       << "length " << steps << " but got " << length
                       << ": sequences of different lengths are not supported";
  return success();
}

LogicalResult Recurrence::readShapes() {
  if (failed(n.requireFloat(0)) || failed(n.requireRank(0, 3, 3)) ||
      failed(n.requireRank(2, 3, 3)))
    return failure();
  std::string order = n.getString("direction", "forward");
  if (order != "forward" && order != "reverse" && order != "bidirectional")
    return n.error() << "expected direction 'forward', 'reverse' or "
                        "'bidirectional' but got '"
                     << order << "'";
  numDirections = order == "bidirectional" ? 2 : 1;
  startsReverse = order == "reverse";
  int64_t layout = n.getInt("layout", 0);
  if (layout != 0 && layout != 1)
    return n.error() << "expected layout 0 or 1 but got " << layout;
  batchFirst = layout == 1;

  Tensor &x = n.in(0);
  type = x.getElementType();
  steps = x.getDim(batchFirst ? 1 : 0);
  batch = x.getDim(batchFirst ? 0 : 1);
  inputSize = x.getDim(2);
  hidden = n.getInt("hidden_size", n.in(2).getDim(2));
  if (hidden <= 0)
    return n.error() << "expected a positive hidden_size but got " << hidden;
  if (steps > kMostSteps)
    return n.error() << "expected at most " << kMostSteps
                     << " steps, which are unrolled, but got " << steps;
  SmallVector<int64_t> state = {numDirections, batch, hidden};
  if (batchFirst)
    std::swap(state[0], state[1]);
  int64_t rows = numGates * hidden;
  return failure(failed(checkInput(1, "W", {numDirections, rows, inputSize})) ||
                 failed(checkInput(2, "R", {numDirections, rows, hidden})) ||
                 failed(checkInput(3, "B", {numDirections, 2 * rows})) ||
                 failed(checkLengths()) ||
                 failed(checkInput(5, "initial_h", state)) ||
                 failed(checkInput(6, "initial_c", state)) ||
                 failed(checkInput(7, "P", {numDirections, 3 * hidden})));
}

//===----------------------------------------------------------------------===//
// Pieces of steps
//===----------------------------------------------------------------------===//

Tensor Recurrence::wrap(Value value) {
  return Tensor{cast<RankedTensorType>(value.getType()), false, value,
                std::nullopt, n.node.outputs[0]};
}

Tensor Recurrence::compute(ArrayRef<Tensor *> inputs, ElementBody body) {
  FailureOr<Value> result = n.elementwise(inputs, type, body);
  assert(succeeded(result) && "shapes were checked");
  return wrap(*result);
}

Tensor Recurrence::addTensors(Tensor &lhs, Tensor &rhs) {
  return compute({&lhs, &rhs}, [](ScalarBuilder &b, ValueRange v) {
    return add(b, v[0], v[1], false);
  });
}

Value Recurrence::activate(ScalarBuilder &b, const Function &function,
                           Value x) const {
  if (clip)
    x = minimum(b, maximum(b, x, constantLike(b, x, -*clip), false),
                constantLike(b, x, *clip), false);
  return apply(b, function, x);
}

Tensor Recurrence::makeZero(ArrayRef<int64_t> shape) {
  std::string bytes;
  for (int64_t i = 0; i < product(shape); ++i)
    ConstantTensor::append(bytes, type, 0.0);
  return n.makeConstant(ConstantTensor(type, false, shape, std::move(bytes)),
                        "zero");
}

bool Recurrence::isZero(const Tensor &state) {
  std::optional<ConstantTensor> uniform =
      state.constant ? state.constant->getUniform() : std::nullopt;
  return uniform && uniform->getDouble(0) == 0;
}

Tensor Recurrence::multiplyState(Direction &d, Tensor &state, int64_t first,
                                 int64_t count) {
  if (isZero(state))
    return makeZero({batch, count * hidden});
  Value &weights = d.recurrentColumns[first];
  if (!weights) {
    Tensor columns = n.slice(d.recurrentWeights, {0, first * hidden},
                             {hidden, count * hidden});
    weights = n.materialize(columns);
  }
  return wrap(n.matmul(n.materialize(state), weights));
}

SmallVector<Tensor> Recurrence::getSums(Direction &d, Tensor &state,
                                        int64_t first, int64_t count) {
  SmallVector<Tensor> sums;
  if (isZero(state)) {
    for (int64_t i = first; i < first + count; ++i)
      sums.push_back(getInputs(d, i, 1));
    return sums;
  }
  Tensor product = multiplyState(d, state, first, count);
  Tensor inputs = getInputs(d, first, count);
  Tensor sum = addTensors(product, inputs);
  for (int64_t i = 0; i < count; ++i)
    sums.push_back(getGate(sum, i));
  return sums;
}

void Recurrence::shareScale(Tensor &value, StringRef role) {
  auto output = llvm::find_if(
      n.node.outputs, [](const std::string &name) { return !name.empty(); });
  value.value.getDefiningOp()->setAttr(
      MPQDialect::getScaleGroupAttrName(),
      n.b.getStringAttr(*output + "#" + role.str()));
}

/// [a, b, ...] to [b, a, ...].
Tensor Recurrence::swapFirst(Tensor tensor) {
  SmallVector<int64_t> shape(tensor.getShape());
  std::swap(shape[0], shape[1]);
  if (shape[0] == 1 || shape[1] == 1)
    return n.reshape(tensor, shape);
  SmallVector<int64_t> permutation =
      llvm::to_vector(llvm::seq<int64_t>(0, shape.size()));
  std::swap(permutation[0], permutation[1]);
  return n.transpose(tensor, permutation);
}

Tensor Recurrence::getRow(unsigned i, int64_t index, int64_t offset,
                          int64_t extent) {
  Tensor part = n.slice(n.in(i), {index, offset}, {1, extent});
  return n.reshape(part, {extent});
}

Tensor Recurrence::getInitialState(unsigned i, int64_t index) {
  if (!n.hasInput(i))
    return makeZero({batch, hidden});
  Tensor all = batchFirst ? swapFirst(n.in(i)) : n.in(i);
  Tensor part = n.slice(all, {index, 0, 0}, {1, batch, hidden});
  return n.reshape(part, {batch, hidden});
}

//===----------------------------------------------------------------------===//
// The node
//===----------------------------------------------------------------------===//

Tensor Recurrence::makeBias(Direction &, Tensor input, Tensor recurrent) {
  return addTensors(input, recurrent);
}

/// `x` has a row of inputs for each step and member of the batch.
Recurrence::Direction Recurrence::makeDirection(int64_t index, Tensor &x) {
  Direction d;
  d.reverse = startsReverse || index == 1;
  d.functions = ArrayRef<Function>(functions).slice(index * defaults.size(),
                                                    defaults.size());
  int64_t rows = numGates * hidden;
  auto getColumns = [&](unsigned i, int64_t depth) {
    Tensor part = n.slice(n.in(i), {index, 0, 0}, {1, rows, depth});
    part = n.reshape(part, {rows, depth});
    return n.transpose(part, {1, 0});
  };
  Tensor weights = getColumns(1, inputSize);
  d.recurrentWeights = getColumns(2, hidden);
  d.gates = wrap(n.matmul(n.materialize(x), n.materialize(weights)));
  if (n.hasInput(3)) {
    Tensor bias =
        makeBias(d, getRow(3, index, 0, rows), getRow(3, index, rows, rows));
    d.gates = addTensors(d.gates, bias);
  }
  d.h = getInitialState(5, index);
  readMore(d, index);
  return d;
}

static Value concat(NodeImporter &n, int64_t axis, ArrayRef<Value> values) {
  return values.size() == 1
             ? values.front()
             : Value(tensor::ConcatOp::create(n.b, axis, values));
}

/// Y; `states` by direction and step, [1, 1, batch, hidden] each.
void Recurrence::setSequence(ArrayRef<SmallVector<Value>> states) {
  SmallVector<Value> directions;
  for (const SmallVector<Value> &sequence : states)
    directions.push_back(concat(n, 0, sequence));
  Tensor y = wrap(concat(n, 1, directions));
  if (batchFirst) { // the batch moves in front of steps and directions
    y = n.reshape(y, {steps * numDirections, batch, hidden});
    y = swapFirst(y);
    y = n.reshape(y, {batch, steps, numDirections, hidden});
  }
  n.setResult(0, y.value);
}

/// Y_h or Y_c; `states` by direction, [1, batch, hidden] each.
void Recurrence::setState(unsigned result, ArrayRef<Value> states) {
  Tensor all = wrap(concat(n, 0, states));
  n.setResult(result, batchFirst ? swapFirst(all).value : all.value);
}

LogicalResult Recurrence::run() {
  if (failed(readShapes()) || failed(readFunctions()))
    return failure();
  if (n.hasAttr("clip")) {
    clip = n.getFloat("clip", 0);
    if (!(*clip > 0))
      return n.error() << "expected a positive clip but got " << *clip;
  }
  Tensor x = batchFirst ? swapFirst(n.in(0)) : n.in(0);
  x = n.reshape(x, {steps * batch, inputSize});
  SmallVector<SmallVector<Value>> sequences(numDirections);
  SmallVector<Value> lastH, lastC;
  for (auto [index, sequence] : llvm::enumerate(sequences)) {
    Direction d = makeDirection(index, x);
    sequence.resize(steps);
    for (int64_t i = 0; i < steps; ++i) {
      int64_t at = d.reverse ? steps - 1 - i : i;
      d.row = at * batch;
      step(d);
      shareScale(d.h, "h");
      if (n.hasResult(0))
        sequence[at] = n.reshape(d.h.value, {1, 1, batch, hidden});
    }
    lastH.push_back(n.reshape(d.h.value, {1, batch, hidden}));
    if (d.c.value)
      lastC.push_back(n.reshape(d.c.value, {1, batch, hidden}));
  }
  if (n.hasResult(0))
    setSequence(sequences);
  if (n.hasResult(1))
    setState(1, lastH);
  if (n.hasResult(2) && !lastC.empty())
    setState(2, lastC);
  return success();
}
