//===- VectorizeProducts.cpp - register tiles of products ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One tile of a product becomes a loop over the reduction whose accumulators
// live in iteration arguments, M rows x NV vectors, followed by the elementwise
// consumer on the registers. Every target sees the same shape; the dot product
// of bytes stays mpq.dot4 until the target's conversion.
//
// Per group of the reduction: NV loads of packed weights, M broadcasts of
// image elements, M * NV multiply-adds. Where the strategy asks for a matrix
// unit, the accumulators are matrices of several rows and mpq.dot_tile takes up
// to 64 bytes of the reduction at once; their rows come back through memory.
// Steps of bf16 are those that the product says, because they are its order.
//
//===----------------------------------------------------------------------===//

#include "ProductTile.h"
#include "mpq/Codegen/Passes.h"
#include "mpq/Codegen/TargetInfo.h"
#include "mpq/Dialect/DepthwisePacking.h"
#include "mpq/Dialect/MPQDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mpq {
#define GEN_PASS_DEF_VECTORIZEPRODUCTSPASS
#include "mpq/Codegen/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

/// Elements of a run that the matrix unit takes at once.
template <typename OpTy> static int64_t getMatrixStep(OpTy op, int64_t run) {
  if (std::optional<int64_t> step = op.getStep())
    return *step;
  return TileUnit().getStep(run);
}

namespace {
struct ContractEmitter : TileEmitter {
  ContractEmitter(RewriterBase &rewriter, ContractOp op, int64_t matrixRows)
      : TileEmitter(rewriter, op, op.getRhs(), op.getBias(), op.getInit(),
                    op.getLanes(), op.getGroup(), matrixRows),
        product(op), lhs(op.getLhs()) {}

  Values reduce(Values accumulators) override {
    int64_t depth = cast<RankedTensorType>(lhs.getType()).getShape().back();
    auto step = [&](Value groupIndex, Values sums, bool whole) {
      Values panel = readWeights(groupIndex);
      Value k = scaled(groupIndex, group);
      for (auto [r, row] : llvm::enumerate(rows)) {
        Values at;
        for (int64_t d : row)
          at.push_back(index(d));
        at.push_back(k);
        Value left = broadcastLeft(lhs, at, whole);
        for (int64_t v = 0; v < vectors; ++v)
          sums[r * vectors + v] =
              multiplyAdd(sums[r * vectors + v], left, panel[v]);
      }
      return sums;
    };
    if (int64_t groups = depth / group)
      accumulators =
          loop({groups}, accumulators, [&](ArrayRef<Value> ivs, Values sums) {
            return step(ivs[0], sums, true);
          });
    if (depth % group)
      accumulators = step(index(depth / group), accumulators, false);
    return accumulators;
  }

  Values reduceMatrices(Values accumulators) override {
    int64_t depth = cast<RankedTensorType>(lhs.getType()).getShape().back();
    int64_t step = getMatrixStep(product, depth);
    return loop({depth / step}, accumulators,
                [&](ArrayRef<Value> ivs, Values sums) {
                  Value k = scaled(ivs[0], step);
                  return multiplyMatrices(scaled(ivs[0], step / group), sums,
                                          step, [&](ArrayRef<int64_t> row) {
                                            Values at;
                                            for (int64_t d : row)
                                              at.push_back(index(d));
                                            at.push_back(k);
                                            return read(getMatrixLeftType(step),
                                                        lhs, at, true);
                                          });
                });
  }

  ContractOp product;
  Value lhs;
};

struct ConvEmitter : TileEmitter {
  ConvEmitter(RewriterBase &rewriter, ConvOp op, int64_t matrixRows)
      : TileEmitter(rewriter, op, op.getWeights(), op.getBias(), op.getInit(),
                    op.getLanes(), op.getGroup(), matrixRows),
        conv(op) {}

  /// Image row and column that tap (i, j) of output row `row` reads.
  Values imagePosition(ArrayRef<int64_t> row, Value i, Value j, Value channel) {
    Values at{index(row[0])};
    Value taps[] = {i, j};
    for (int d : {0, 1})
      at.push_back(add(scaled(taps[d], conv.getDilations()[d]),
                       index(row[d + 1] * conv.getStrides()[d])));
    at.push_back(channel);
    return at;
  }

  Values reduce(Values accumulators) override {
    if (conv.getDepthwise())
      return integer ? reduceNeighbours(accumulators)
                     : reduceDepthwise(accumulators);
    return conv.getMerged() ? reduceMerged(accumulators)
                            : reduceDense(accumulators);
  }

  /// Groups along the rows of the window.
  Values reduceMerged(Values accumulators) {
    Value pixels = tensor::CollapseShapeOp::create(
        b, loc, conv.getImage(),
        ArrayRef<ReassociationIndices>{{0}, {1}, {2, 3}});
    int64_t kh = conv.getWindow()[0], kw = conv.getWindow()[1];
    int64_t groups = llvm::divideCeilSigned(kw, group);
    return loop({kh}, accumulators, [&](ArrayRef<Value> taps, Values sums) {
      Value first = scaled(taps[0], groups);
      auto step = [&](Value groupIndex, Value tap, Values sums) {
        Values panel = readWeights(add(first, groupIndex));
        for (auto [r, row] : llvm::enumerate(rows)) {
          Values at = imagePosition(row, taps[0], tap, index(0));
          at.pop_back();
          Value left = broadcastLeft(pixels, at, /*whole=*/true);
          for (int64_t v = 0; v < vectors; ++v)
            sums[r * vectors + v] =
                multiplyAdd(sums[r * vectors + v], left, panel[v]);
        }
        return sums;
      };
      sums = loop({kw / group}, sums, [&](ArrayRef<Value> ivs, Values sums) {
        return step(ivs[0], scaled(ivs[0], group), sums);
      });
      if (kw % group) // The last group ends where the row does.
        sums = step(index(groups - 1), index(kw - group), sums);
      return sums;
    });
  }

  Values reduceDense(Values accumulators) {
    Value image = conv.getImage();
    int64_t channels = cast<RankedTensorType>(image.getType()).getDimSize(3);
    int64_t groups = llvm::divideCeilSigned(channels, group);
    int64_t wholeGroups = channels / group;
    int64_t kh = conv.getWindow()[0], kw = conv.getWindow()[1];
    return loop({kh, kw}, accumulators, [&](ArrayRef<Value> taps, Values sums) {
      Value first = scaled(add(scaled(taps[0], kw), taps[1]), groups);
      auto step = [&](Value c, Values sums, bool whole) {
        Values panel = readWeights(add(first, c));
        Value channel = scaled(c, group);
        for (auto [r, row] : llvm::enumerate(rows)) {
          Value left = broadcastLeft(
              image, imagePosition(row, taps[0], taps[1], channel), whole);
          for (int64_t v = 0; v < vectors; ++v)
            sums[r * vectors + v] =
                multiplyAdd(sums[r * vectors + v], left, panel[v]);
        }
        return sums;
      };
      if (wholeGroups)
        sums = loop({wholeGroups}, sums, [&](ArrayRef<Value> ivs, Values sums) {
          return step(ivs[0], sums, true);
        });
      if (wholeGroups != groups)
        sums = step(index(wholeGroups), sums, false);
      return sums;
    });
  }

  Values reduceMatrices(Values accumulators) override {
    Value image = conv.getImage();
    int64_t channels = cast<RankedTensorType>(image.getType()).getDimSize(3);
    int64_t kh = conv.getWindow()[0], kw = conv.getWindow()[1];
    int64_t stride = conv.getStrides()[1], step = getMatrixStep(conv, channels);
    VectorType type = getMatrixLeftType(step);
    // Pixels `stride` apart are the rows of a slice.
    auto readPixels = [&](Values at) {
      if (stride == 1)
        return read(type, image, at, true);
      SmallVector<OpFoldResult> sizes(4, b.getIndexAttr(1)),
          strides(4, b.getIndexAttr(1));
      sizes[2] = b.getIndexAttr(matrixRows);
      sizes[3] = b.getIndexAttr(step);
      strides[2] = b.getIndexAttr(stride);
      Value slice = tensor::ExtractSliceOp::create(
          b, loc, image, getAsOpFoldResult(at), sizes, strides);
      return read(type, slice, Values(4, index(0)), true);
    };
    return loop(
        {kh, kw, channels / step}, accumulators,
        [&](ArrayRef<Value> ivs, Values sums) {
          Value tap = add(scaled(ivs[0], kw), ivs[1]);
          Value first =
              add(scaled(tap, channels / group), scaled(ivs[2], step / group));
          Value channel = scaled(ivs[2], step);
          return multiplyMatrices(
              first, sums, step, [&](ArrayRef<int64_t> row) {
                return readPixels(imagePosition(row, ivs[0], ivs[1], channel));
              });
        });
  }

  /// Lanes are channels; taps are unrolled.
  Values reduceDepthwise(Values accumulators) {
    int64_t kw = conv.getWindow()[1], taps = conv.getWindow()[0] * kw;
    for (int64_t t = 0; t < taps; ++t) {
      Values panel = readWeights(index(t));
      for (auto [r, row] : llvm::enumerate(rows))
        for (int64_t v = 0; v < vectors; ++v) {
          Values at = imagePosition(row, index(t / kw), index(t % kw),
                                    index(v * lanes));
          Value pixel = read(accType, conv.getImage(), at, isWhole(v));
          Value &sum = accumulators[r * vectors + v];
          sum = multiplyAdd(sum, pixel, panel[v]);
        }
    }
    return accumulators;
  }

  /// Four neighbouring pixels to a dot product of bytes. Image rows outside: a
  /// group of pixels serves all outputs around it (DepthwisePacking.h).
  Values reduceNeighbours(Values accumulators) {
    DepthwisePacking taps(conv);
    RankedTensorType image = conv.getImage().getType();
    DenseMap<int64_t, SmallVector<unsigned>> readers; // rows by image row
    for (auto [r, row] : llvm::enumerate(rows))
      for (int64_t i = 0; i < taps.rows; ++i)
        readers[getImageRow(row, i)].push_back(r);
    for (int64_t y = 0; y < image.getDimSize(0) * image.getDimSize(1); ++y) {
      DenseMap<std::pair<int64_t, int64_t>, Value> pixels;
      for (int64_t i = 0; i < taps.rows; ++i)
        for (unsigned r : readers.lookup(y)) {
          if (getImageRow(rows[r], i) != y)
            continue;
          int64_t first = rows[r][2] * conv.getStrides()[1];
          int64_t phase = taps.getPhase(first);
          for (int64_t g = 0; g < taps.getGroupsOfRow(); ++g) {
            if (!taps.reaches(phase, g))
              continue;
            Values panel = readWeights(index(taps.getGroup(i, phase, g)));
            for (int64_t v = 0; v < vectors; ++v) {
              Value &four = pixels[{first / group + g, v}];
              if (!four)
                four = readNeighbours(y, (first / group + g) * group, v);
              Value &sum = accumulators[r * vectors + v];
              sum = multiplyAdd(sum, four, panel[v]);
            }
          }
        }
    }
    return accumulators;
  }

  /// Row of all images one below the other that tap row `i` of an output reads.
  int64_t getImageRow(ArrayRef<int64_t> row, int64_t i) {
    return row[0] * conv.getImage().getType().getDimSize(1) +
           row[1] * conv.getStrides()[0] + i * conv.getDilations()[0];
  }

  /// Four pixels from `column`, a byte of each side by side in a 32-bit lane.
  /// Pixels beyond the tile meet weights of zero.
  Value readNeighbours(int64_t y, int64_t column, int64_t vector) {
    RankedTensorType image = conv.getImage().getType();
    VectorType bytes = VectorType::get({lanes}, image.getElementType());
    auto join = [&](Value x, Value y) -> Value {
      int64_t all = 2 * cast<VectorType>(x.getType()).getDimSize(0);
      return vector::ShuffleOp::create(
          b, loc, x, y, llvm::to_vector(llvm::seq<int64_t>(0, all)));
    };
    Values parts;
    for (int64_t p = column; p < column + group; ++p)
      parts.push_back(p < image.getDimSize(2)
                          ? read(bytes, conv.getImage(),
                                 {index(y / image.getDimSize(1)),
                                  index(y % image.getDimSize(1)), index(p),
                                  index(vector * lanes)},
                                 isWhole(vector))
                          : zero(bytes));
    // First beside each other, which loads do; then four lanes of each pixel to
    // every 128 bits, and these in order: two instructions, or one where
    // processors permute bytes.
    Value all = join(join(parts[0], parts[1]), join(parts[2], parts[3]));
    auto words = VectorType::get({lanes}, b.getI32Type());
    SmallVector<int64_t> blocks, order;
    for (int64_t block = 0; block < lanes / group; ++block)
      for (int64_t p = 0; p < group; ++p)
        blocks.push_back(p * (lanes / group) + block);
    for (int64_t block = 0; block < lanes * group; block += group * group)
      for (int64_t lane = 0; lane < group; ++lane)
        for (int64_t p = 0; p < group; ++p)
          order.push_back(block + p * group + lane);
    Value word = vector::BitCastOp::create(b, loc, words, all);
    word = vector::ShuffleOp::create(b, loc, word, word, blocks);
    all = vector::BitCastOp::create(b, loc, all.getType(), word);
    return vector::ShuffleOp::create(b, loc, all, all, order);
  }

  ConvOp conv;
};

/// A strategy written by hand may ask for what a matrix unit cannot do, or
/// leave to vectors what has the order of the unit.
LogicalResult verifyMatrices(Operation *op, int64_t matrixRows) {
  bool hasStep = op->hasAttr("step");
  if (hasStep != (matrixRows != 0) && hasStep)
    return op->emitError("expected 'matrix_rows' in the strategy of a product "
                         "with a step, which no vectors compute");
  if (!matrixRows || hasStep)
    return success();
  auto left = cast<RankedTensorType>(op->getOperand(0).getType());
  auto conv = dyn_cast<ConvOp>(op);
  bool vectorsOnly = conv && (conv.getDepthwise() || conv.getMerged());
  if (left.getElementType().isInteger(8) && !vectorsOnly &&
      TileUnit().getStep(left.getShape().back()))
    return success();
  return op->emitError("expected a dense product of bytes whose reduction has "
                       "equal steps, of at most 64 bytes, for 'matrix_rows', "
                       "but got ")
         << left;
}

struct VectorizeProducts
    : mpq::impl::VectorizeProductsPassBase<VectorizeProducts> {
  using VectorizeProductsPassBase::VectorizeProductsPassBase;

  void runOnOperation() override {
    SmallVector<Operation *> products;
    getOperation()->walk([&](Operation *op) {
      if (isa<ContractOp, ConvOp>(op))
        products.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    auto strategy = getOperation()->getAttrOfType<StrategyAttr>(
        MPQDialect::getStrategyAttrName());
    int64_t matrixRows = strategy ? strategy.getMatrixRows() : 0;
    for (Operation *op : products) {
      if (!cast<RankedTensorType>(op->getResult(0).getType())
               .hasStaticShape()) {
        op->emitError("expected a static tile: run mpq-tile-kernels first");
        return signalPassFailure();
      }
      if (auto conv = dyn_cast<ConvOp>(op); conv && conv.getGroups() != 1) {
        op->emitError("expected a tile of one group but got ")
            << conv.getGroups() << " groups: run mpq-tile-kernels first";
        return signalPassFailure();
      }
      if (failed(verifyMatrices(op, matrixRows)))
        return signalPassFailure();
      LogicalResult emitted =
          isa<ContractOp>(op)
              ? ContractEmitter(rewriter, cast<ContractOp>(op), matrixRows)
                    .emit()
              : ConvEmitter(rewriter, cast<ConvOp>(op), matrixRows).emit();
      if (failed(emitted))
        return signalPassFailure();
    }
  }
};
} // namespace
