//===- Model.h - an ONNX model in plain structures -*- C++ -*- ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything after reading works on these, so that protobuf's headers stay in
// one file and checks on the graph (names, order, cycles) happen in one place.
//
//===----------------------------------------------------------------------===//

#ifndef MPQ_LIB_ONNX_MODEL_H
#define MPQ_LIB_ONNX_MODEL_H

#include "ConstantTensor.h"

#include "mlir/IR/Location.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"

#include <map>
#include <string>
#include <vector>

namespace mpq::onnximport {

struct NodeAttribute {
  enum Kind { Float, Int, String, Tensor, Floats, Ints, Strings, Other };
  Kind kind = Other;
  double f = 0;
  int64_t i = 0;
  std::string s;
  std::optional<ConstantTensor> tensor;
  std::vector<double> floats;
  std::vector<int64_t> ints;
  std::vector<std::string> strings;
};

struct Node {
  std::string domain, opType, name;
  unsigned index = 0;
  std::vector<std::string> inputs, outputs; ///< "" stands for an absent one
  std::map<std::string, NodeAttribute> attributes;

  /// Operator and name (or position) as locations and messages show them.
  std::string getLabel() const {
    return opType + ":" + (name.empty() ? std::to_string(index) : name);
  }
  /// `"<first output>"("<OpType>:<name or index>")`.
  mlir::Location getLoc(mlir::MLIRContext *context) const;
};

/// An input or output of the graph.
struct GraphValue {
  std::string name;
  mlir::Type elementType; ///< null if the model does not say
  bool isUnsigned = false;
  bool hasShape = false;
  llvm::SmallVector<int64_t> shape; ///< -1: not known in the model
};

struct Model {
  std::string graphName;
  std::map<std::string, int64_t> opsets; ///< by domain
  std::vector<Node> nodes;
  std::vector<GraphValue> inputs, outputs;
  std::map<std::string, ConstantTensor> initializers;

  /// Sorts the nodes so that producers come first and drops those no output
  /// depends on. Fails with a diagnostic if names are undefined or defined
  /// twice or the graph has a cycle.
  mlir::LogicalResult sortAndVerify(mlir::Location loc);
};

/// Reads a serialized ModelProto. Tensors in external files are looked for in
/// `folder`; an empty folder means that there can be none.
mlir::FailureOr<Model> readModel(llvm::StringRef data, llvm::StringRef folder,
                                 mlir::Location loc);

} // namespace mpq::onnximport

#endif // MPQ_LIB_ONNX_MODEL_H
