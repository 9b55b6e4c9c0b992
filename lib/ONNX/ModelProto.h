//===- ModelProto.h - serialized models as they are -*- C++ -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The importer copies a model into plain structures (Model.h); the exporter
// edits the protobuf itself, so that everything it does not touch (metadata,
// names, documentation) survives.
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_LIB_ONNX_MODELPROTO_H
#define MPQ_LIB_ONNX_MODELPROTO_H

#include "mlir/IR/Location.h"
#include "mlir/Support/LLVM.h"
#include "llvm/ADT/StringRef.h"

#include "onnx-ml.pb.h"

namespace mpq::onnximport {

/// Parses a serialized model that has a graph.
mlir::LogicalResult parseModelProto(llvm::StringRef data, mlir::Location loc,
                                    ::onnx::ModelProto &proto);

/// Moves tensors from external files (looked for in `folder`) into the model.
mlir::LogicalResult embedExternalData(::onnx::ModelProto &proto,
                                      llvm::StringRef folder,
                                      mlir::Location loc);

} // namespace mpq::onnximport

#endif // MPQ_LIB_ONNX_MODELPROTO_H
