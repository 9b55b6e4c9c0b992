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
// unit, the accumulators are matrices of several rows and mpq.dot_tile takes
// 64 bytes of the reduction at once; their rows come back through memory.
//
//===----------------------------------------------------------------------===//

#include "BodyVectorizer.h"
#include "mpq/Codegen/KernelGroup.h"
#include "mpq/Codegen/Passes.h"
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

namespace {
/// Emits one product tile. Subclasses say how the reduction walks.
class TileEmitter {
public:
  TileEmitter(RewriterBase &rewriter, Operation *op, Value weights, Value bias,
              Value init, int64_t lanes, int64_t group, int64_t matrixRows)
      : b(rewriter), op(op), loc(op->getLoc()), weights(weights), bias(bias),
        init(init), lanes(lanes), group(group), matrixRows(matrixRows) {
    auto type = cast<RankedTensorType>(init.getType());
    columns = type.getShape().back();
    vectors = llvm::divideCeilSigned(columns, lanes);
    integer = type.getElementType().isInteger(32);
    accType = VectorType::get({lanes}, type.getElementType());
    packType = VectorType::get(
        {lanes * group},
        cast<RankedTensorType>(weights.getType()).getElementType());
    for (int64_t row = 0, e = type.getNumElements() / columns; row < e; ++row) {
      SmallVector<int64_t> place;
      int64_t rest = row;
      for (int64_t extent : llvm::reverse(type.getShape().drop_back())) {
        place.push_back(rest % extent);
        rest /= extent;
      }
      rows.push_back({place.rbegin(), place.rend()});
    }
  }
  virtual ~TileEmitter() = default;

  LogicalResult emit();

protected:
  using Values = SmallVector<Value>;

  /// Emits the reduction on the accumulators (row-major rows x vectors).
  virtual Values reduce(Values accumulators) = 0;
  /// The same on matrices of `matrixRows` rows (blocks of rows x vectors).
  virtual Values reduceMatrices(Values accumulators) = 0;

  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  Value add(Value x, Value y) { return arith::AddIOp::create(b, loc, x, y); }
  Value scaled(Value x, int64_t factor) {
    return factor == 1 ? x : arith::MulIOp::create(b, loc, x, index(factor));
  }
  Value zero(Type type) {
    return arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
  }
  Value read(VectorType type, Value source, ValueRange at, bool inBounds) {
    Type element = cast<RankedTensorType>(source.getType()).getElementType();
    return vector::TransferReadOp::create(
        b, loc, type, source, at, std::optional<Value>(zero(element)),
        SmallVector<bool>(type.getRank(), inBounds));
  }
  bool isWhole(int64_t vector) const { return (vector + 1) * lanes <= columns; }

  /// Packed weights of one group for every vector.
  Values readWeights(Value groupIndex) {
    Values panel;
    bool batched = cast<RankedTensorType>(weights.getType()).getRank() == 4;
    for (int64_t v = 0; v < vectors; ++v) {
      Values at{index(v), groupIndex, index(0)};
      if (batched)
        at.insert(at.begin(), index(0));
      panel.push_back(read(packType, weights, at, true));
    }
    return panel;
  }

  /// Reads the weights of one step of the matrix unit for every vector, asks
  /// `readLeft` for the rows of each block, given its first row, and
  /// multiplies.
  Values multiplyMatrices(Value groupIndex, Values sums,
                          function_ref<Value(ArrayRef<int64_t>)> readLeft) {
    Values panel;
    auto type = VectorType::get({matrixBytes / group, lanes * group},
                                packType.getElementType());
    bool batched = cast<RankedTensorType>(weights.getType()).getRank() == 4;
    for (int64_t v = 0; v < vectors; ++v) {
      Values at{index(v), groupIndex, index(0)};
      if (batched)
        at.insert(at.begin(), index(0));
      panel.push_back(read(type, weights, at, true));
    }
    for (size_t block = 0; block * matrixRows < rows.size(); ++block) {
      Value left = readLeft(rows[block * matrixRows]);
      for (int64_t v = 0; v < vectors; ++v) {
        Value &sum = sums[block * vectors + v];
        sum = DotTileOp::create(b, loc, sum.getType(), sum, left, panel[v]);
      }
    }
    return sums;
  }
  VectorType getMatrixLeftType() {
    return VectorType::get({matrixRows, matrixBytes}, b.getI8Type());
  }

  /// One element (or group of four bytes) of the left side in every lane.
  /// `whole`: all bytes of the group lie inside the row.
  Value broadcastLeft(Value source, ValueRange at, bool whole) {
    if (!integer)
      return vector::BroadcastOp::create(
          b, loc, accType, tensor::ExtractOp::create(b, loc, source, at));
    Value bytes = read(VectorType::get({4}, b.getI8Type()), source, at, whole);
    Value word = vector::BitCastOp::create(
        b, loc, VectorType::get({1}, b.getI32Type()), bytes);
    word = vector::ExtractOp::create(b, loc, word, 0);
    return vector::BitCastOp::create(
        b, loc, packType, vector::BroadcastOp::create(b, loc, accType, word));
  }

  Value multiplyAdd(Value accumulator, Value left, Value right) {
    if (integer)
      return Dot4Op::create(b, loc, accType, accumulator, left, right,
                            b.getUnitAttr(), UnitAttr());
    return math::FmaOp::create(b, loc, left, right, accumulator);
  }

  /// Loops over `extents` with the accumulators as iteration arguments.
  Values loop(ArrayRef<int64_t> extents, Values accumulators,
              function_ref<Values(ArrayRef<Value>, Values)> body) {
    Values ivs;
    SmallVector<scf::ForOp> nest;
    for (int64_t extent : extents) {
      if (extent == 1) {
        ivs.push_back(index(0));
        continue;
      }
      auto loop = scf::ForOp::create(b, loc, index(0), index(extent), index(1),
                                     accumulators);
      b.setInsertionPointToStart(loop.getBody());
      accumulators.assign(loop.getRegionIterArgs().begin(),
                          loop.getRegionIterArgs().end());
      ivs.push_back(loop.getInductionVar());
      nest.push_back(loop);
    }
    accumulators = body(ivs, accumulators);
    for (scf::ForOp loop : llvm::reverse(nest)) {
      scf::YieldOp::create(b, loc, accumulators);
      b.setInsertionPointAfter(loop);
      accumulators.assign(loop.getResults().begin(), loop.getResults().end());
    }
    return accumulators;
  }

  RewriterBase &b;
  Operation *op;
  Location loc;
  Value weights, bias, init;
  int64_t lanes, group, columns, vectors;
  /// Rows of a matrix accumulator; 0: vectors only.
  int64_t matrixRows;
  /// Bytes of the reduction that mpq.dot_tile takes.
  static constexpr int64_t matrixBytes = 64;
  bool integer;
  VectorType accType, packType;
  /// Position of each row in the tile, without the column.
  SmallVector<SmallVector<int64_t>> rows;

private:
  Values accumulateInMatrices();
  Values accumulateInVectors();
  FailureOr<Value> writeEpilogue(linalg::GenericOp epilogue,
                                 const Values &accumulators);
  Values rowPosition(int64_t row, int64_t vector) {
    Values at;
    for (int64_t d : rows[row])
      at.push_back(index(d));
    at.push_back(index(vector * lanes));
    return at;
  }
};
} // namespace

LogicalResult TileEmitter::emit() {
  linalg::GenericOp epilogue;
  if (op->hasOneUse()) {
    epilogue = dyn_cast<linalg::GenericOp>(*op->getUsers().begin());
    if (epilogue && (!isElementwise(epilogue) ||
                     epilogue.getDpsInits()[0] == op->getResult(0)))
      epilogue = nullptr;
  }
  b.setInsertionPoint(epilogue ? epilogue.getOperation() : op);
  Values accumulators =
      matrixRows ? accumulateInMatrices() : accumulateInVectors();

  if (epilogue) {
    FailureOr<Value> written = writeEpilogue(epilogue, accumulators);
    if (failed(written))
      return failure();
    b.replaceOp(epilogue, *written);
    b.eraseOp(op);
    return success();
  }
  Value out = init;
  for (unsigned row = 0; row < rows.size(); ++row)
    for (int64_t v = 0; v < vectors; ++v)
      out = writeLanes(b, loc, accumulators[row * vectors + v], out,
                       rowPosition(row, v), columns - v * lanes);
  b.replaceOp(op, out);
  return success();
}

/// Sums in matrices that start from the bias in every row; the rows of the
/// results as vectors.
TileEmitter::Values TileEmitter::accumulateInMatrices() {
  int64_t blocks = rows.size() / matrixRows;
  auto type = VectorType::get({matrixRows, lanes}, b.getI32Type());
  auto everyRow =
      AffineMap::get(1, 0, {b.getAffineConstantExpr(0), b.getAffineDimExpr(0)},
                     b.getContext());
  Values sums;
  for (int64_t i = 0; i < blocks * vectors; ++i)
    sums.push_back(bias ? vector::TransferReadOp::create(
                              b, loc, type, bias,
                              Values{index(i % vectors * lanes)},
                              std::optional<Value>(zero(b.getI32Type())),
                              everyRow, ArrayRef<bool>{true, true})
                        : zero(type));
  sums = reduceMatrices(sums);
  Value buffer = tensor::EmptyOp::create(
      b, loc, {blocks * vectors, matrixRows, lanes}, b.getI32Type());
  for (auto [i, sum] : llvm::enumerate(sums))
    buffer = vector::TransferWriteOp::create(
                 b, loc, sum, buffer, Values{index(i), index(0), index(0)},
                 ArrayRef<bool>{true, true})
                 .getResult();
  Values accumulators;
  for (int64_t row = 0; row < blocks * matrixRows; ++row)
    for (int64_t v = 0; v < vectors; ++v) {
      Values at{index(row / matrixRows * vectors + v), index(row % matrixRows),
                index(0)};
      accumulators.push_back(read(accType, buffer, at, true));
    }
  return accumulators;
}

/// Sums in vectors.
TileEmitter::Values TileEmitter::accumulateInVectors() {
  Values start, accumulators;
  for (int64_t v = 0; v < vectors; ++v)
    start.push_back(bias ? read(accType, bias, index(v * lanes), isWhole(v))
                         : zero(accType));
  for (unsigned row = 0; row < rows.size(); ++row)
    llvm::append_range(accumulators, start);
  return reduce(accumulators);
}

FailureOr<Value> TileEmitter::writeEpilogue(linalg::GenericOp epilogue,
                                            const Values &accumulators) {
  Value out = epilogue.getDpsInits()[0];
  for (unsigned row = 0; row < rows.size(); ++row)
    for (int64_t v = 0; v < vectors; ++v) {
      Values at = rowPosition(row, v);
      BodyVectorizer body(b, epilogue, lanes, at.size() - 1, at);
      for (OpOperand *input : epilogue.getDpsInputOperands()) {
        BlockArgument argument = epilogue.getMatchingBlockArgument(input);
        if (argument.use_empty())
          continue;
        body.map(argument, input->get() == op->getResult(0)
                               ? accumulators[row * vectors + v]
                               : body.readOperand(input));
      }
      FailureOr<Value> value = body.run();
      if (failed(value))
        return failure();
      out = writeLanes(b, loc, *value, out, at, columns - v * lanes);
    }
  return out;
}

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

namespace {
struct ContractEmitter : TileEmitter {
  ContractEmitter(RewriterBase &rewriter, ContractOp op, int64_t matrixRows)
      : TileEmitter(rewriter, op, op.getRhs(), op.getBias(), op.getInit(),
                    op.getLanes(), op.getGroup(), matrixRows),
        lhs(op.getLhs()) {}

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
    return loop({depth / matrixBytes}, accumulators,
                [&](ArrayRef<Value> ivs, Values sums) {
                  Value step = ivs[0], k = scaled(step, matrixBytes);
                  return multiplyMatrices(scaled(step, matrixBytes / group),
                                          sums, [&](ArrayRef<int64_t> row) {
                                            Values at;
                                            for (int64_t d : row)
                                              at.push_back(index(d));
                                            at.push_back(k);
                                            return read(getMatrixLeftType(),
                                                        lhs, at, true);
                                          });
                });
  }

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
    int64_t stride = conv.getStrides()[1];
    // Pixels `stride` apart are the rows of a slice.
    auto readPixels = [&](Values at) {
      if (stride == 1)
        return read(getMatrixLeftType(), image, at, true);
      SmallVector<OpFoldResult> sizes(4, b.getIndexAttr(1)),
          strides(4, b.getIndexAttr(1));
      sizes[2] = b.getIndexAttr(matrixRows);
      sizes[3] = b.getIndexAttr(matrixBytes);
      strides[2] = b.getIndexAttr(stride);
      Value slice = tensor::ExtractSliceOp::create(
          b, loc, image, getAsOpFoldResult(at), sizes, strides);
      return read(getMatrixLeftType(), slice, Values(4, index(0)), true);
    };
    return loop(
        {kh, kw, channels / matrixBytes}, accumulators,
        [&](ArrayRef<Value> ivs, Values sums) {
          Value tap = add(scaled(ivs[0], kw), ivs[1]);
          Value first = add(scaled(tap, channels / group),
                            scaled(ivs[2], matrixBytes / group));
          Value channel = scaled(ivs[2], matrixBytes);
          return multiplyMatrices(first, sums, [&](ArrayRef<int64_t> row) {
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
          Value pixel = read(packType, conv.getImage(), at, isWhole(v));
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
    // First beside each other, which loads do, then in order: one permutation.
    Value all = join(join(parts[0], parts[1]), join(parts[2], parts[3]));
    SmallVector<int64_t> order;
    for (int64_t lane = 0; lane < lanes; ++lane)
      for (int64_t p = 0; p < group; ++p)
        order.push_back(p * lanes + lane);
    return vector::ShuffleOp::create(b, loc, all, all, order);
  }

  ConvOp conv;
};

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
