//===- MPQInterfaces.td - what an operation can tell a quantizer -*- tablegen -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The passes know operations only through these interfaces. They are attached
// to linalg, tensor, arith and math by external models (lib/Models); a foreign
// dialect joins by attaching the same.
//
//===----------------------------------------------------------------------===//

#ifndef MPQ_DIALECT_MPQINTERFACES_TD
#define MPQ_DIALECT_MPQINTERFACES_TD

include "mlir/IR/OpBase.td"

def QuantizableOpInterface : OpInterface<"QuantizableOpInterface"> {
  let cppNamespace = "::mpq";
  let description = [{
    An operation worth computing in integers: a product of activations and
    weights. Everything else is either scale preserving or float. Operations
    whose kind does not tell (`linalg.generic`) answer `isProduct`; the other
    methods may be called only if it holds.
  }];
  let methods = [
    InterfaceMethod<[{
      Whether this operation is a product of f32 activations and weights.
    }], "bool", "isProduct">,
    InterfaceMethod<[{
      The operand that holds activations.
    }], "::mlir::OpOperand &", "getActivationOperand">,
    InterfaceMethod<[{
      The operand that holds weights (or the second activation of an attention
      product).
    }], "::mlir::OpOperand &", "getWeightOperand">,
    InterfaceMethod<[{
      The dimensions of the weight operand that index output channels: scales
      may differ along them. One dimension for matrix products and dense
      convolutions; empty when scales must be per tensor.
    }], "::llvm::SmallVector<int64_t>", "getWeightChannelDims">,
    InterfaceMethod<[{
      The number of products summed into one output element.
    }], "int64_t", "getReductionExtent">,
    InterfaceMethod<[{
      Multiply-accumulates of the whole operation, or std::nullopt when a shape
      is dynamic.
    }], "std::optional<int64_t>", "getMultiplyAccumulates">,
    InterfaceMethod<[{
      What the rules of recipes call this product: "conv", "depthwise" or
      "matmul". (A "matmul" whose weights are computed is "attention".)
    }], "::llvm::StringRef", "getProductKind", (ins), /*methodBody=*/"",
    /*defaultImplementation=*/[{ return "matmul"; }]>,
  ];
}

def ScaleRelationOpInterface : OpInterface<"ScaleRelationOpInterface"> {
  let cppNamespace = "::mpq";
  let description = [{
    An operation that moves values without changing them (reshape, transpose,
    slice, concatenation, maximum over a window): with quantized operands it
    computes on the integers themselves.
  }];
  let methods = [
    InterfaceMethod<[{
      The operands that must share scale and zero point with result 0; empty
      when this operation does not only move values. (A gather's operand belongs
      to the `tensor.extract` in its body.)
    }], "::llvm::SmallVector<::mlir::OpOperand *>", "getScalePreservingOperands">,
    InterfaceMethod<[{
      Whether this operation, cloned with integers in place of its scale
      preserving operands and of result 0, moves those integers. If not, the
      values are dequantized before it.
    }], "bool", "movesIntegers", (ins), /*methodBody=*/"",
    /*defaultImplementation=*/[{ return true; }]>,
  ];
}

def RangeInferenceOpInterface : OpInterface<"RangeInferenceOpInterface"> {
  let cppNamespace = "::mpq";
  let description = [{
    Interval transfer: bounds on the results from bounds on the operands
    (R. E. Moore, Interval Analysis, 1966). `std::nullopt` means unbounded or
    unknown; every result must be sound.
  }];
  let methods = [
    InterfaceMethod<[{
      Result interval from operand intervals (pairs of lower and upper bound,
      in operand order, then result order).
    }], "::llvm::SmallVector<std::optional<std::pair<double, double>>>",
    "inferRanges",
    (ins "::llvm::ArrayRef<std::optional<std::pair<double, double>>>":$operands)>,
  ];
}

#endif // MPQ_DIALECT_MPQINTERFACES_TD
