//===- LowerLookup.cpp - few bits to numbers by a table in a register ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A mask, the zero point and a conversion turn weights of 4 or 2 bits into f32:
// three instructions for 16 weights that a product with few float rows has no
// time for. A register holds all 16 results, and a permutation looks only at
// the lowest four bits of an index, so that one instruction does all three. The
// same is true of codes of floats of 4 bits, which f16 would be made of.
//
//===----------------------------------------------------------------------===//

#include "mpq/Codegen/Passes.h"
#include "mpq/Codegen/TargetInfo.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mpq {
#define GEN_PASS_DEF_LOWERLOOKUPPASS
#include "mpq/Codegen/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

/// What is the same in all lanes of a constant, or nothing.
static std::optional<int64_t> getSplat(Value value) {
  DenseElementsAttr elements;
  if (!matchPattern(value, m_Constant(&elements)) || !elements.isSplat())
    return std::nullopt;
  return elements.getSplatValue<APInt>().getSExtValue();
}

namespace {
/// sitofp((x & mask) - z) with a mask of at most four bits.
struct LowerLookupPattern : OpRewritePattern<arith::SIToFPOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::SIToFPOp op,
                                PatternRewriter &b) const override {
    auto type = dyn_cast<VectorType>(op.getType());
    if (!type || type.getRank() != 1 || type.getDimSize(0) != 16 ||
        !type.getElementType().isF32())
      return b.notifyMatchFailure(op, "not 16 lanes of f32");
    auto subtract = op.getIn().getDefiningOp<arith::SubIOp>();
    auto mask =
        subtract ? subtract.getLhs().getDefiningOp<arith::AndIOp>() : nullptr;
    if (!mask ||
        !cast<VectorType>(mask.getType()).getElementType().isInteger(32))
      return b.notifyMatchFailure(op, "no difference of masked bits");
    std::optional<int64_t> zero = getSplat(subtract.getRhs()),
                           bits = getSplat(mask.getRhs());
    if (!zero || !bits || *bits < 0 || *bits > 15)
      return b.notifyMatchFailure(op, "more than four bits");
    SmallVector<float> numbers;
    for (int64_t i = 0; i < 16; ++i)
      numbers.push_back(float((i & *bits) - *zero));
    Location loc = op.getLoc();
    Value table = arith::ConstantOp::create(
        b, loc, DenseElementsAttr::get(type, ArrayRef<float>(numbers)));
    b.replaceOpWithNewOp<LLVM::CallIntrinsicOp>(
        op, type, b.getStringAttr("llvm.x86.avx512.permvar.sf.512"),
        ValueRange{table, mask.getLhs()});
    return success();
  }
};

/// extf of f16 whose bits are ((x << up) >> down) & mask, if the mask leaves
/// only what comes from four neighbouring bits of x.
struct LowerCodeLookup : OpRewritePattern<arith::ExtFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::ExtFOp op,
                                PatternRewriter &b) const override {
    auto type = dyn_cast<VectorType>(op.getType());
    auto slice = op.getIn().getDefiningOp<vector::ExtractStridedSliceOp>();
    if (!type || type.getRank() != 1 || type.getDimSize(0) != 16 ||
        !type.getElementType().isF32() || !slice)
      return b.notifyMatchFailure(op, "not 16 lanes of f32 from a slice");
    auto halves = slice.getSource().getDefiningOp<vector::BitCastOp>();
    auto mask =
        halves ? halves.getSource().getDefiningOp<arith::AndIOp>() : nullptr;
    auto down = mask ? mask.getLhs().getDefiningOp<arith::ShRSIOp>() : nullptr;
    if (!down || !slice.getSourceVectorType().getElementType().isF16() ||
        !cast<VectorType>(mask.getType()).getElementType().isInteger(16))
      return b.notifyMatchFailure(op, "no shifted and masked bits of f16");
    auto up = down.getLhs().getDefiningOp<arith::ShLIOp>();
    std::optional<int64_t> bits = getSplat(mask.getRhs()),
                           right = getSplat(down.getRhs()),
                           left = up ? getSplat(up.getRhs()) : 0;
    if (!bits || !right || !left || *left > 12)
      return b.notifyMatchFailure(op, "no constant shifts and mask");
    for (int64_t bit = 0; bit < 16; ++bit)
      if ((*bits >> bit & 1) && std::min<int64_t>(bit + *right, 15) < 12)
        return b.notifyMatchFailure(op, "more than four bits");
    SmallVector<float> numbers;
    for (int64_t i = 0; i < 16; ++i) {
      auto half = uint16_t((int16_t(uint16_t(i << 12)) >> *right) & *bits);
      numbers.push_back(
          APFloat(APFloat::IEEEhalf(), APInt(16, half)).convertToFloat());
    }
    Location loc = op.getLoc();
    Value words = vector::ExtractStridedSliceOp::create(
        b, loc, up ? up.getLhs() : down.getLhs(),
        llvm::map_to_vector(slice.getOffsets().getAsRange<IntegerAttr>(),
                            [](IntegerAttr at) { return at.getInt(); }),
        ArrayRef<int64_t>{16}, ArrayRef<int64_t>{1});
    auto wide = type.clone(b.getI32Type());
    words = arith::ExtUIOp::create(b, loc, wide, words);
    if (*left < 12)
      words = arith::ShRUIOp::create(
          b, loc, words,
          arith::ConstantOp::create(
              b, loc,
              DenseElementsAttr::get(
                  wide, b.getI32IntegerAttr(int32_t(12 - *left)))));
    Value table = arith::ConstantOp::create(
        b, loc, DenseElementsAttr::get(type, ArrayRef<float>(numbers)));
    b.replaceOpWithNewOp<LLVM::CallIntrinsicOp>(
        op, type, b.getStringAttr("llvm.x86.avx512.permvar.sf.512"),
        ValueRange{table, words});
    return success();
  }
};

struct LowerLookup : mpq::impl::LowerLookupPassBase<LowerLookup> {
  using LowerLookupPassBase::LowerLookupPassBase;

  void runOnOperation() override {
    FailureOr<TargetInfo> target = TargetInfo::get(getOperation());
    if (failed(target))
      return signalPassFailure();
    if (target->getVectorLanes32() != 16)
      return; // a shorter register does not hold the table
    RewritePatternSet patterns(&getContext());
    populateLowerLookupPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

void mpq::populateLowerLookupPatterns(RewritePatternSet &patterns) {
  patterns.add<LowerLookupPattern, LowerCodeLookup>(patterns.getContext());
}
