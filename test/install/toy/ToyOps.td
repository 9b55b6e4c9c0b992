//===- ToyOps.td - a dialect that MPQ knows nothing of -*- tablegen -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The product implements MPQ's interfaces itself; the other operations get them
// by external models (ToyQuantization.cpp), as they would in a dialect whose
// TableGen files cannot be changed. Constants have an operation of their own.
//
//===----------------------------------------------------------------------===//

#ifndef TOY_OPS_TD
#define TOY_OPS_TD

include "mlir/IR/OpBase.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mpq/Dialect/MPQInterfaces.td"

def Toy_Dialect : Dialect {
  let name = "toy";
  let cppNamespace = "::toy";
  let summary = "Layers of a small neural network";
}

class Toy_Op<string mnemonic, list<Trait> traits = []>
    : Op<Toy_Dialect, mnemonic, traits # [Pure]>;

def F32Matrix : ConfinedType<2DTensorOf<[F32]>, [HasStaticShapePred]>;
def F32Vector : ConfinedType<1DTensorOf<[F32]>, [HasStaticShapePred]>;

def ConstantOp : Toy_Op<"constant", [ConstantLike, AllTypesMatch<["value", "result"]>]> {
  let summary = "a constant tensor";
  let description = [{
    Like `arith.constant`. MPQ reads weights from any constant that folds.
  }];
  let arguments = (ins ElementsAttr:$value);
  let results = (outs AnyStaticShapeTensor:$result);
  let assemblyFormat = "attr-dict $value";
  let hasFolder = 1;
}

def DenseOp : Toy_Op<"dense", [DeclareOpInterfaceMethods<QuantizableOpInterface>]> {
  let summary = "a fully connected layer";
  let description = [{
    `result[b, o] = sum_i input[b, i] * weights[o, i] + bias[o]`: output channels
    are the rows of the weights, not the columns as in `linalg.matmul`.
  }];
  let arguments = (ins F32Matrix:$input, F32Matrix:$weights, F32Vector:$bias);
  let results = (outs F32Matrix:$result);
  let assemblyFormat = [{
    $input `,` $weights `,` $bias attr-dict
    `:` type($input) `,` type($weights) `,` type($bias) `->` type($result)
  }];
  let hasVerifier = 1;
}

def ReluOp : Toy_Op<"relu", [SameOperandsAndResultType]> {
  let summary = "the larger of each element and 0";
  let description = [{
    Elementwise: stays in float between a dequantization and a quantization.
  }];
  let arguments = (ins F32Matrix:$input);
  let results = (outs F32Matrix:$result);
  let assemblyFormat = "$input attr-dict `:` type($input)";
}

def ReverseOp : Toy_Op<"reverse", [SameOperandsAndResultType]> {
  let summary = "the columns in reverse order";
  let description = [{
    Moves numbers of any type, and so preserves scales.
  }];
  let arguments = (ins AnyStaticShapeTensor:$input);
  let results = (outs AnyStaticShapeTensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input)";
}

#endif // TOY_OPS_TD
