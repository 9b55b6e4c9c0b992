//===- LowerTiles.cpp - matrix products in AMX tile registers ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tile register is no vector: it is filled from memory and emptied into it,
// and its shape belongs to the configuration of a whole function. So matrices
// of bytes keep the vector type until buffers exist, and become x86_amx here,
// before anything unrolls them. Intel 64 and IA-32 Architectures Software
// Developer's Manual, volume 1, chapter 18.
//
//===----------------------------------------------------------------------===//

#include "mpq/Codegen/Passes.h"
#include "mpq/Codegen/TargetInfo.h"
#include "mpq/Dialect/MPQDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/DialectConversion.h"

namespace mpq {
#define GEN_PASS_DEF_LOWERTILESPASS
#include "mpq/Codegen/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

/// True for matrices that live in tile registers.
static bool isTile(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  return vector && vector.getRank() == 2 &&
         (vector.getElementType().isInteger(8) ||
          vector.getElementType().isInteger(32));
}

namespace {
/// Emits calls of the intrinsics.
class TileBuilder {
public:
  TileBuilder(OpBuilder &b, Location loc) : b(b), loc(loc) {}

  Value call(StringRef name, ValueRange operands) {
    return LLVM::CallIntrinsicOp::create(b, loc, getTileType(),
                                         b.getStringAttr(name), operands)
        .getResult(0);
  }
  Type getTileType() { return LLVM::LLVMX86AMXType::get(b.getContext()); }
  Value constant(int64_t value, unsigned width) {
    return LLVM::ConstantOp::create(b, loc, b.getIntegerType(width), value);
  }
  /// Rows, and bytes in a row.
  SmallVector<Value> shape(VectorType type) {
    int64_t bytes = type.getDimSize(1) * type.getElementTypeBitWidth() / 8;
    return {constant(type.getDimSize(0), 16), constant(bytes, 16)};
  }
  /// Address of an element of `buffer` and the bytes between rows.
  SmallVector<Value> place(Value buffer, ValueRange indices) {
    auto type = cast<MemRefType>(buffer.getType());
    int64_t bytes = type.getElementTypeBitWidth() / 8;
    auto parts = memref::ExtractStridedMetadataOp::create(b, loc, buffer);
    Value element = parts.getOffset();
    for (auto [index, stride] : llvm::zip_equal(indices, parts.getStrides()))
      element = arith::AddIOp::create(
          b, loc, element, arith::MulIOp::create(b, loc, index, stride));
    Value size = arith::ConstantIndexOp::create(b, loc, bytes);
    auto inBytes = [&](Value elements) -> Value {
      return arith::MulIOp::create(b, loc, elements, size);
    };
    Value base = memref::ExtractAlignedPointerAsIndexOp::create(b, loc, buffer);
    Value address = arith::AddIOp::create(b, loc, base, inBytes(element));
    Value stride = inBytes(parts.getStrides().drop_back().back());
    auto asI64 = [&](Value value) -> Value {
      return arith::IndexCastOp::create(b, loc, b.getI64Type(), value);
    };
    Value pointer = LLVM::IntToPtrOp::create(
        b, loc, LLVM::LLVMPointerType::get(b.getContext()), asI64(address));
    return {pointer, asI64(stride)};
  }

private:
  OpBuilder &b;
  Location loc;
};

struct LowerZero : OpConversionPattern<arith::ConstantOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(arith::ConstantOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto dense = dyn_cast<DenseIntElementsAttr>(op.getValue());
    if (!dense || !dense.isSplat() || !dense.getSplatValue<APInt>().isZero())
      return rewriter.notifyMatchFailure(op, "not zero");
    TileBuilder tiles(rewriter, op.getLoc());
    rewriter.replaceOp(op,
                       tiles.call("llvm.x86.tilezero.internal",
                                  tiles.shape(cast<VectorType>(op.getType()))));
    return success();
  }
};

struct LowerRead : OpConversionPattern<vector::TransferReadOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(vector::TransferReadOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    if (op.hasOutOfBoundsDim() || op.getMask() ||
        !op.getPermutationMap().isMinorIdentity())
      return rewriter.notifyMatchFailure(op, "not whole rows in order");
    TileBuilder tiles(rewriter, op.getLoc());
    SmallVector<Value> operands = tiles.shape(op.getVectorType());
    llvm::append_range(operands, tiles.place(op.getBase(), op.getIndices()));
    rewriter.replaceOp(op,
                       tiles.call("llvm.x86.tileloadd64.internal", operands));
    return success();
  }
};

struct LowerWrite : OpConversionPattern<vector::TransferWriteOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(vector::TransferWriteOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    if (op.hasOutOfBoundsDim() || op.getMask() ||
        !op.getPermutationMap().isMinorIdentity())
      return rewriter.notifyMatchFailure(op, "not whole rows in order");
    TileBuilder tiles(rewriter, op.getLoc());
    SmallVector<Value> operands = tiles.shape(op.getVectorType());
    llvm::append_range(operands, tiles.place(op.getBase(), op.getIndices()));
    operands.push_back(adaptor.getValueToStore());
    LLVM::CallIntrinsicOp::create(
        rewriter, op.getLoc(),
        rewriter.getStringAttr("llvm.x86.tilestored64.internal"), operands);
    rewriter.eraseOp(op);
    return success();
  }
};

struct LowerDotTile : OpConversionPattern<DotTileOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(DotTileOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    TileBuilder tiles(rewriter, op.getLoc());
    SmallVector<Value> operands = tiles.shape(op.getType());
    operands.push_back(tiles.constant(op.getLhs().getType().getDimSize(1), 16));
    llvm::append_range(operands, adaptor.getOperands());
    rewriter.replaceOp(op, tiles.call("llvm.x86.tdpbusd.internal", operands));
    return success();
  }
};

struct LowerTiles : mpq::impl::LowerTilesPassBase<LowerTiles> {
  using LowerTilesPassBase::LowerTilesPassBase;

  void runOnOperation() override {
    DotTileOp first;
    getOperation()->walk([&](DotTileOp op) {
      first = op;
      return WalkResult::interrupt();
    });
    if (!first)
      return;
    FailureOr<TargetInfo> target = TargetInfo::get(getOperation());
    if (failed(target))
      return signalPassFailure();
    if (!target->getTileUnit()) {
      first.emitOpError("needs a target with amx-tile and amx-int8");
      return signalPassFailure();
    }
    TypeConverter types;
    types.addConversion([](Type type) -> Type {
      return isTile(type) ? LLVM::LLVMX86AMXType::get(type.getContext()) : type;
    });
    RewritePatternSet patterns(&getContext());
    patterns.add<LowerZero, LowerRead, LowerWrite, LowerDotTile>(types,
                                                                 &getContext());
    ConversionTarget legal(getContext());
    legal.addIllegalOp<DotTileOp>();
    legal.markUnknownOpDynamicallyLegal([&](Operation *op) {
      return llvm::none_of(op->getOperandTypes(), isTile) &&
             llvm::none_of(op->getResultTypes(), isTile);
    });
    scf::populateSCFStructuralTypeConversionsAndLegality(types, patterns,
                                                         legal);
    if (failed(
            applyPartialConversion(getOperation(), legal, std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
