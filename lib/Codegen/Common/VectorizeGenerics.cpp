//===- VectorizeGenerics.cpp - elementwise loops, reductions ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Three shapes, all with static extents:
//  * elementwise: lanes along the innermost result dimension; operands with
//    another innermost dimension are turned tile by tile in registers;
//  * reductions beside the lanes (windows, images of NHWC): one accumulator for
//    each lane, in ascending order from the init (N-S2);
//  * row reductions: 16 interleaved partial results and a fixed tree (N-S1),
//    whatever the target's vector length.
// Full vectors run in a loop, the tail is peeled with masks.
//
//===----------------------------------------------------------------------===//

#include "BodyVectorizer.h"
#include "PackBytes.h"
#include "TransposeTile.h"
#include "mpq/Codegen/KernelGroup.h"
#include "mpq/Codegen/Passes.h"
#include "mpq/Codegen/TargetInfo.h"
#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Numerics/ReductionOrder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

namespace mpq {
#define GEN_PASS_DEF_VECTORIZEGENERICSPASS
#include "mpq/Codegen/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

/// Operations of a body that is unrolled over a tile turned in registers.
static constexpr int64_t kMostTurned = 40;
/// Innermost extents (colours) up to which results are interleaved instead.
static constexpr int64_t kMostInterleaved = 4;

namespace {
class GenericEmitter {
public:
  GenericEmitter(RewriterBase &rewriter, linalg::GenericOp op, int64_t lanes)
      : b(rewriter), op(op), loc(op.getLoc()), lanes(lanes),
        extents(op.getStaticLoopRanges()), indices(extents.size()),
        outMap(op.getMatchingIndexingMap(op.getDpsInitOperand(0))) {}

  LogicalResult emit();

private:
  using Body = function_ref<FailureOr<Value>(Value destination)>;

  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }

  /// Sequential loops over `dims` around `body`, with one carried value.
  FailureOr<Value> loops(ArrayRef<unsigned> dims, Value carried, Body body) {
    if (dims.empty())
      return body(carried);
    unsigned d = dims.front();
    if (extents[d] == 1) {
      indices[d] = constant(0);
      return loops(dims.drop_front(), carried, body);
    }
    auto loop = scf::ForOp::create(b, loc, constant(0), constant(extents[d]),
                                   constant(1), carried);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    indices[d] = loop.getInductionVar();
    FailureOr<Value> next =
        loops(dims.drop_front(), loop.getRegionIterArg(0), body);
    if (failed(next))
      return failure();
    scf::YieldOp::create(b, loc, *next);
    return loop.getResult(0);
  }

  /// The lane dimension in steps of `step`: a loop of whole vectors, then the
  /// tail at a constant position (which is how reads know to mask).
  FailureOr<Value>
  laneLoop(unsigned lane, int64_t step, Value carried,
           function_ref<FailureOr<Value>(Value, int64_t)> body) {
    int64_t whole = extents[lane] / step * step, rest = extents[lane] - whole;
    if (whole == step) {
      indices[lane] = constant(0);
      FailureOr<Value> next = body(carried, step);
      if (failed(next))
        return failure();
      carried = *next;
    } else if (whole) {
      auto loop = scf::ForOp::create(b, loc, constant(0), constant(whole),
                                     constant(step), carried);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      indices[lane] = loop.getInductionVar();
      FailureOr<Value> next = body(loop.getRegionIterArg(0), step);
      if (failed(next))
        return failure();
      scf::YieldOp::create(b, loc, *next);
      carried = loop.getResult(0);
    }
    if (rest) {
      indices[lane] = constant(whole);
      return body(carried, rest);
    }
    return carried;
  }

  SmallVector<Value> resultPosition() {
    SmallVector<Value> at;
    for (AffineExpr expr : outMap.getResults())
      at.push_back(emitAffineExpr(b, loc, expr, indices));
    return at;
  }

  /// The body on vectors; the output's argument is `accumulator` if given.
  FailureOr<Value> vectorBody(unsigned lane, int64_t width, Value accumulator) {
    BodyVectorizer body(b, op, width, lane, indices);
    for (OpOperand *input : op.getDpsInputOperands()) {
      BlockArgument argument = op.getMatchingBlockArgument(input);
      if (argument.use_empty())
        continue;
      Value known = turned.lookup(input);
      body.map(argument, known ? known : body.readOperand(input));
    }
    BlockArgument out = op.getMatchingBlockArgument(op.getDpsInitOperand(0));
    if (accumulator)
      body.map(out, accumulator);
    else if (!out.use_empty())
      body.map(out, body.readOperand(op.getDpsInitOperand(0)));
    FailureOr<Value> value = body.run();
    if (failed(value) || !accumulator ||
        order.order != ReductionOrder::Contraction)
      return value;
    // N-C1: the product and the sum round once.
    auto sum = (*value).getDefiningOp<arith::AddFOp>();
    if (!sum)
      return value;
    Value product = sum.getLhs() == accumulator ? sum.getRhs() : sum.getLhs();
    auto multiply = product.getDefiningOp<arith::MulFOp>();
    return math::FmaOp::create(b, loc, multiply.getLhs(), multiply.getRhs(),
                               accumulator)
        .getResult();
  }

  /// Writes lanes along result dimension `laneDim`.
  FailureOr<Value> write(Value vector, Value destination, unsigned laneDim,
                         int64_t valid) {
    SmallVector<Value> at = resultPosition();
    if (laneDim + 1 == outMap.getNumResults())
      return writeLanes(b, loc, vector, destination, at, valid);
    // Unit dimensions inside the lanes: element by element.
    for (int64_t l = 0; l < valid; ++l) {
      SmallVector<Value> place(at);
      place[laneDim] =
          arith::AddIOp::create(b, loc, place[laneDim], constant(l));
      Value element = vector::ExtractOp::create(b, loc, vector, l);
      destination =
          tensor::InsertOp::create(b, loc, element, destination, place);
    }
    return destination;
  }

  FailureOr<Value> emitBesideLanes(unsigned lane, unsigned laneDim);
  FailureOr<Value> emitRowReduction(unsigned lane);
  int64_t getRowBytes(OpOperand *operand, unsigned dim);
  FailureOr<Value> emitTransposed(unsigned lane, unsigned laneDim,
                                  unsigned inner,
                                  ArrayRef<OpOperand *> strided);
  FailureOr<Value> emitInterleaved(unsigned lane, unsigned inner);

  /// True if rows of the two innermost result dimensions, `lane` the last, lie
  /// side by side in memory.
  bool hasAdjacentRows(unsigned lane, unsigned inner) {
    unsigned rank = outMap.getNumResults();
    return rank >= 2 &&
           outMap.getResult(rank - 2) == b.getAffineDimExpr(inner) &&
           areDenseDimensions(getDestination(/*readsInit=*/false), rank - 2);
  }

  /// Where the result goes: behind a fill, and never into a value that the
  /// reduction starts from.
  Value getDestination(bool readsInit) {
    Value init = op.getDpsInits()[0];
    if (auto fill = init.getDefiningOp<linalg::FillOp>())
      return fill.getOutputs()[0];
    if (!readsInit || isWritable(init))
      return init;
    auto type = cast<RankedTensorType>(init.getType());
    return tensor::EmptyOp::create(b, loc, type.getShape(),
                                   type.getElementType());
  }

  /// True for a part of the kernel's own result (filled before the loops).
  static bool isWritable(Value value) {
    while (true) {
      if (auto argument = dyn_cast<BlockArgument>(value)) {
        auto loop = dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp());
        if (!loop || argument == loop.getInductionVar())
          return false;
        value = loop.getTiedLoopInit(argument)->get();
        continue;
      }
      Operation *def = value.getDefiningOp();
      if (auto slice = dyn_cast<tensor::ExtractSliceOp>(def))
        value = slice.getSource();
      else if (auto insert = dyn_cast<tensor::InsertSliceOp>(def))
        value = insert.getDest();
      else if (auto fill = dyn_cast<linalg::FillOp>(def))
        value = fill.getOutputs()[0];
      else if (auto loop = dyn_cast<scf::ForOp>(def))
        value = loop.getTiedLoopInit(cast<OpResult>(value))->get();
      else if (auto view = dyn_cast<bufferization::ToTensorOp>(def))
        return view.getWritable();
      else
        return isa<tensor::EmptyOp>(def);
    }
  }

  /// The scalar an init is filled with, or nothing.
  Value getFill() {
    auto fill = op.getDpsInits()[0].getDefiningOp<linalg::FillOp>();
    return fill ? fill.getInputs()[0] : Value();
  }

  RewriterBase &b;
  linalg::GenericOp op;
  Location loc;
  int64_t lanes;
  SmallVector<int64_t> extents;
  SmallVector<Value> indices;
  AffineMap outMap;
  ReductionInfo order;
  /// Operands of the current vector that were read as part of a tile.
  DenseMap<OpOperand *, Value> turned;
};
} // namespace

LogicalResult GenericEmitter::emit() {
  b.setInsertionPoint(op);
  for (AffineExpr expr : outMap.getResults())
    if (!isa<AffineDimExpr, AffineConstantExpr>(expr))
      return op.emitError("expected each result dimension to be a loop");
  order = getReductionInfo(op);
  if (std::optional<ReductionInfo> integers = matchIntegerRow(op))
    order = *integers;
  FailureOr<Value> result;
  if (op.getNumReductionLoops() && order.order == ReductionOrder::Row) {
    result = emitRowReduction(order.rowDimension);
  } else {
    // The innermost result dimension that is no unit carries the lanes.
    std::optional<unsigned> lane;
    unsigned laneDim = 0;
    for (auto [d, expr] : llvm::enumerate(outMap.getResults()))
      if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
        if (extents[dim.getPosition()] == 1 && lane)
          continue;
        lane = dim.getPosition();
        laneDim = d;
      }
    if (!lane)
      return op.emitError("expected a result with at least one dimension");
    SmallVector<OpOperand *> strided;
    std::optional<unsigned> inner;
    if (!op.getNumReductionLoops() && laneDim + 1 == outMap.getNumResults() &&
        llvm::hasNItemsOrLess(op.getBlock()->without_terminator(), kMostTurned))
      inner = getTransposedLoop(op, *lane, strided);
    if (inner && extents[*lane] <= kMostInterleaved &&
        hasAdjacentRows(*lane, *inner))
      result = emitInterleaved(*lane, *inner);
    else
      result = inner ? emitTransposed(*lane, laneDim, *inner, strided)
                     : emitBesideLanes(*lane, laneDim);
  }
  if (failed(result))
    return failure();
  b.replaceOp(op, *result);
  return success();
}

FailureOr<Value> GenericEmitter::emitBesideLanes(unsigned lane,
                                                 unsigned laneDim) {
  SmallVector<unsigned> outer, reduced;
  for (unsigned d = 0; d < extents.size(); ++d) {
    if (d == lane)
      continue;
    (op.getIteratorTypesArray()[d] == utils::IteratorType::parallel ? outer
                                                                    : reduced)
        .push_back(d);
  }
  if (extents.empty())
    return op.emitError("expected at least one loop");
  Value destination = getDestination(!reduced.empty());
  return loops(outer, destination, [&](Value destination) {
    return laneLoop(
        lane, lanes, destination,
        [&](Value destination, int64_t valid) -> FailureOr<Value> {
          FailureOr<Value> value;
          if (reduced.empty()) {
            value = vectorBody(lane, lanes, Value());
          } else {
            BodyVectorizer reader(b, op, lanes, lane, indices);
            // In place: what a lane starts from is read before it is written.
            Value current =
                isWritable(op.getDpsInits()[0]) ? destination : Value();
            Value start = getFill();
            start = reader.toVector(
                start ? start
                      : reader.readOperand(op.getDpsInitOperand(0), current));
            value = loops(reduced, start, [&](Value accumulator) {
              return vectorBody(lane, lanes, accumulator);
            });
          }
          if (failed(value))
            return failure();
          return write(*value, destination, laneDim, valid);
        });
  });
}

/// Bytes between elements of `operand` that loop `dim` reads one after another.
int64_t GenericEmitter::getRowBytes(OpOperand *operand, unsigned dim) {
  auto type = cast<RankedTensorType>(operand->get().getType());
  int64_t bytes = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  ArrayRef<AffineExpr> exprs = op.getMatchingIndexingMap(operand).getResults();
  for (unsigned d = exprs.size(); d-- > 0 && !exprs[d].isFunctionOfDim(dim);)
    bytes *= type.getDimSize(d);
  return bytes;
}

/// Lanes along `lane`, tiles of lanes x lanes with `inner`: the rows of
/// `strided` operands are read along `inner` and turned, then the body runs for
/// each position of `inner`.
FailureOr<Value> GenericEmitter::emitTransposed(unsigned lane, unsigned laneDim,
                                                unsigned inner,
                                                ArrayRef<OpOperand *> strided) {
  SmallVector<unsigned> outer;
  for (unsigned d = 0; d < extents.size(); ++d)
    if (d != lane && d != inner)
      outer.push_back(d);
  auto tile = [&](Value destination, int64_t columns,
                  int64_t rows) -> FailureOr<Value> {
    Value innerStart = indices[inner], laneStart = indices[lane];
    auto moved = [&](Value start, int64_t by) {
      if (std::optional<int64_t> known = getConstantIntValue(start))
        return Value(constant(*known + by));
      return arith::AddIOp::create(b, loc, start, constant(by)).getResult();
    };
    SmallVector<SmallVector<Value>> tiles;
    for (OpOperand *operand : strided) {
      SmallVector<Value> read(lanes);
      for (int64_t r = 0; r < rows; ++r) {
        SmallVector<Value> at(indices);
        at[lane] = moved(laneStart, r);
        read[r] = BodyVectorizer(b, op, lanes, inner, at).readOperand(operand);
      }
      tiles.push_back(transposeTile(b, loc, read));
    }
    for (int64_t c = 0; c < columns; ++c) {
      indices[inner] = moved(innerStart, c);
      for (auto [operand, vectors] : llvm::zip_equal(strided, tiles))
        turned[operand] = vectors[c];
      FailureOr<Value> value = vectorBody(lane, lanes, Value());
      if (failed(value))
        return failure();
      destination = *write(*value, destination, laneDim, rows);
    }
    indices[inner] = innerStart;
    turned.clear();
    return destination;
  };
  // The inner loop goes on where the rows of one tile lie far apart: as many
  // streams as rows that the processor can prefetch, instead of one line of
  // each at a time. The other side stays in the cache meanwhile.
  bool alongInner = getRowBytes(strided.front(), lane) >
                    getRowBytes(op.getDpsInitOperand(0), inner);
  return loops(outer, getDestination(/*readsInit=*/false), [&](Value carried) {
    if (alongInner)
      return laneLoop(lane, lanes, carried, [&](Value carried, int64_t rows) {
        return laneLoop(inner, lanes, carried,
                        [&](Value carried, int64_t columns) {
                          return tile(carried, columns, rows);
                        });
      });
    return laneLoop(inner, lanes, carried, [&](Value carried, int64_t columns) {
      return laneLoop(lane, lanes, carried, [&](Value carried, int64_t rows) {
        return tile(carried, columns, rows);
      });
    });
  });
}

/// Few results innermost: each is computed with lanes along `inner`, where its
/// operands are consecutive, and all of them are written side by side.
FailureOr<Value> GenericEmitter::emitInterleaved(unsigned lane,
                                                 unsigned inner) {
  SmallVector<unsigned> outer;
  for (unsigned d = 0; d < extents.size(); ++d)
    if (d != lane && d != inner)
      outer.push_back(d);
  Value destination = getDestination(/*readsInit=*/false);
  Type type = destination.getType();
  int64_t rank = outMap.getNumResults(), parts = extents[lane];
  SmallVector<ReassociationIndices> rows;
  for (int64_t d = 0; d + 1 < rank; ++d)
    rows.push_back({d});
  rows.back().push_back(rank - 1);
  destination = tensor::CollapseShapeOp::create(b, loc, destination, rows);

  auto shuffle = [&](Value x, Value y, ArrayRef<int64_t> mask) {
    return vector::ShuffleOp::create(b, loc, x, y, mask).getResult();
  };
  FailureOr<Value> result = loops(outer, destination, [&](Value carried) {
    return laneLoop(
        inner, lanes, carried,
        [&](Value carried, int64_t valid) -> FailureOr<Value> {
          // Pairs one behind the other; twice the last of an odd number.
          SmallVector<Value> values, pairs;
          for (int64_t part = 0; part < parts; ++part) {
            indices[lane] = constant(part);
            FailureOr<Value> value = vectorBody(inner, lanes, Value());
            if (failed(value))
              return failure();
            values.push_back(*value);
          }
          SmallVector<int64_t> both =
              llvm::to_vector(llvm::seq<int64_t>(0, 2 * lanes));
          for (int64_t part = 0; part < parts; part += 2)
            pairs.push_back(shuffle(
                values[part], values[std::min(part + 1, parts - 1)], both));
          SmallVector<int64_t> order;
          for (int64_t l = 0; l < lanes; ++l)
            for (int64_t part = 0; part < parts; ++part)
              order.push_back(part * lanes + l);
          Value all = shuffle(pairs.front(), pairs.back(), order);
          indices[lane] = constant(0);
          SmallVector<Value> at = resultPosition();
          at.pop_back();
          at.back() = arith::MulIOp::create(b, loc, at.back(), constant(parts));
          return writeLanes(b, loc, all, carried, at, valid * parts);
        });
  });
  if (failed(result))
    return failure();
  return tensor::ExpandShapeOp::create(b, loc, type, *result, rows).getResult();
}

FailureOr<Value> GenericEmitter::emitRowReduction(unsigned lane) {
  Operation *combiner = order.combiners.front();
  BlockArgument out = op.getMatchingBlockArgument(op.getDpsInitOperand(0));
  bool outFirst = combiner->getOperand(0) == out;
  TypedAttr neutral = isa<FloatType>(out.getType())
                          ? TypedAttr(b.getFloatAttr(
                                out.getType(), getCombinerIdentity(combiner)))
                          : *arith::getNeutralElement(combiner);
  auto type = VectorType::get({rowPartials}, out.getType());
  // Magnitudes are ordered like their bits, which NaN is above: one instruction
  // instead of those that look for it.
  bool magnitudes =
      isa<arith::MaximumFOp>(combiner) &&
      combiner->getOperand(outFirst ? 1 : 0).getDefiningOp<math::AbsFOp>();
  auto maximumOfBits = [&](Value x, Value y) -> Value {
    Type type = b.getI32Type();
    if (auto vector = dyn_cast<VectorType>(x.getType()))
      type = vector.clone(type);
    Value bits = arith::MaxSIOp::create(
        b, loc, arith::BitcastOp::create(b, loc, type, x),
        arith::BitcastOp::create(b, loc, type, y));
    return arith::BitcastOp::create(b, loc, x.getType(), bits);
  };
  // Every combination keeps the body's operand order.
  auto combine = [&](Value older, Value newer) -> Value {
    Value operands[] = {outFirst ? older : newer, outFirst ? newer : older};
    OperationState state(loc, combiner->getName(), operands, {older.getType()},
                         combiner->getAttrs());
    return b.create(state)->getResult(0);
  };
  SmallVector<unsigned> outer, reduced;
  for (unsigned d = 0; d < extents.size(); ++d)
    if (d != lane)
      (op.getIteratorTypesArray()[d] == utils::IteratorType::parallel ? outer
                                                                      : reduced)
          .push_back(d);
  Value destination = getDestination(/*readsInit=*/true);

  return loops(outer, destination, [&](Value destination) -> FailureOr<Value> {
    Value partials = arith::ConstantOp::create(
        b, loc, DenseElementsAttr::get(type, Attribute(neutral)));
    FailureOr<Value> sums = loops(reduced, partials, [&](Value partials) {
      return laneLoop(
          lane, rowPartials, partials,
          [&](Value partials, int64_t valid) -> FailureOr<Value> {
            FailureOr<Value> next = vectorBody(lane, rowPartials, partials);
            if (magnitudes && succeeded(next)) {
              auto maximum = next->getDefiningOp<arith::MaximumFOp>();
              next = maximumOfBits(maximum.getLhs(), maximum.getRhs());
              b.eraseOp(maximum);
            }
            if (failed(next) || valid == rowPartials)
              return next;
            // Elements beyond the row leave their partial result alone.
            SmallVector<bool> inside(rowPartials, false);
            std::fill_n(inside.begin(), valid, true);
            auto maskType = VectorType::get({rowPartials}, b.getI1Type());
            Value mask = arith::ConstantOp::create(
                b, loc, DenseElementsAttr::get(maskType, inside));
            return arith::SelectOp::create(b, loc, mask, *next, partials)
                .getResult();
          });
    });
    if (failed(sums))
      return failure();
    Value tree = *sums;
    for (int64_t half = rowPartials / 2; half >= 1; half /= 2) {
      Value low = vector::ExtractStridedSliceOp::create(
          b, loc, tree, ArrayRef<int64_t>{0}, ArrayRef<int64_t>{half},
          ArrayRef<int64_t>{1});
      Value high = vector::ExtractStridedSliceOp::create(
          b, loc, tree, ArrayRef<int64_t>{half}, ArrayRef<int64_t>{half},
          ArrayRef<int64_t>{1});
      tree = magnitudes ? maximumOfBits(low, high) : combine(low, high);
    }
    Value total = vector::ExtractOp::create(b, loc, tree, 0);
    SmallVector<Value> at = resultPosition();
    Value start = getFill();
    if (!start)
      start = tensor::ExtractOp::create(
          b, loc,
          isWritable(op.getDpsInits()[0]) ? destination : op.getDpsInits()[0],
          at);
    APFloat number(0.0f);
    bool isNumber =
        matchPattern(start, m_ConstantFloat(&number)) && !number.isNaN();
    total = magnitudes && isNumber ? maximumOfBits(start, total)
                                   : combine(start, total);
    return tensor::InsertOp::create(b, loc, total, destination, at).getResult();
  });
}

namespace {
struct VectorizeGenerics
    : mpq::impl::VectorizeGenericsPassBase<VectorizeGenerics> {
  using VectorizeGenericsPassBase::VectorizeGenericsPassBase;

  void runOnOperation() override {
    FailureOr<TargetInfo> target = TargetInfo::get(getOperation());
    if (failed(target))
      return signalPassFailure();
    IRRewriter rewriter(&getContext());
    SmallVector<linalg::CopyOp> copies;
    getOperation()->walk([&](linalg::CopyOp op) { copies.push_back(op); });
    for (linalg::CopyOp op : copies) {
      rewriter.setInsertionPoint(op);
      if (failed(linalg::generalizeNamedOp(rewriter, op)))
        return signalPassFailure();
    }
    SmallVector<linalg::GenericOp> generics;
    getOperation()->walk([&](linalg::GenericOp op) { generics.push_back(op); });
    for (linalg::GenericOp op : generics) {
      if (op.hasDynamicShape() || op.getNumResults() != 1) {
        op.emitError("expected one result and static extents: run "
                     "mpq-tile-kernels first");
        return signalPassFailure();
      }
      int64_t lanes = target->getVectorLanes32();
      if (failed(isBytePacking(op, lanes)
                     ? emitBytePacking(rewriter, op, lanes)
                     : GenericEmitter(rewriter, op, lanes).emit()))
        return signalPassFailure();
    }
    // Fills whose value a reduction took over have no users left.
    getOperation()->walk([&](linalg::FillOp fill) {
      if (fill->use_empty())
        rewriter.eraseOp(fill);
    });
  }
};
} // namespace
