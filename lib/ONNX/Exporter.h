//===- Exporter.h - one QDQ export -*- C++ -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The state of an export: ExportONNX.cpp has names and the graph as a whole,
// ExportProducts.cpp replaces the products.
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_LIB_ONNX_EXPORTER_H
#define MPQ_LIB_ONNX_EXPORTER_H

#include "GraphEditor.h"
#include "QDQForm.h"

#include "mpq/ONNX/ExportONNX.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mpq::onnximport {

class Exporter {
public:
  using NodeProto = ::onnx::NodeProto;

  Exporter(mlir::func::FuncOp function, ::onnx::ModelProto &proto,
           mlir::Location loc, ExportSummary &summary)
      : function(function), proto(proto), loc(loc), summary(summary) {}

  /// Rewrites the model; `original` is it, serialized.
  mlir::LogicalResult run(llvm::StringRef original, llvm::StringRef folder);

private:
  /// Nodes between two tensors, in the order values flow.
  using NodePath = llvm::SmallVector<NodeProto *>;
  /// A bias along the output channels, and the accumulator's scales (none: it
  /// stays float).
  struct Bias {
    std::vector<float> values, scales;
  };

  mlir::LogicalResult checkInterface();
  mlir::LogicalResult findShapes(llvm::StringRef original,
                                 llvm::StringRef folder);
  mlir::LogicalResult upgrade(llvm::ArrayRef<QuantizedProduct> products);
  void fixShapes();
  void indexValues();
  std::string resolve(mlir::Value value);
  std::string findTensor(mlir::Value value);
  NodeProto *createScaled(const std::string &source, const std::string &tensor,
                          mlir::Type type, llvm::ArrayRef<float> factors,
                          const std::string &result);
  void restoreEqualized();
  void findRoundedOutputs();
  void quantizeTensor(const std::string &tensor,
                      const TensorQuantization &parameters);

  // On failure `message` says what the graph cannot express.
  mlir::LogicalResult replaceProduct(const QuantizedProduct &product,
                                     std::string &message);
  NodeProto *findProductNode(mlir::Value result, std::string &tensor,
                             NodePath &path, std::string &message);
  std::optional<llvm::SmallVector<int64_t>>
  getWeightShape(const QuantizedProduct &product, const NodeProto &node,
                 const WeightOrder &order, std::string &message);
  std::optional<Bias> getBias(const QuantizedProduct &product,
                              const NodeProto &node,
                              const QuantizedWeights &weights,
                              llvm::ArrayRef<int64_t> shape,
                              std::string &message);
  std::optional<std::string> getActivation(const QuantizedProduct &product,
                                           const NodeProto &node,
                                           std::string &message);
  std::string createWeights(const QuantizedWeights &weights,
                            llvm::StringRef name, llvm::ArrayRef<int64_t> shape,
                            NodeProto *place);
  std::string createBias(const Bias &bias, llvm::StringRef name,
                         NodeProto *place);
  std::string rebuild(std::string tensor, const NodePath &path,
                      llvm::StringRef result);
  bool hasMoves(const NodePath &path) const;
  int getDataInput(const NodeProto &node, bool &moves) const;

  mlir::func::FuncOp function;
  ::onnx::ModelProto &proto;
  mlir::Location loc;
  ExportSummary &summary;
  std::optional<GraphEditor> graph;
  /// Types of the model's tensors as importing them anew finds.
  llvm::StringMap<mlir::RankedTensorType> types;
  /// By name without what is behind '#', the last value that is computed and
  /// not moved.
  llvm::StringMap<mlir::Value> lastComputed;
  llvm::DenseMap<mlir::Value, std::string> resolved; ///< "": no tensor
  /// What a tensor that a recipe added divides.
  llvm::StringMap<std::string> equalized;
  /// Tensors that are quantized, and their rounded forms.
  llvm::StringMap<std::string> dequantized;
  llvm::SmallPtrSet<const NodeProto *, 16> replaced;
  llvm::StringSet<> roundedOutputs;
};

/// The part of a value's name that is a tensor's if the value is a helper.
inline llvm::StringRef getBaseName(llvm::StringRef name) {
  return name.take_front(name.find('#'));
}

} // namespace mpq::onnximport

#endif // MPQ_LIB_ONNX_EXPORTER_H
