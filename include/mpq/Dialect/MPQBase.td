//===- MPQBase.td - the mpq dialect and its type constraints -*- tablegen -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tensors keep builtin element types: signedness belongs to the operation
// (docs/Rationale.md says why upstream `quant` types do not serve).
//
//===----------------------------------------------------------------------===//

#ifndef MPQ_DIALECT_MPQBASE_TD
#define MPQ_DIALECT_MPQBASE_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"

def MPQ_Dialect : Dialect {
  let name = "mpq";
  let cppNamespace = "::mpq";
  let summary = "Deciding precision and generating code for quantized models";
  let description = [{
    Quantization as ordinary operations on builtin integer tensors. Values flow
    through three families:

    * *QDQ form*: `mpq.quantize` and `mpq.dequantize` on the edges of float
      operations; the waist where quantized models arrive and leave.
      `mpq.choose_params` makes parameters as the model runs.
    * *Structure*: `mpq.unit` keeps a composite (softmax, layer norm, GELU)
      together; `mpq.observe` records what a value looks like at run time.
    * *Codegen*: `mpq.contract`, `mpq.conv`, `mpq.block_contract` and `mpq.dot4`
      carry packed integer and float products to the registers of a target.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::tensor::TensorDialect"];
  let useDefaultAttributePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let extraClassDeclaration = [{
    void registerAttributes();
    /// Argument/result attribute: the name a tensor has in the source model.
    static ::llvm::StringRef getNameAttrName() { return "mpq.name"; }
    /// Argument/result attribute: a unit attribute on integer tensors whose
    /// storage is unsigned.
    static ::llvm::StringRef getUnsignedAttrName() { return "mpq.unsigned"; }
    /// Argument attribute: a unit attribute on the input that says which rows
    /// of values count for what samples decide on (RowMask.h).
    static ::llvm::StringRef getRowMaskAttrName() { return "mpq.row_mask"; }
    /// Operation attribute: an array of #mpq.range, one for each result.
    static ::llvm::StringRef getRangesAttrName() { return "mpq.ranges"; }
    /// Argument attribute: the #mpq.range of a function argument.
    static ::llvm::StringRef getRangeAttrName() { return "mpq.range"; }
    /// Operation attribute: the #mpq.channel_ranges of its result.
    static ::llvm::StringRef getChannelRangesAttrName() { return "mpq.channel_ranges"; }
    /// Operation attribute: the #mpq.equalization of its result.
    static ::llvm::StringRef getEqualizationAttrName() { return "mpq.equalization"; }
    /// Operation attribute: what is added to each output channel of a product,
    /// along its last dimension (array<f32>).
    static ::llvm::StringRef getBiasCorrectionAttrName() { return "mpq.bias_correction"; }
    /// Operation attribute: the #mpq.precision its computation gets.
    static ::llvm::StringRef getPrecisionAttrName() { return "mpq.precision"; }
    /// Operation attribute: a unit attribute on a product of precision int8
    /// whose activations are quantized as the model runs.
    static ::llvm::StringRef getDynamicAttrName() { return "mpq.dynamic"; }
    /// Operation attribute: the #mpq.precision that memory holds its result in.
    static ::llvm::StringRef getStoredAttrName() { return "mpq.stored"; }
    /// Operation attribute: a string on each step of a recurrence. The results
    /// of all operations that have the same one get one scale and zero point;
    /// what one of them reads of another stays float.
    static ::llvm::StringRef getScaleGroupAttrName() { return "mpq.scale_group"; }
    /// Operation attribute: the #mpq.blocks of weights of 4 or 2 bits.
    static ::llvm::StringRef getBlocksAttrName() { return "mpq.blocks"; }
    /// Operation attribute: elements (i64) of the sum of a product of bf16 that
    /// a matrix unit takes at once (docs/Numerics.md, N-H3).
    static ::llvm::StringRef getMatrixStepAttrName() { return "mpq.matrix_step"; }
    /// Operation attribute: the #mpq.weight_rounding that a product asks for.
    static ::llvm::StringRef getWeightRoundingAttrName() { return "mpq.weight_rounding"; }
    /// Operation attribute: the #mpq.rounded_weights of a product.
    static ::llvm::StringRef getRoundedWeightsAttrName() { return "mpq.rounded_weights"; }
    /// Loop attribute: iterations (i64) by which weights are read ahead.
    static ::llvm::StringRef getStreamAheadAttrName() { return "mpq.stream_ahead"; }
    /// Operation attribute: the #mpq.strategy codegen follows.
    static ::llvm::StringRef getStrategyAttrName() { return "mpq.strategy"; }
    /// Module attribute: the #mpq.target codegen compiles for.
    static ::llvm::StringRef getTargetAttrName() { return "mpq.target"; }
    /// Function attribute: how many work items a kernel is cut into (i64).
    static ::llvm::StringRef getWorkItemsAttrName() { return "mpq.work_items"; }
    /// Function attribute: what a call of a kernel does, as an array<i64> of
    /// multiply-accumulates in integers and in float, bytes read and written.
    static ::llvm::StringRef getKernelWorkAttrName() { return "mpq.kernel_work"; }
    /// Function attribute: a unit attribute on outlined kernels.
    static ::llvm::StringRef getKernelAttrName() { return "mpq.kernel"; }
  }];
}

class MPQ_Op<string mnemonic, list<Trait> traits = []>
    : Op<MPQ_Dialect, mnemonic, traits>;

//===----------------------------------------------------------------------===//
// Type constraints: every quantization op exists on tensors, and on scalars
// (inside linalg bodies) that vectorize.
//===----------------------------------------------------------------------===//

// Integer storage of quantized values: 2, 4, 8 or 16 bits.
def MPQ_StorageInt : AnyTypeOf<[I<2>, I<4>, I8, I16],
    "2-, 4-, 8- or 16-bit signless integer">;
def MPQ_Float : AnyTypeOf<[F32, F16, BF16], "f32, f16 or bf16">;

class MPQ_ScalarVectorOrTensor<Type element>
    : AnyTypeOf<[element, VectorOfAnyRankOf<[element]>,
                 RankedTensorOf<[element]>]>;

def MPQ_StorageLike : MPQ_ScalarVectorOrTensor<MPQ_StorageInt>;
def MPQ_FloatLike : MPQ_ScalarVectorOrTensor<MPQ_Float>;
def MPQ_F32Like : MPQ_ScalarVectorOrTensor<F32>;
def MPQ_I32Like : MPQ_ScalarVectorOrTensor<I32>;
// What dequantize reads: storage integers, 32-bit biases (ONNX allows both), and
// floats of 8 and 4 bits.
def MPQ_DequantizableLike
    : MPQ_ScalarVectorOrTensor<AnyTypeOf<[I<2>, I<4>, I8, I16, I32, F8E4M3FN,
                                          F8E5M2, F4E2M1FN],
        "2-, 4-, 8-, 16- or 32-bit signless integer, f8E4M3FN, f8E5M2 or "
        "f4E2M1FN">>;

#endif // MPQ_DIALECT_MPQBASE_TD
