//===- VectorizeBlockProducts.cpp - register tiles of weights in blocks ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One tile loops over the blocks with f32 accumulators in iteration arguments.
// Quantized rows: the i32 sums of a block start from the term of the zero
// points, take unpacked weights as the unsigned side of mpq.dot4, and join the
// accumulators by one fma with the product of both scales. Float rows: weights
// become f32 in registers, in ascending order of the sum; codes of floats by
// way of f16, which every target widens. Either way a weight is unpacked once
// for all rows of the tile.
//
//===----------------------------------------------------------------------===//

#include "BodyVectorizer.h"
#include "mpq/Codegen/KernelGroup.h"
#include "mpq/Codegen/Passes.h"
#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Numerics/NarrowFloats.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mpq {
#define GEN_PASS_DEF_VECTORIZEBLOCKPRODUCTSPASS
#include "mpq/Codegen/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

/// Steps of a block that are emitted one after the other instead of in a loop.
static constexpr int64_t kUnrolledSteps = 8;

/// Steps whose packed weights wait in registers for one plane after another.
static constexpr int64_t kStepsInRegisters = 2;

/// Bytes of weights that are on the way, and most of them for one vector:
/// enough to hide the latency, few enough that they stay where they arrive.
static constexpr int64_t kBytesAhead = 8192;
static constexpr int64_t kMostBytesAhead = 2048;

namespace {
class BlockTileEmitter {
public:
  BlockTileEmitter(RewriterBase &rewriter, BlockContractOp op)
      : b(rewriter), op(op), loc(op.getLoc()), lanes(op.getLanes()),
        rows(op.getInit().getType().getDimSize(0)),
        columns(op.getInit().getType().getDimSize(1)),
        vectors(llvm::divideCeilSigned(columns, lanes)),
        floatType(VectorType::get({lanes}, b.getF32Type())),
        intType(VectorType::get({lanes}, b.getI32Type())),
        byteType(VectorType::get({4 * lanes}, b.getI8Type())) {}

  LogicalResult emit();

private:
  using Values = SmallVector<Value>;

  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  Value scaled(Value x, int64_t factor) {
    return factor == 1 ? x : arith::MulIOp::create(b, loc, x, index(factor));
  }
  Value shifted(Value x, int64_t offset) {
    return offset == 0 ? x : arith::AddIOp::create(b, loc, x, index(offset));
  }
  Value splat(VectorType type, int64_t value) {
    return arith::ConstantOp::create(
        b, loc,
        DenseElementsAttr::get(type,
                               b.getIntegerAttr(type.getElementType(), value)));
  }
  Value broadcast(VectorType type, Value source, ValueRange at) {
    return vector::BroadcastOp::create(
        b, loc, type, tensor::ExtractOp::create(b, loc, source, at));
  }
  Value read(VectorType type, Value source, ValueRange at) {
    Value zero =
        arith::ConstantOp::create(b, loc, b.getZeroAttr(type.getElementType()));
    return vector::TransferReadOp::create(b, loc, type, source, at,
                                          std::optional<Value>(zero),
                                          ArrayRef<bool>{true});
  }
  /// Scales of a block in f32.
  Value readScales(int64_t vector, Value blockIndex) {
    Type element = op.getScales().getType().getElementType();
    Values at{index(vector), blockIndex, index(0)};
    if (element.isF32())
      return read(floatType, op.getScales(), at);
    if (element.isF16())
      return arith::ExtFOp::create(
          b, loc, floatType,
          read(VectorType::get({lanes}, element), op.getScales(), at));
    if (!op.getScaleBase()) {
      Value exponents = arith::ExtUIOp::create(
          b, loc, intType,
          read(VectorType::get({lanes}, element), op.getScales(), at));
      return arith::BitcastOp::create(
          b, loc, floatType,
          arith::ShLIOp::create(b, loc, exponents, splat(intType, 23)));
    }
    Value low = vector::BitCastOp::create(
        b, loc, VectorType::get({lanes}, b.getI16Type()),
        read(VectorType::get({2 * lanes}, element), op.getScales(), at));
    at.back() = index(2 * lanes);
    Value high = arith::ExtUIOp::create(
        b, loc, intType,
        read(VectorType::get({lanes}, element), op.getScales(), at));
    Value above = arith::OrIOp::create(
        b, loc, arith::ExtUIOp::create(b, loc, intType, low),
        arith::ShLIOp::create(b, loc, high, splat(intType, 16)));
    above = arith::AddIOp::create(b, loc, above,
                                  splat(intType, int32_t(*op.getScaleBase())));
    return arith::BitcastOp::create(b, loc, floatType, above);
  }
  /// Zero points of a block as integers, or null where they are in the sums.
  Value readZeroPoints(int64_t vector, Value blockIndex) {
    if (!op.getZeroPoints())
      return {};
    Value bytes =
        read(VectorType::get({lanes}, b.getI8Type()), op.getZeroPoints(),
             {index(vector), blockIndex, index(0)});
    return arith::ExtUIOp::create(b, loc, intType, bytes);
  }

  /// Calls `step(index of the step in the block, its number if known)` for
  /// every packed vector of a block.
  Values
  forEachStep(Values sums,
              function_ref<Values(Value, std::optional<int64_t>, Values)> step);
  /// Four consecutive elements of an integer row for every lane.
  Value broadcastQuad(int64_t row, Value k) {
    Value word =
        read(VectorType::get({4}, b.getI8Type()), op.getLhs(), {index(row), k});
    word = vector::BitCastOp::create(
        b, loc, VectorType::get({1}, b.getI32Type()), word);
    word = vector::ExtractOp::create(b, loc, word, 0);
    return vector::BitCastOp::create(
        b, loc, byteType, vector::BroadcastOp::create(b, loc, intType, word));
  }
  /// What sums of a block start from: the rows' terms times 2^`shift`.
  Values createStart(Value blockIndex, int64_t shift);
  Value dot(Value sum, Value weights, Value left) {
    return Dot4Op::create(b, loc, intType, sum, weights, left,
                          /*lhs_unsigned=*/b.getUnitAttr(), UnitAttr());
  }
  Values sumTile(Value blockIndex);
  Values sumRow(Value blockIndex);
  Values reduceIntegers(Value blockIndex, Values accumulators);
  /// Adds the products of row `k` of the sum, whose weights are `panel`.
  void addProducts(Value k, ArrayRef<Value> panel, Values &sums);
  Values reduceFloats(Value blockIndex, Values accumulators);
  /// The f16 that have the exponents and mantissas of the codes at `shift`.
  Value alignCodes(Value codes, int64_t shift);
  Values reduceCodes(Value blockIndex, Values accumulators);
  /// Blocks between a read and its announcement, and those from the end of the
  /// tile to where the next one begins.
  std::array<int64_t, 2> getStreamAhead() {
    int64_t bytes = std::min(kBytesAhead / vectors, kMostBytesAhead),
            blocks = llvm::divideCeilSigned(bytes, op.getSteps() * 4 * lanes);
    return {std::min(blocks, op.getBlocks()), (vectors - 1) * op.getBlocks()};
  }
  FailureOr<Value> write(linalg::GenericOp epilogue, const Values &sums);

  RewriterBase &b;
  BlockContractOp op;
  Location loc;
  int64_t lanes, rows, columns, vectors;
  VectorType floatType, intType, byteType;
};
} // namespace

BlockTileEmitter::Values BlockTileEmitter::forEachStep(
    Values sums,
    function_ref<Values(Value, std::optional<int64_t>, Values)> step) {
  int64_t steps = op.getSteps();
  // In the last one some planes may lie beyond the block.
  int64_t whole = int64_t(op.getBlock()) / (4 * op.getPlanes());
  int64_t looped = steps <= kUnrolledSteps ? 0 : whole;
  if (looped) {
    auto loop =
        scf::ForOp::create(b, loc, index(0), index(looped), index(1), sums);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    sums.assign(loop.getRegionIterArgs().begin(),
                loop.getRegionIterArgs().end());
    sums = step(loop.getInductionVar(), std::nullopt, sums);
    scf::YieldOp::create(b, loc, sums);
    sums.assign(loop.getResults().begin(), loop.getResults().end());
  }
  for (int64_t s = looped; s < steps; ++s)
    sums = step(index(s), s, sums);
  return sums;
}

BlockTileEmitter::Values BlockTileEmitter::createStart(Value blockIndex,
                                                       int64_t shift) {
  Values zeroPoints, start;
  for (int64_t v = 0; v < vectors; ++v)
    zeroPoints.push_back(readZeroPoints(v, blockIndex));
  for (int64_t r = 0; r < rows; ++r) {
    Value term = tensor::ExtractOp::create(b, loc, op.getLhsSums(),
                                           {index(r), blockIndex});
    if (shift)
      term = arith::ShLIOp::create(
          b, loc, term, arith::ConstantIntOp::create(b, loc, shift, 32));
    term = vector::BroadcastOp::create(b, loc, intType, term);
    for (Value zeroPoint : zeroPoints)
      start.push_back(zeroPoint ? arith::MulIOp::create(b, loc, term, zeroPoint)
                                : term);
  }
  return start;
}

BlockTileEmitter::Values BlockTileEmitter::sumTile(Value blockIndex) {
  int64_t planes = op.getPlanes(), bits = op.getBits(), block = op.getBlock();
  Value firstStep = scaled(blockIndex, op.getSteps()),
        firstRow = scaled(blockIndex, block);
  return forEachStep(createStart(blockIndex, 0), [&](Value s,
                                                     std::optional<int64_t> n,
                                                     Values sums) {
    Value at = arith::AddIOp::create(b, loc, firstStep, s);
    Values packed;
    for (int64_t v = 0; v < vectors; ++v)
      packed.push_back(
          read(byteType, op.getWeights(), {index(v), at, index(0)}));
    Value quad = arith::AddIOp::create(b, loc, firstRow, scaled(s, 4 * planes));
    for (int64_t p = 0; p < planes; ++p) {
      if (n && (*n * planes + p) * 4 >= block)
        break;
      Values panel;
      for (Value bytes : packed) {
        // Words shift in one instruction; what crosses bytes is masked.
        if (p > 0) {
          Value words = vector::BitCastOp::create(b, loc, intType, bytes);
          words =
              arith::ShRUIOp::create(b, loc, words, splat(intType, p * bits));
          bytes = vector::BitCastOp::create(b, loc, byteType, words);
        }
        if (planes > 1)
          bytes = arith::AndIOp::create(b, loc, bytes,
                                        splat(byteType, (1 << bits) - 1));
        panel.push_back(bytes);
      }
      Value k = shifted(quad, 4 * p);
      for (int64_t r = 0; r < rows; ++r) {
        Value left = broadcastQuad(r, k);
        for (int64_t v = 0; v < vectors; ++v) {
          Value &sum = sums[r * vectors + v];
          sum = dot(sum, panel[v], left);
        }
      }
    }
    return sums;
  });
}

/// One row: nothing shares unpacked weights. Planes stay where they are in the
/// bytes, the highest first, and sums are shifted between them instead: all
/// that they have is a multiple of what goes.
BlockTileEmitter::Values BlockTileEmitter::sumRow(Value blockIndex) {
  int64_t planes = op.getPlanes(), bits = op.getBits(), block = op.getBlock(),
          steps = op.getSteps();
  Value firstStep = scaled(blockIndex, steps),
        firstRow = scaled(blockIndex, block);
  Values sums = createStart(blockIndex, (planes - 1) * bits);
  // One vector after the other: few values live at a time.
  for (auto [v, sum] : llvm::enumerate(sums)) {
    Values packed;
    for (int64_t s = 0; s < steps; ++s)
      packed.push_back(read(byteType, op.getWeights(),
                            {index(v), shifted(firstStep, s), index(0)}));
    for (int64_t p = planes - 1; p >= 0; --p) {
      auto mask = int8_t(uint8_t(((1 << bits) - 1) << (p * bits)));
      for (int64_t s = 0; s < steps; ++s) {
        int64_t k = (s * planes + p) * 4;
        if (k < block)
          sum = dot(
              sum,
              arith::AndIOp::create(b, loc, packed[s], splat(byteType, mask)),
              broadcastQuad(0, shifted(firstRow, k)));
      }
      if (p > 0)
        sum = arith::ShRSIOp::create(b, loc, sum, splat(intType, bits));
    }
  }
  return sums;
}

BlockTileEmitter::Values BlockTileEmitter::reduceIntegers(Value blockIndex,
                                                          Values accumulators) {
  bool inPlace =
      rows == 1 && op.getPlanes() > 1 && op.getSteps() <= kStepsInRegisters;
  Values sums = inPlace ? sumRow(blockIndex) : sumTile(blockIndex);
  Values scales;
  for (int64_t v = 0; v < vectors; ++v)
    scales.push_back(readScales(v, blockIndex));
  for (int64_t r = 0; r < rows; ++r) {
    Value own = broadcast(floatType, op.getLhsScales(), {index(r), blockIndex});
    for (int64_t v = 0; v < vectors; ++v) {
      Value number =
          arith::SIToFPOp::create(b, loc, floatType, sums[r * vectors + v]);
      Value scale = arith::MulFOp::create(b, loc, scales[v], own);
      Value &sum = accumulators[r * vectors + v];
      sum = math::FmaOp::create(b, loc, number, scale, sum);
    }
  }
  return accumulators;
}

void BlockTileEmitter::addProducts(Value k, ArrayRef<Value> panel,
                                   Values &sums) {
  for (int64_t r = 0; r < rows; ++r) {
    Value left = broadcast(floatType, op.getLhs(), {index(r), k});
    for (int64_t v = 0; v < vectors; ++v) {
      Value &sum = sums[r * vectors + v];
      sum = math::FmaOp::create(b, loc, left, panel[v], sum);
    }
  }
}

BlockTileEmitter::Values BlockTileEmitter::reduceFloats(Value blockIndex,
                                                        Values accumulators) {
  int64_t planes = op.getPlanes(), bits = op.getBits(), block = op.getBlock();
  Value firstStep = scaled(blockIndex, op.getSteps()),
        firstRow = scaled(blockIndex, block);
  Values scales, zeroPoints;
  for (int64_t v = 0; v < vectors; ++v) {
    scales.push_back(readScales(v, blockIndex));
    Value zero = readZeroPoints(v, blockIndex);
    zeroPoints.push_back(zero ? zero : splat(intType, op.getZeroPoint()));
  }
  return forEachStep(accumulators, [&](Value s, std::optional<int64_t> number,
                                       Values sums) {
    Value at = arith::AddIOp::create(b, loc, firstStep, s);
    Values packed;
    for (int64_t v = 0; v < vectors; ++v)
      packed.push_back(vector::BitCastOp::create(
          b, loc, intType,
          read(byteType, op.getWeights(), {index(v), at, index(0)})));
    Value first =
        arith::AddIOp::create(b, loc, firstRow, scaled(s, 4 * planes));
    for (int64_t i = 0; i < 4 * planes; ++i) {
      if (number && *number * 4 * planes + i >= block)
        break;
      int64_t shift = i % 4 * 8 + i / 4 * bits;
      Values panel;
      for (int64_t v = 0; v < vectors; ++v) {
        Value word = packed[v];
        if (shift)
          word = arith::ShRUIOp::create(b, loc, word, splat(intType, shift));
        word = arith::AndIOp::create(b, loc, word,
                                     splat(intType, (1 << bits) - 1));
        word = arith::SubIOp::create(b, loc, word, zeroPoints[v]);
        Value weight = arith::SIToFPOp::create(b, loc, floatType, word);
        panel.push_back(arith::MulFOp::create(b, loc, weight, scales[v]));
      }
      addProducts(shifted(first, i), panel, sums);
    }
    return sums;
  });
}

Value BlockTileEmitter::alignCodes(Value codes, int64_t shift) {
  const formulas::NarrowFormat &format =
      *formulas::getNarrowFormat(*op.getFormat());
  auto type = cast<VectorType>(codes.getType());
  // The sign comes to the top and stays there; f16 has 5 bits of exponent.
  int64_t up = 16 - format.bits - shift,
          down = 5 - (format.bits - 1 - format.mantissa);
  int64_t mask = ((int64_t(1) << (format.bits - 1)) - 1)
                     << (16 - format.bits - down) |
                 0x8000;
  if (up)
    codes = arith::ShLIOp::create(b, loc, codes, splat(type, up));
  if (down)
    codes = arith::ShRSIOp::create(b, loc, codes, splat(type, down));
  codes = arith::AndIOp::create(b, loc, codes, splat(type, int16_t(mask)));
  return vector::BitCastOp::create(b, loc, type.clone(b.getF16Type()), codes);
}

BlockTileEmitter::Values BlockTileEmitter::reduceCodes(Value blockIndex,
                                                       Values accumulators) {
  int64_t planes = op.getPlanes(), bits = op.getBits(), block = op.getBlock();
  Value firstStep = scaled(blockIndex, op.getSteps()),
        firstRow = scaled(blockIndex, block);
  auto wordType = VectorType::get({2 * lanes}, b.getI16Type());
  Values scales;
  for (int64_t v = 0; v < vectors; ++v)
    scales.push_back(readScales(v, blockIndex));
  return forEachStep(
      accumulators, [&](Value s, std::optional<int64_t> number, Values sums) {
        Value at = arith::AddIOp::create(b, loc, firstStep, s);
        Values packed;
        for (int64_t v = 0; v < vectors; ++v)
          packed.push_back(vector::BitCastOp::create(
              b, loc, wordType,
              read(byteType, op.getWeights(), {index(v), at, index(0)})));
        Value first =
            arith::AddIOp::create(b, loc, firstRow, scaled(s, 4 * planes));
        Values halves;
        for (int64_t i = 0; i < 4 * planes; ++i) {
          if (number && *number * 4 * planes + i >= block)
            break;
          if (i % 2 == 0)
            halves = llvm::map_to_vector(packed, [&](Value words) {
              return alignCodes(words, i / 2 * bits);
            });
          Values panel;
          for (int64_t v = 0; v < vectors; ++v) {
            Value row = vector::ExtractStridedSliceOp::create(
                b, loc, halves[v], ArrayRef<int64_t>{i % 2 * lanes},
                ArrayRef<int64_t>{lanes}, ArrayRef<int64_t>{1});
            Value weight = arith::ExtFOp::create(b, loc, floatType, row);
            panel.push_back(arith::MulFOp::create(b, loc, weight, scales[v]));
          }
          addProducts(shifted(first, i), panel, sums);
        }
        return sums;
      });
}

FailureOr<Value> BlockTileEmitter::write(linalg::GenericOp epilogue,
                                         const Values &sums) {
  Value out = epilogue ? epilogue.getDpsInits()[0] : Value(op.getInit());
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t v = 0; v < vectors; ++v) {
      Values at{index(r), index(v * lanes)};
      Value value = sums[r * vectors + v];
      if (epilogue) {
        BodyVectorizer body(b, epilogue, lanes, 1, at);
        for (OpOperand *input : epilogue.getDpsInputOperands()) {
          BlockArgument argument = epilogue.getMatchingBlockArgument(input);
          if (!argument.use_empty())
            body.map(argument, input->get() == op.getResult()
                                   ? value
                                   : body.readOperand(input));
        }
        FailureOr<Value> computed = body.run();
        if (failed(computed))
          return failure();
        value = *computed;
      }
      out = writeLanes(b, loc, value, out, at, columns - v * lanes);
    }
  return out;
}

LogicalResult BlockTileEmitter::emit() {
  linalg::GenericOp epilogue;
  if (op->hasOneUse()) {
    epilogue = dyn_cast<linalg::GenericOp>(*op->user_begin());
    if (epilogue && (!isElementwise(epilogue) ||
                     epilogue.getDpsInits()[0] == op.getResult()))
      epilogue = nullptr;
  }
  b.setInsertionPoint(epilogue ? epilogue.getOperation() : op);
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(floatType));
  Values sums(rows * vectors, zero);
  auto reduce = [&](Value blockIndex) {
    return op.isInteger()   ? reduceIntegers(blockIndex, sums)
           : op.getFormat() ? reduceCodes(blockIndex, sums)
                            : reduceFloats(blockIndex, sums);
  };
  if (op.getBlocks() == 1) {
    sums = reduce(index(0));
  } else {
    auto loop = scf::ForOp::create(b, loc, index(0), index(op.getBlocks()),
                                   index(1), sums);
    loop->setAttr(MPQDialect::getStreamAheadAttrName(),
                  b.getDenseI64ArrayAttr(getStreamAhead()));
    b.setInsertionPointToStart(loop.getBody());
    sums.assign(loop.getRegionIterArgs().begin(),
                loop.getRegionIterArgs().end());
    sums = reduce(loop.getInductionVar());
    scf::YieldOp::create(b, loc, sums);
    b.setInsertionPointAfter(loop);
    sums.assign(loop.getResults().begin(), loop.getResults().end());
  }
  FailureOr<Value> written = write(epilogue, sums);
  if (failed(written))
    return failure();
  if (epilogue) {
    b.replaceOp(epilogue, *written);
    b.eraseOp(op);
  } else {
    b.replaceOp(op, *written);
  }
  return success();
}

namespace {
struct VectorizeBlockProducts
    : mpq::impl::VectorizeBlockProductsPassBase<VectorizeBlockProducts> {
  using VectorizeBlockProductsPassBase::VectorizeBlockProductsPassBase;

  void runOnOperation() override {
    SmallVector<BlockContractOp> products;
    getOperation()->walk([&](BlockContractOp op) { products.push_back(op); });
    IRRewriter rewriter(&getContext());
    for (BlockContractOp op : products) {
      if (!op.getType().hasStaticShape() || !op.isPacked()) {
        op->emitError("expected a static tile of packed weights: run "
                      "mpq-pack-block-products and mpq-tile-kernels first");
        return signalPassFailure();
      }
      if (failed(BlockTileEmitter(rewriter, op).emit()))
        return signalPassFailure();
    }
  }
};
} // namespace
