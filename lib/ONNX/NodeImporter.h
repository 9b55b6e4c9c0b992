//===- NodeImporter.h - what an import function sees ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An operator is one function over a NodeImporter: it asks for inputs and
// attributes, emits linalg through the helpers here and sets the results.
// Locations, names of helper values, checks on the number of inputs and the
// liveness of intermediate values are not its business.
//
//===----------------------------------------------------------------------===//

#ifndef MPQ_LIB_ONNX_NODEIMPORTER_H
#define MPQ_LIB_ONNX_NODEIMPORTER_H

#include "Model.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <optional>

namespace mpq::onnximport {

/// A tensor during import: known now, computed by an operation, or both (a
/// constant that some operation has used).
struct Tensor {
  mlir::RankedTensorType type;
  bool isUnsigned = false;
  mlir::Value value;                      ///< null for an unused constant
  std::optional<ConstantTensor> constant; ///< set if known now
  std::string name;                       ///< of the ONNX value

  llvm::ArrayRef<int64_t> getShape() const { return type.getShape(); }
  int64_t getRank() const { return type.getRank(); }
  int64_t getDim(int64_t i) const { return type.getDimSize(i); }
  mlir::Type getElementType() const { return type.getElementType(); }
  bool isFloat() const {
    return mlir::isa<mlir::FloatType>(type.getElementType());
  }
};

/// The state of one import.
class ModelImporter {
public:
  virtual ~ModelImporter() = default;
  /// The tensor as a value; constants become `arith.constant` at the start of
  /// the function.
  virtual mlir::Value materialize(Tensor &tensor) = 0;
  virtual Tensor *find(llvm::StringRef name) = 0;
  /// The node that computes `name`; null for inputs and initializers.
  virtual const Node *getProducer(llvm::StringRef name) = 0;
};

/// Computes an element of the result from elements of the inputs.
using ElementBody = llvm::function_ref<mlir::Value(mlir::ImplicitLocOpBuilder &,
                                                   mlir::ValueRange)>;

class NodeImporter {
public:
  NodeImporter(ModelImporter &model, const Node &node, int64_t opset,
               mlir::ImplicitLocOpBuilder &builder);
  NodeImporter(const NodeImporter &) = delete;
  NodeImporter &operator=(const NodeImporter &) = delete;
  ~NodeImporter();

  const Node &node;
  /// Version of the operator set the node's domain is imported at.
  const int64_t opset;
  mlir::ImplicitLocOpBuilder &b;

  //===--------------------------------------------------------------------===//
  // Inputs and results
  //===--------------------------------------------------------------------===//

  unsigned getNumInputs() const { return node.inputs.size(); }
  bool hasInput(unsigned i) const {
    return i < node.inputs.size() && !node.inputs[i].empty();
  }
  Tensor &in(unsigned i) { return *model.find(node.inputs[i]); }
  mlir::Value value(unsigned i) { return materialize(in(i)); }
  mlir::Value materialize(Tensor &tensor) { return model.materialize(tensor); }
  ModelImporter &getModel() { return model; }

  bool hasResult(unsigned i) const {
    return i < node.outputs.size() && !node.outputs[i].empty();
  }
  void setResult(unsigned i, mlir::Value value, bool isUnsigned = false);
  void setResult(unsigned i, ConstantTensor constant);
  /// The result is another tensor itself.
  void setResult(unsigned i, const Tensor &tensor);
  llvm::SmallVector<std::optional<Tensor>> results;

  //===--------------------------------------------------------------------===//
  // Attributes and checks. A wrong kind of attribute is reported at once and
  // fails the import after the function returns.
  //===--------------------------------------------------------------------===//

  mlir::InFlightDiagnostic error() const;
  bool hasAttr(llvm::StringRef name) const {
    return node.attributes.count(name.str());
  }
  int64_t getInt(llvm::StringRef name, int64_t defaultValue);
  double getFloat(llvm::StringRef name, double defaultValue);
  std::string getString(llvm::StringRef name, llvm::StringRef defaultValue);
  std::optional<llvm::SmallVector<int64_t>> getInts(llvm::StringRef name);
  const NodeAttribute *getAttr(llvm::StringRef name, NodeAttribute::Kind kind);
  /// Integers from input `i`, which has to be known at import.
  mlir::FailureOr<llvm::SmallVector<int64_t>> getConstantInts(unsigned i);
  /// Integers from the attribute or, since some opset, from input `i`;
  /// std::nullopt if neither is there.
  mlir::FailureOr<std::optional<llvm::SmallVector<int64_t>>>
  getIntsOrInput(llvm::StringRef name, unsigned i);
  /// `axis` counted from the front.
  mlir::FailureOr<int64_t> normalizeAxis(int64_t axis, int64_t rank);
  /// Distinct axes counted from the front, sorted.
  mlir::FailureOr<llvm::SmallVector<int64_t>>
  normalizeAxes(llvm::ArrayRef<int64_t> axes, int64_t rank);
  mlir::LogicalResult requireRank(unsigned i, int64_t atLeast, int64_t atMost);
  mlir::LogicalResult requireFloat(unsigned i);
  mlir::LogicalResult requireConstant(unsigned i);
  /// True if input `i` is a constant. Dequantized integers become one for this
  /// node only: to others, products above all, they stay quantized.
  bool isKnown(unsigned i);
  bool hadError = false;

  //===--------------------------------------------------------------------===//
  // Emission
  //===--------------------------------------------------------------------===//

  /// Elementwise operation with ONNX's (NumPy's) broadcasting. Constants with
  /// one value become scalars of the body. Bodies see the element types of the
  /// inputs; the result has elements of `resultElement`.
  mlir::FailureOr<mlir::Value> elementwise(llvm::ArrayRef<Tensor *> inputs,
                                           mlir::Type resultElement,
                                           ElementBody body);
  /// The same for values of equal shape.
  mlir::Value map(mlir::ValueRange inputs, mlir::Type resultElement,
                  ElementBody body);
  /// Broadcast shape; reports shapes that do not agree.
  mlir::FailureOr<llvm::SmallVector<int64_t>>
  broadcastShapes(llvm::ArrayRef<llvm::ArrayRef<int64_t>> shapes);
  /// `tensor` broadcast to `shape`.
  mlir::Value broadcast(Tensor &tensor, llvm::ArrayRef<int64_t> shape);
  /// Folds dimensions `dims` (sorted); the body gets element and accumulator.
  mlir::Value reduce(mlir::Value input, llvm::ArrayRef<int64_t> dims,
                     mlir::TypedAttr init, ElementBody body);
  /// The product of two matrices.
  mlir::Value matmul(mlir::Value lhs, mlir::Value rhs);
  mlir::Value reshape(mlir::Value input, llvm::ArrayRef<int64_t> shape);
  mlir::Value transpose(mlir::Value input, llvm::ArrayRef<int64_t> permutation);
  /// Constants are changed at import, other tensors by operations.
  Tensor reshape(Tensor &input, llvm::ArrayRef<int64_t> shape);
  Tensor transpose(Tensor &input, llvm::ArrayRef<int64_t> permutation);
  Tensor slice(Tensor &input, llvm::ArrayRef<int64_t> offsets,
               llvm::ArrayRef<int64_t> sizes);
  mlir::Value pad(mlir::Value input, llvm::ArrayRef<int64_t> low,
                  llvm::ArrayRef<int64_t> high, mlir::TypedAttr value);
  mlir::Value slice(mlir::Value input, llvm::ArrayRef<int64_t> offsets,
                    llvm::ArrayRef<int64_t> sizes,
                    llvm::ArrayRef<int64_t> strides);
  /// A tensor with elements chosen by a function of the result's indices. The
  /// body gets the indices of the result and returns those of the input.
  mlir::Value gather(mlir::Value input, llvm::ArrayRef<int64_t> shape,
                     llvm::function_ref<llvm::SmallVector<mlir::Value>(
                         mlir::ImplicitLocOpBuilder &, mlir::ValueRange)>
                         body);
  mlir::Value empty(llvm::ArrayRef<int64_t> shape, mlir::Type elementType);
  mlir::Value fill(llvm::ArrayRef<int64_t> shape, mlir::TypedAttr value);
  mlir::Value scalar(mlir::TypedAttr value);
  mlir::TypedAttr zero(mlir::Type elementType) {
    return b.getZeroAttr(elementType);
  }
  /// A constant that the node itself brings along (reciprocal counts, folded
  /// parameters), with the value id `<output>#<role>`.
  Tensor makeConstant(ConstantTensor constant, llvm::StringRef role);

  /// An `mpq.unit` over `inputs`; `body` gets the block arguments and returns
  /// the result.
  mlir::Value unit(llvm::StringRef kind, mlir::ValueRange inputs,
                   mlir::Type resultType,
                   llvm::function_ref<mlir::Value(mlir::ValueRange)> body);

private:
  ModelImporter &model;
  llvm::SmallVector<Tensor *> evaluated; // by isKnown
};

/// Scalars of a linalg body.
mlir::Value makeFloat(mlir::ImplicitLocOpBuilder &b, mlir::Type type,
                      double value);
mlir::Value makeInt(mlir::ImplicitLocOpBuilder &b, mlir::Type type,
                    int64_t value);

/// The shape without its dimensions `dims` (sorted).
llvm::SmallVector<int64_t> removeDims(llvm::ArrayRef<int64_t> shape,
                                      llvm::ArrayRef<int64_t> dims);
int64_t product(llvm::ArrayRef<int64_t> values);

} // namespace mpq::onnximport

#endif // MPQ_LIB_ONNX_NODEIMPORTER_H
