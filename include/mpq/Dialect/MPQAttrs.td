//===- MPQAttrs.td - attributes and enumerations of the mpq dialect -*- tablegen -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Decisions live in attributes, so that one pass makes them and another obeys.
//
//===----------------------------------------------------------------------===//

#ifndef MPQ_DIALECT_MPQATTRS_TD
#define MPQ_DIALECT_MPQATTRS_TD

include "mlir/IR/EnumAttr.td"
include "mpq/Dialect/MPQBase.td"

//===----------------------------------------------------------------------===//
// Variants of the numeric contract
//===----------------------------------------------------------------------===//

class MPQ_Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::mpq";
  let genSpecializedAttr = 0;
}
class MPQ_EnumAttr<EnumInfo info, string mnemonic>
    : EnumAttr<MPQ_Dialect, info, mnemonic> {
  let assemblyFormat = "`<` $value `>`";
}

def MPQ_RoundingEnum : MPQ_Enum<"Rounding", "how a real number becomes an integer", [
    I32EnumAttrCase<"HalfEven", 0, "half_even">,
    I32EnumAttrCase<"HalfUp", 1, "half_up">,
    I32EnumAttrCase<"HalfAway", 2, "half_away">]>;
def MPQ_Rounding : MPQ_EnumAttr<MPQ_RoundingEnum, "rounding">;

def MPQ_ScalingEnum : MPQ_Enum<"Scaling", "how quantization applies the scale", [
    I32EnumAttrCase<"Divide", 0, "divide">,
    I32EnumAttrCase<"Multiply", 1, "multiply">]>;
def MPQ_Scaling : MPQ_EnumAttr<MPQ_ScalingEnum, "scaling">;

def MPQ_ZeroPointOrderEnum : MPQ_Enum<"ZeroPointOrder",
    "whether the zero point is added after or before rounding", [
    I32EnumAttrCase<"AfterRounding", 0, "after">,
    I32EnumAttrCase<"BeforeRounding", 1, "before">]>;
def MPQ_ZeroPointOrder : MPQ_EnumAttr<MPQ_ZeroPointOrderEnum, "zero_point_order">;

//===----------------------------------------------------------------------===//
// Decisions
//===----------------------------------------------------------------------===//

def MPQ_RangeOriginEnum : MPQ_Enum<"RangeOrigin", "where a range comes from", [
    I32EnumAttrCase<"Calibration", 0, "calibration">,
    I32EnumAttrCase<"Interval", 1, "interval">,
    I32EnumAttrCase<"Recipe", 2, "recipe">,
    I32EnumAttrCase<"Model", 3, "model">]>;
def MPQ_RangeOrigin : MPQ_EnumAttr<MPQ_RangeOriginEnum, "range_origin">;

class MPQ_AttrDef<string name, string attrMnemonic> : AttrDef<MPQ_Dialect, name> {
  let mnemonic = attrMnemonic;
}

// A bound of a range; written as a plain number.
class MPQ_BoundParameter<string desc> : APFloatParameter<desc> {
  let parser = [{[&]() -> ::mlir::FailureOr<::llvm::APFloat> {
    double value;
    if ($_parser.parseFloat(value))
      return ::mlir::failure();
    return ::llvm::APFloat(value);
  }()}];
  let printer = "$_printer.printFloat($_self)";
}

def MPQ_RangeAttr : MPQ_AttrDef<"Range", "range"> {
  let summary = "Closed interval of the values a tensor takes, and how it is known";
  let description = [{
    `#mpq.range<-1.5, 2.25, calibration>`: every element lies in
    `[min, max]` (a calibrated range says so of the samples seen).
    Constraint (R1): both bounds are finite and `min <= max`.
  }];
  let parameters = (ins MPQ_BoundParameter<"smallest value">:$minValue,
                        MPQ_BoundParameter<"largest value">:$maxValue,
                        EnumParameter<MPQ_RangeOriginEnum>:$origin);
  let assemblyFormat = "`<` $minValue `,` $maxValue `,` $origin `>`";
  let genVerifyDecl = 1;
  let builders = [AttrBuilder<(ins "double":$min, "double":$max,
                                   "RangeOrigin":$origin), [{
    return $_get($_ctxt, ::llvm::APFloat(min), ::llvm::APFloat(max), origin);
  }]>];
  let extraClassDeclaration = [{
    double getMin() const { return getMinValue().convertToDouble(); }
    double getMax() const { return getMaxValue().convertToDouble(); }
  }];
}

def MPQ_PrecisionEnum : MPQ_Enum<"PrecisionKind", "what an operation computes in", [
    I32EnumAttrCase<"F32", 0, "f32">,
    I32EnumAttrCase<"Int8", 1, "int8">,
    I32EnumAttrCase<"Int4", 2, "int4">,
    I32EnumAttrCase<"Int2", 3, "int2">,
    I32EnumAttrCase<"BF16", 4, "bf16">,
    I32EnumAttrCase<"F16", 5, "f16">,
    I32EnumAttrCase<"Int16", 6, "int16">,
    I32EnumAttrCase<"FP8E4M3", 8, "fp8_e4m3">,
    I32EnumAttrCase<"FP8E5M2", 9, "fp8_e5m2">,
    I32EnumAttrCase<"MXFP8", 10, "mxfp8">,
    I32EnumAttrCase<"MXFP4", 11, "mxfp4">,
    I32EnumAttrCase<"MXInt8", 12, "mxint8">]>;

def MPQ_PrecisionAttr : MPQ_AttrDef<"Precision", "precision"> {
  let summary = "The precision an operation computes in, and why";
  let description = [{
    `#mpq.precision<int8>` or `#mpq.precision<f32, "reason">`. `int8` means
    activations in the unsigned 8-bit range per tensor and signed 8-bit weights
    per output channel; `int16` activations in signed 16 bits per tensor, and
    weights as for `int8`. An operation that stays in float says why. `int4` and
    `int2` mean weights of so many bits, per output channel likewise, or in blocks
    if there is an `mpq.blocks`, which says about activations, too; `bf16`
    and `f16` that both factors are rounded to 16 bits and the sums are f32;
    `fp8_e4m3` and `fp8_e5m2` that weights are of these types with a scale for
    each output channel; `mxfp8`, `mxfp4` and `mxint8` that they are in the
    blocks of the Microscaling formats.
    Constraint (P1): `f32` on a quantizable operation carries a reason.
  }];
  let parameters = (ins EnumParameter<MPQ_PrecisionEnum>:$kind,
                        OptionalParameter<"::mlir::StringAttr">:$reason);
  let assemblyFormat = "`<` $kind (`,` $reason^)? `>`";
}

def MPQ_ChannelRangesAttr : MPQ_AttrDef<"ChannelRanges", "channel_ranges"> {
  let summary = "Smallest and largest value that calibration saw in each channel";
  let description = [{
    `#mpq.channel_ranges<[-1.0, 0.0], [1.0, 8.0]>` on an
    operation of one result: minimum and maximum of each index along the
    result's last dimension. A minimum above its maximum: nothing was seen.
    Constraint (C1): both have an entry for each channel.
  }];
  let parameters = (ins "::mlir::DenseF32ArrayAttr":$minima,
                        "::mlir::DenseF32ArrayAttr":$maxima);
  let assemblyFormat = "`<` $minima `,` $maxima `>`";
  let genVerifyDecl = 1;
}

def MPQ_EqualizationAttr : MPQ_AttrDef<"Equalization", "equalization"> {
  let summary = "Factors by which products read channels of a result divided";
  let description = [{
    `#mpq.equalization<[1.0, 8.0], <-1.0, 6.0, calibration>, others = f32>`
    on an operation of one result: the integer products that read it read it
    divided by one factor for each index along its last dimension, and are
    quantized for the range of the divided result. What else reads it reads the
    result itself (`f32`), or the divided one in 8 bits times the factors
    (`int8`).
    Constraint (E1): factors are powers of two, so that dividing is exact;
    `others` is `f32` or `int8`.
  }];
  let parameters = (ins "::mlir::DenseF32ArrayAttr":$factors,
                        "::mpq::RangeAttr":$range,
                        EnumParameter<MPQ_PrecisionEnum>:$others);
  let assemblyFormat = "`<` $factors `,` $range `,` `others` `=` $others `>`";
  let genVerifyDecl = 1;
}

def MPQ_BlocksAttr : MPQ_AttrDef<"Blocks", "blocks"> {
  let summary = "Which weights of few bits share a scale";
  let description = [{
    `#mpq.blocks<32, activations = f32>`: a matrix product whose weights get a
    scale for 32 consecutive rows of a column (0: for the whole column), and
    whose activations stay float, or (`int8`) are quantized in the same blocks as
    the model runs. With `zero_points = true` blocks of 4 bits have zero points;
    those of 2 bits always do.
    Constraint (K1): the size is not negative and a multiple of 4, activations
    are `f32` or `int8`.
  }];
  let parameters = (ins "int64_t":$size,
                        EnumParameter<MPQ_PrecisionEnum>:$activations,
                        OptionalParameter<"bool">:$zeroPoints);
  let assemblyFormat = "`<` $size `,` `activations` `=` $activations "
                       "(`,` `zero_points` `=` $zeroPoints^)? `>`";
  let genVerifyDecl = 1;
}

def MPQ_WeightRoundingEnum : MPQ_Enum<"WeightRoundingKind",
    "how constant weights become integers", [
    I32EnumAttrCase<"Nearest", 0, "nearest">,
    I32EnumAttrCase<"GPTQ", 1, "gptq">,
    I32EnumAttrCase<"AdaRound", 2, "adaround">]>;
def MPQ_WeightScalesEnum : MPQ_Enum<"WeightScalesKind",
    "how scales of constant weights are chosen", [
    I32EnumAttrCase<"MinMax", 0, "minmax">,
    I32EnumAttrCase<"MSE", 1, "mse">]>;

def MPQ_WeightRoundingAttr : MPQ_AttrDef<"WeightRounding", "weight_rounding"> {
  let summary = "How the weights of a product are to become integers";
  let description = [{
    `#mpq.weight_rounding<gptq, scales = mse>` on a product asks for weights
    that samples of its inputs decide on. With `nearest` and `minmax` there is
    nothing to decide; a reason says why it is not as it was asked for.
  }];
  let parameters = (ins EnumParameter<MPQ_WeightRoundingEnum>:$kind,
                        EnumParameter<MPQ_WeightScalesEnum>:$scales,
                        OptionalParameter<"::mlir::StringAttr">:$reason);
  let assemblyFormat =
      "`<` $kind `,` `scales` `=` $scales (`,` $reason^)? `>`";
  let extraClassDeclaration = [{
    bool needsSamples() const {
      return getKind() != WeightRoundingKind::Nearest ||
             getScales() != WeightScalesKind::MinMax;
    }
  }];
}

def MPQ_RoundedWeightsAttr : MPQ_AttrDef<"RoundedWeights", "rounded_weights"> {
  let summary = "The integers that constant weights become";
  let description = [{
    `#mpq.rounded_weights<<gptq, scales = mse>, errors = [0.1, 0.02, 0.01],
    dense<...> : tensor<64x8xi4>, dense<...> : tensor<2x8xf32>>` on a product:
    integers in the shape of its weights, scales, and zero points in the shape
    of the scales (none: 0). The errors are of the product's outputs for the
    samples that were seen, relative to the mean square: of rounding to the
    nearest, and of these integers. The third number is the damping in parts of
    the mean square of the inputs.
    Constraint (W1): scales are f32, zero points have the type of the integers
    and the shape of the scales, and there are three errors.
    Constraint (W2): integers have the shape of the product's weights.
  }];
  let parameters = (ins "::mpq::WeightRoundingAttr":$rounding,
                        "::mlir::DenseF64ArrayAttr":$errors,
                        "::mlir::ElementsAttr":$integers,
                        "::mlir::ElementsAttr":$scales,
                        OptionalParameter<"::mlir::ElementsAttr">:$zeroPoints);
  let assemblyFormat = "`<` $rounding `,` `errors` `=` $errors `,` $integers "
                       "`,` $scales (`,` $zeroPoints^)? `>`";
  let genVerifyDecl = 1;
}

def MPQ_TargetAttr : MPQ_AttrDef<"Target", "target"> {
  let summary = "The machine code is generated for";
  let description = [{
    `#mpq.target<"x86_64-unknown-linux-gnu", cpu = "sapphirerapids",
    features = "+avx512vnni">` as LLVM names triple, CPU and features. Codegen
    asks the TargetInfo made from it and never tests names.
  }];
  let parameters = (ins StringRefParameter<>:$triple, StringRefParameter<>:$cpu,
                        StringRefParameter<>:$features);
  let assemblyFormat =
      "`<` $triple `,` `cpu` `=` $cpu `,` `features` `=` $features `>`";
}

def MPQ_StrategyAttr : MPQ_AttrDef<"Strategy", "strategy"> {
  let summary = "How codegen tiles and parallelizes one kernel";
  let description = [{
    `#mpq.strategy<tile = [8, 48], grain = [64, 0]>`: `tile` is the register
    tile over the parallel dimensions of the kernel's root, innermost last (0:
    whole extent); `grain` the block one work item of the parallel loop takes.
    `matrix_rows = 14`: the product is computed in tile registers of 14 rows
    (mpq.dot_tile); without it in vector registers (mpq.dot4).
    Constraint (S1): `tile` and `grain` have the same length and no negative
    entry. (S2): `matrix_rows` divides the entry of `tile` for rows, the last but
    one.
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$tile,
                        ArrayRefParameter<"int64_t">:$grain,
                        DefaultValuedParameter<"int64_t", "0">:$matrix_rows);
  let assemblyFormat = [{
    `<` `tile` `=` `[` $tile `]` `,` `grain` `=` `[` $grain `]`
        (`,` `matrix_rows` `=` $matrix_rows^)? `>`
  }];
  let genVerifyDecl = 1;
}

#endif // MPQ_DIALECT_MPQATTRS_TD
