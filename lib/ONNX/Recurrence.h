//===- Recurrence.h - a sequence, step by step -*- C++ -*- ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the inputs contribute to the gates does not depend on the state: it is
// one product over all steps. The steps themselves are unrolled, because the
// length of the sequence is known and later phases want straight-line code. All
// of them share one constant of recurrent weights, and codegen shares kernels
// that are equal, so that a step costs a few calls and no code.
//
// To quantize them, steps would get scales of their own, and with those kernels
// of their own. The states are marked as one scale group instead: their ranges
// are united. They are the same function of the same weights, so little is lost
// by that, and a step that calibration saw less of is not clipped.
//
//===----------------------------------------------------------------------===//

#ifndef MPQ_LIB_ONNX_RECURRENCE_H
#define MPQ_LIB_ONNX_RECURRENCE_H

#include "Activations.h"
#include "NodeImporter.h"

#include <map>

namespace mpq::onnximport {

/// One node. Operators differ in the number of gates and in `step`.
class Recurrence {
public:
  /// `defaults`: the activations of one direction.
  Recurrence(NodeImporter &n, int64_t gates,
             llvm::ArrayRef<llvm::StringRef> defaults)
      : n(n), numGates(gates), defaults(defaults) {}
  virtual ~Recurrence() = default;
  mlir::LogicalResult run();

protected:
  /// An activation with the parameters that the node gives it.
  struct Function {
    NamedActivation::Body body;
    double alpha, beta;
  };

  /// What the steps of one direction share, and the state they update.
  struct Direction {
    bool reverse;
    llvm::ArrayRef<Function> functions;
    Tensor gates;            ///< [steps * batch, gates * hidden], from X
    int64_t row = 0;         ///< the first one of the present step
    Tensor recurrentWeights; ///< [hidden, gates * hidden]
    /// Their columns from a gate on, where a product wants them.
    std::map<int64_t, mlir::Value> recurrentColumns;
    std::optional<Tensor> resetBias;     ///< [hidden], GRU: inside of the reset
    llvm::SmallVector<Tensor> peepholes; ///< [hidden] each, LSTM: i, o, f
    Tensor h, c;                         ///< [batch, hidden]
  };

  /// Reads what only this operator has.
  virtual void readMore(Direction &, int64_t /*index*/) {}
  /// The bias of the product of all inputs, from the two halves of B.
  virtual Tensor makeBias(Direction &d, Tensor input, Tensor recurrent);
  /// Updates the state of `d`.
  virtual void step(Direction &d) = 0;

  /// An elementwise result of tensors that broadcast to each other.
  Tensor compute(llvm::ArrayRef<Tensor *> inputs, ElementBody body);
  Tensor addTensors(Tensor &lhs, Tensor &rhs);
  static mlir::Value apply(mlir::ImplicitLocOpBuilder &b,
                           const Function &function, mlir::Value x) {
    return function.body(b, x, function.alpha, function.beta);
  }
  /// `function` of a gate, which is clipped if the node asks for it.
  mlir::Value activate(mlir::ImplicitLocOpBuilder &b, const Function &function,
                       mlir::Value x) const;
  /// Most sequences start from a state of zeros: no product is needed.
  static bool isZero(const Tensor &state);
  /// `state` times the recurrent weights of gates.
  Tensor multiplyState(Direction &d, Tensor &state, int64_t first,
                       int64_t count);
  /// What the inputs of the step contribute to gates.
  Tensor getInputs(Direction &d, int64_t first, int64_t count) {
    return n.slice(d.gates, {d.row, first * hidden}, {batch, count * hidden});
  }
  /// Gate number `i` of gates side by side.
  Tensor getGate(Tensor &gates, int64_t i) {
    return n.slice(gates, {0, i * hidden}, {batch, hidden});
  }
  /// What the inputs and `state` contribute, gate by gate.
  llvm::SmallVector<Tensor> getSums(Direction &d, Tensor &state, int64_t first,
                                    int64_t count);
  Tensor makeZero(llvm::ArrayRef<int64_t> shape);
  Tensor wrap(mlir::Value value);
  /// The values that play the same role in other steps get one scale.
  void shareScale(Tensor &value, llvm::StringRef role);
  /// Part of row `index` of input `i`, [directions, ...].
  Tensor getRow(unsigned i, int64_t index, int64_t offset, int64_t extent);
  Tensor getInitialState(unsigned i, int64_t index);

  NodeImporter &n;
  int64_t numGates, steps = 0, batch = 0, hidden = 0;

private:
  mlir::LogicalResult readShapes();
  mlir::LogicalResult readFunctions();
  mlir::LogicalResult checkInput(unsigned i, llvm::StringRef what,
                                 llvm::ArrayRef<int64_t> shape);
  mlir::LogicalResult checkLengths();
  Direction makeDirection(int64_t index, Tensor &x);
  Tensor swapFirst(Tensor tensor);
  void setSequence(llvm::ArrayRef<llvm::SmallVector<mlir::Value>> states);
  void setState(unsigned result, llvm::ArrayRef<mlir::Value> states);

  llvm::ArrayRef<llvm::StringRef> defaults;
  llvm::SmallVector<Function> functions;
  std::optional<double> clip;
  int64_t numDirections = 1, inputSize = 0;
  bool startsReverse = false, batchFirst = false;
  mlir::Type type;
};

} // namespace mpq::onnximport

#endif // MPQ_LIB_ONNX_RECURRENCE_H
