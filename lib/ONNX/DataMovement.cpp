//===- DataMovement.cpp - operators that move elements ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Slices, concatenation, gathering, broadcasting, padding. Constants are
// changed at import, which is half of folding the shape arithmetic of
// exporters.
//
//===----------------------------------------------------------------------===//

#include "OperatorRegistry.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <algorithm>

using namespace mlir;
using namespace mpq::onnximport;

/// Constants larger than this are computed at run time, not at import.
static constexpr int64_t kMostEvaluatedElements = int64_t(1) << 28;

//===----------------------------------------------------------------------===//
// Slice, Split, Concat
//===----------------------------------------------------------------------===//

/// `input[offset : : stride]` with `sizes` elements; negative strides gather.
static void sliceTo(NodeImporter &n, unsigned result, Tensor &input,
                    ArrayRef<int64_t> offsets, ArrayRef<int64_t> sizes,
                    ArrayRef<int64_t> strides) {
  if (input.constant && product(sizes) <= kMostEvaluatedElements) {
    SmallVector<int64_t> steps = rowMajorStrides(input.getShape());
    n.setResult(result,
                input.constant->gather(sizes, [&](ArrayRef<int64_t> at) {
                  int64_t offset = 0;
                  for (size_t d = 0; d < at.size(); ++d)
                    offset += (offsets[d] + at[d] * strides[d]) * steps[d];
                  return offset;
                }));
    return;
  }
  Value value = n.materialize(input);
  if (llvm::all_of(strides, [](int64_t stride) { return stride > 0; })) {
    Value sliced = n.slice(value, offsets, sizes, strides);
    if (sliced == value)
      n.setResult(result, input);
    else
      n.setResult(result, sliced, input.isUnsigned);
    return;
  }
  n.setResult(result,
              n.gather(value, sizes,
                       [&](ImplicitLocOpBuilder &b, ValueRange indices) {
                         SmallVector<Value> at;
                         for (auto [d, index] : llvm::enumerate(indices)) {
                           Type type = b.getIndexType();
                           Value scaled = arith::MulIOp::create(
                               b, index, makeInt(b, type, strides[d]));
                           at.push_back(arith::AddIOp::create(
                               b, scaled, makeInt(b, type, offsets[d])));
                         }
                         return at;
                       }),
              input.isUnsigned);
}

/// starts, ends and axes are attributes before opset 10 and inputs since.
static LogicalResult importSlice(NodeImporter &n) {
  auto starts = n.getIntsOrInput("starts", 1);
  auto ends = n.getIntsOrInput("ends", 2);
  auto axes = n.getIntsOrInput("axes", 3);
  auto steps = n.getIntsOrInput("steps", 4);
  if (failed(starts) || failed(ends) || failed(axes) || failed(steps))
    return failure();
  if (!*starts || !*ends)
    return n.error() << "expected starts and ends";
  Tensor &input = n.in(0);
  int64_t rank = input.getRank();
  SmallVector<int64_t> order;
  if (*axes)
    order = **axes;
  else
    for (size_t i = 0; i < (*starts)->size(); ++i)
      order.push_back(i);
  if ((*starts)->size() != order.size() || (*ends)->size() != order.size() ||
      (*steps && (*steps)->size() != order.size()))
    return n.error() << "expected as many starts, ends and steps as axes";
  SmallVector<int64_t> offsets(rank, 0), strides(rank, 1);
  SmallVector<int64_t> sizes(input.getShape());
  SmallVector<bool> seen(rank, false);
  for (auto [i, axis] : llvm::enumerate(order)) {
    FailureOr<int64_t> normalized = n.normalizeAxis(axis, rank);
    if (failed(normalized))
      return failure();
    int64_t d = *normalized, extent = input.getDim(d);
    if (seen[d])
      return n.error() << "axis " << axis << " is given twice";
    seen[d] = true;
    int64_t step = *steps ? (**steps)[i] : 1;
    if (step == 0)
      return n.error() << "step of axis " << axis << " is 0";
    // Clamping first keeps INT64_MIN and INT64_MAX ("to the end") harmless.
    auto clampTo = [&](int64_t at, int64_t low, int64_t high) {
      at = std::clamp(at, -extent - 1, extent);
      return std::clamp(at < 0 ? at + extent : at, low, high);
    };
    int64_t start, end;
    if (step > 0) {
      start = clampTo((**starts)[i], 0, extent);
      end = clampTo((**ends)[i], 0, extent);
    } else {
      start = clampTo((**starts)[i], 0, extent - 1);
      end = (**ends)[i] < -extent ? -1 : clampTo((**ends)[i], -1, extent - 1);
    }
    int64_t magnitude = step > 0 ? step : step == INT64_MIN ? INT64_MAX : -step;
    int64_t distance = step > 0 ? end - start : start - end;
    offsets[d] = start;
    sizes[d] = distance <= 0 ? 0 : (distance - 1) / magnitude + 1;
    strides[d] = sizes[d] <= 1 ? 1 : step;
  }
  if (!input.constant && llvm::is_contained(sizes, 0))
    return n.error() << "the slice of " << input.type << " is empty";
  sliceTo(n, 0, input, offsets, sizes, strides);
  return success();
}

/// The sizes are an attribute before opset 13 and an input since; without them
/// the parts are equal (since 18 the last may be smaller).
static LogicalResult importSplit(NodeImporter &n) {
  Tensor &input = n.in(0);
  FailureOr<int64_t> axis =
      n.normalizeAxis(n.getInt("axis", 0), input.getRank());
  auto given = n.getIntsOrInput("split", 1);
  if (failed(axis) || failed(given))
    return failure();
  int64_t extent = input.getDim(*axis), parts = n.node.outputs.size();
  SmallVector<int64_t> sizes;
  if (*given) {
    sizes = **given;
  } else {
    int64_t part = llvm::divideCeilSigned(extent, parts);
    for (int64_t i = 0; i < parts; ++i)
      sizes.push_back(std::min(part, extent - i * part));
  }
  int64_t total = 0;
  for (int64_t size : sizes)
    total += size;
  if (static_cast<int64_t>(sizes.size()) != parts || total != extent ||
      llvm::any_of(sizes, [](int64_t size) { return size <= 0; }))
    return n.error() << "cannot split dimension " << *axis << " of "
                     << input.type << " into [" << ArrayRef<int64_t>(sizes)
                     << "] for " << parts << " outputs";
  SmallVector<int64_t> offsets(input.getRank(), 0), strides(input.getRank(), 1);
  SmallVector<int64_t> shape(input.getShape());
  for (auto [i, size] : llvm::enumerate(sizes)) {
    shape[*axis] = size;
    if (n.hasResult(i))
      sliceTo(n, i, input, offsets, shape, strides);
    offsets[*axis] += size;
  }
  return success();
}

/// Checks the inputs of Concat and gives axis and shape of the result.
static FailureOr<std::pair<int64_t, SmallVector<int64_t>>>
getConcatShape(NodeImporter &n) {
  if (!n.hasAttr("axis"))
    return n.error() << "expected attribute 'axis'";
  FailureOr<int64_t> axis =
      n.normalizeAxis(n.getInt("axis", 0), n.in(0).getRank());
  if (failed(axis))
    return failure();
  SmallVector<int64_t> shape(n.in(0).getShape());
  shape[*axis] = 0;
  for (unsigned i = 0; i < n.getNumInputs(); ++i) {
    if (!n.hasInput(i))
      return n.error() << "input " << i << " is missing";
    SmallVector<int64_t> other(n.in(i).getShape());
    bool fits = other.size() == shape.size() &&
                n.in(i).getElementType() == n.in(0).getElementType();
    for (size_t d = 0; fits && d < shape.size(); ++d)
      fits = static_cast<int64_t>(d) == *axis || other[d] == shape[d];
    if (!fits)
      return n.error() << "cannot concatenate " << n.in(0).type << " and "
                       << n.in(i).type << " along dimension " << *axis;
    shape[*axis] += other[*axis];
  }
  return std::make_pair(*axis, shape);
}

static LogicalResult importConcat(NodeImporter &n) {
  auto shape = getConcatShape(n);
  if (failed(shape))
    return failure();
  SmallVector<Value> values;
  for (unsigned i = 0; i < n.getNumInputs(); ++i)
    if (n.in(i).getDim(shape->first) != 0)
      values.push_back(n.value(i));
  if (values.empty())
    return n.error() << "the result is empty";
  if (values.size() == 1)
    n.setResult(0, values[0], n.in(0).isUnsigned);
  else
    n.setResult(0, tensor::ConcatOp::create(n.b, shape->first, values),
                n.in(0).isUnsigned);
  return success();
}

static std::optional<ConstantTensor> evaluateConcat(NodeImporter &n) {
  auto shape = getConcatShape(n);
  n.hadError = n.hadError || failed(shape);
  if (n.hadError)
    return std::nullopt;
  auto &[axis, extents] = *shape;
  int64_t outer = product(ArrayRef<int64_t>(extents).take_front(axis));
  std::string bytes;
  for (int64_t o = 0; o < outer; ++o)
    for (unsigned i = 0; i < n.getNumInputs(); ++i) {
      ArrayRef<char> part = n.in(i).constant->getBytes();
      size_t chunk = part.size() / outer;
      bytes.append(part.data() + o * chunk, chunk);
    }
  return ConstantTensor(n.in(0).getElementType(), n.in(0).isUnsigned, extents,
                        std::move(bytes));
}

//===----------------------------------------------------------------------===//
// Gather
//===----------------------------------------------------------------------===//

static LogicalResult importGather(NodeImporter &n) {
  Tensor &data = n.in(0), &indices = n.in(1);
  FailureOr<int64_t> axis =
      n.normalizeAxis(n.getInt("axis", 0), data.getRank());
  if (failed(axis))
    return failure();
  if (indices.isFloat() || indices.getElementType().isInteger(1))
    return n.error() << "expected integer indices but got " << indices.type;
  int64_t extent = data.getDim(*axis), indexRank = indices.getRank();
  SmallVector<int64_t> shape(data.getShape());
  shape.erase(shape.begin() + *axis);
  shape.insert(shape.begin() + *axis, indices.getShape().begin(),
               indices.getShape().end());

  if (indices.constant) {
    SmallVector<int64_t> known = indices.constant->getInts();
    for (int64_t &index : known) {
      if (index < -extent || index >= extent)
        return n.error() << "index " << index << " is out of range for "
                         << data.type << " along dimension " << *axis;
      index = index < 0 ? index + extent : index;
    }
    std::optional<int64_t> count = countElements(shape);
    if (data.constant && count && *count <= kMostEvaluatedElements) {
      SmallVector<int64_t> strides = rowMajorStrides(data.getShape());
      SmallVector<int64_t> indexStrides = rowMajorStrides(indices.getShape());
      n.setResult(0, data.constant->gather(shape, [&](ArrayRef<int64_t> at) {
        int64_t offset = 0, position = 0;
        for (int64_t d = 0; d < indexRank; ++d)
          position += at[*axis + d] * indexStrides[d];
        for (int64_t d = 0; d < data.getRank(); ++d)
          offset += strides[d] * (d < *axis    ? at[d]
                                  : d == *axis ? known[position]
                                               : at[d + indexRank - 1]);
        return offset;
      }));
      return success();
    }
    // Equally spaced indices are a slice.
    int64_t step = known.size() > 1 ? known[1] - known[0] : 1;
    bool isSlice = !known.empty() && step > 0;
    for (size_t i = 1; i < known.size(); ++i)
      isSlice = isSlice && known[i] - known[i - 1] == step;
    if (isSlice) {
      SmallVector<int64_t> offsets(data.getRank(), 0),
          strides(data.getRank(), 1);
      SmallVector<int64_t> sizes(data.getShape());
      offsets[*axis] = known[0];
      sizes[*axis] = known.size();
      strides[*axis] = step;
      Value sliced = n.slice(n.materialize(data), offsets, sizes, strides);
      n.setResult(0, n.reshape(sliced, shape), data.isUnsigned);
      return success();
    }
  }

  // The index is an input of the generic; its element picks from the data.
  // Negative ones count from the end, and none may leave the tensor.
  int64_t rank = shape.size();
  SmallVector<AffineExpr> indexExprs;
  for (int64_t d = 0; d < indexRank; ++d)
    indexExprs.push_back(n.b.getAffineDimExpr(*axis + d));
  SmallVector<AffineMap> maps = {
      AffineMap::get(rank, 0, indexExprs, n.b.getContext()),
      n.b.getMultiDimIdentityMap(rank)};
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  Value source = n.materialize(data), picks = n.materialize(indices);
  Value init = n.empty(shape, data.getElementType());
  auto generic = linalg::GenericOp::create(
      n.b, TypeRange{init.getType()}, ValueRange{picks}, ValueRange{init}, maps,
      iterators, [&](OpBuilder &nested, Location loc, ValueRange arguments) {
        ImplicitLocOpBuilder b(loc, nested);
        Type type = b.getIndexType();
        Value index =
            indices.isUnsigned
                ? Value(arith::IndexCastUIOp::create(b, type, arguments[0]))
                : Value(arith::IndexCastOp::create(b, type, arguments[0]));
        Value zero = makeInt(b, type, 0);
        Value wrapped =
            arith::AddIOp::create(b, index, makeInt(b, type, extent));
        Value isNegative =
            arith::CmpIOp::create(b, arith::CmpIPredicate::slt, index, zero);
        index = arith::SelectOp::create(b, isNegative, wrapped, index);
        index = arith::MaxSIOp::create(b, index, zero);
        index = arith::MinSIOp::create(b, index, makeInt(b, type, extent - 1));
        SmallVector<Value> at;
        for (int64_t d = 0; d < data.getRank(); ++d)
          at.push_back(d == *axis ? index
                                  : Value(linalg::IndexOp::create(
                                        b, d < *axis ? d : d + indexRank - 1)));
        linalg::YieldOp::create(
            b, ValueRange{tensor::ExtractOp::create(b, source, at)});
      });
  n.setResult(0, generic.getResult(0), data.isUnsigned);
  return success();
}

//===----------------------------------------------------------------------===//
// Expand, Tile, Pad
//===----------------------------------------------------------------------===//

static void broadcastTo(NodeImporter &n, ArrayRef<int64_t> shape) {
  Tensor &input = n.in(0);
  if (input.getShape() == shape) {
    n.setResult(0, input);
    return;
  }
  if (input.constant && product(shape) <= kMostEvaluatedElements) {
    n.setResult(0, input.constant->broadcast(shape));
    return;
  }
  n.setResult(0, n.broadcast(input, shape), input.isUnsigned);
}

static LogicalResult importExpand(NodeImporter &n) {
  FailureOr<SmallVector<int64_t>> target = n.getConstantInts(1);
  if (failed(target))
    return failure();
  if (llvm::any_of(*target, [](int64_t extent) { return extent < 0; }))
    return n.error() << "impossible shape [" << ArrayRef<int64_t>(*target)
                     << "]";
  FailureOr<SmallVector<int64_t>> shape =
      n.broadcastShapes({n.in(0).getShape(), ArrayRef<int64_t>(*target)});
  if (failed(shape))
    return failure();
  if (!countElements(*shape))
    return n.error() << "impossible shape [" << ArrayRef<int64_t>(*shape)
                     << "]";
  broadcastTo(n, *shape);
  return success();
}

/// Tile is a broadcast along a new dimension before each repeated one.
static LogicalResult importTile(NodeImporter &n) {
  FailureOr<SmallVector<int64_t>> repeats = n.getConstantInts(1);
  if (failed(repeats))
    return failure();
  Tensor &input = n.in(0);
  if (static_cast<int64_t>(repeats->size()) != input.getRank() ||
      llvm::any_of(*repeats, [](int64_t r) { return r <= 0; }))
    return n.error() << "expected a positive number of repeats for each "
                        "dimension of "
                     << input.type << " but got ["
                     << ArrayRef<int64_t>(*repeats) << "]";
  SmallVector<int64_t> split, wide, joined;
  for (auto [extent, count] : llvm::zip_equal(input.getShape(), *repeats)) {
    split.append({1, extent});
    wide.append({count, extent});
    if (std::optional<int64_t> both = countElements({extent, count}))
      joined.push_back(*both);
  }
  if (joined.size() != repeats->size() || !countElements(joined))
    return n.error() << "the result is too large: " << input.type
                     << " repeated [" << ArrayRef<int64_t>(*repeats) << "]";
  if (joined == input.getShape()) {
    n.setResult(0, input);
    return success();
  }
  Tensor expanded = n.reshape(input, split);
  n.setResult(0, n.reshape(n.broadcast(expanded, wide), joined),
              input.isUnsigned);
  return success();
}

/// Modes other than constant pick elements of the input by their index.
static Value padByIndex(NodeImporter &n, StringRef mode, ArrayRef<int64_t> low,
                        ArrayRef<int64_t> shape) {
  Tensor &input = n.in(0);
  return n.gather(
      n.materialize(input), shape,
      [&](ImplicitLocOpBuilder &b, ValueRange indices) {
        Type type = b.getIndexType();
        SmallVector<Value> at;
        for (auto [d, index] : llvm::enumerate(indices)) {
          int64_t extent = input.getDim(d);
          Value last = makeInt(b, type, extent - 1), zero = makeInt(b, type, 0);
          Value moved =
              arith::SubIOp::create(b, index, makeInt(b, type, low[d]));
          if (mode == "reflect") { // last - |last - |i||
            Value first = arith::MaxSIOp::create(
                b, moved, arith::SubIOp::create(b, zero, moved).getResult());
            Value left = arith::SubIOp::create(b, last, first);
            Value right = arith::SubIOp::create(b, first, last);
            moved = arith::SubIOp::create(
                b, last, arith::MaxSIOp::create(b, left, right).getResult());
          } else if (mode == "wrap") {
            Value whole = makeInt(b, type, extent);
            moved = arith::AddIOp::create(b, moved, whole);
            moved = arith::RemSIOp::create(b, moved, whole);
          }
          moved = arith::MinSIOp::create(b, moved, last);
          at.push_back(arith::MaxSIOp::create(b, moved, zero));
        }
        return at;
      });
}

/// pads and value are attributes before opset 11 and inputs since.
static LogicalResult importPad(NodeImporter &n) {
  auto pads = n.getIntsOrInput("pads", 1);
  auto axes = n.getIntsOrInput("axes", 3);
  if (failed(pads) || failed(axes))
    return failure();
  Tensor &input = n.in(0);
  int64_t rank = input.getRank();
  SmallVector<int64_t> order;
  if (*axes)
    order = **axes;
  else
    for (int64_t d = 0; d < rank; ++d)
      order.push_back(d);
  if (!*pads || (*pads)->size() != 2 * order.size())
    return n.error() << "expected two pads for each padded dimension";
  SmallVector<int64_t> low(rank, 0), high(rank, 0), shape(input.getShape());
  for (auto [i, axis] : llvm::enumerate(order)) {
    FailureOr<int64_t> d = n.normalizeAxis(axis, rank);
    if (failed(d))
      return failure();
    low[*d] = (**pads)[i];
    high[*d] = (**pads)[order.size() + i];
    constexpr int64_t limit = int64_t(1) << 40;
    if (std::abs(low[*d]) > limit || std::abs(high[*d]) > limit)
      return n.error() << "impossible pads [" << ArrayRef<int64_t>(**pads)
                       << "]";
  }
  for (int64_t d = 0; d < rank; ++d) {
    shape[d] += low[d] + high[d];
    if (shape[d] <= 0)
      return n.error() << "pads [" << ArrayRef<int64_t>(**pads)
                       << "] leave nothing of " << input.type;
  }
  std::string mode = n.getString("mode", "constant");
  if (mode == "reflect" || mode == "edge" || mode == "wrap") {
    for (int64_t d = 0; d < rank; ++d) {
      int64_t extent = input.getDim(d);
      int64_t most = mode == "reflect" ? extent - 1 : extent;
      if (mode != "edge" && (low[d] > most || high[d] > most))
        return n.error() << "expected pads of at most " << most
                         << " for dimension " << d << " of " << input.type
                         << " in mode '" << mode << "'";
    }
    n.setResult(0, padByIndex(n, mode, low, shape), input.isUnsigned);
    return success();
  }
  if (mode != "constant")
    return n.error() << "expected mode 'constant', 'reflect', 'edge' or 'wrap' "
                        "but got '"
                     << mode << "'";
  TypedAttr value = n.zero(input.getElementType());
  if (n.hasInput(2)) {
    if (failed(n.requireConstant(2)))
      return failure();
    if (n.in(2).type.getNumElements() != 1 ||
        n.in(2).getElementType() != input.getElementType())
      return n.error() << "expected a scalar like " << input.type
                       << " to pad with but got " << n.in(2).type;
    value = input.isFloat()
                ? TypedAttr(n.b.getFloatAttr(input.getElementType(),
                                             n.in(2).constant->getDouble(0)))
                : TypedAttr(n.b.getIntegerAttr(input.getElementType(),
                                               n.in(2).constant->getInt(0)));
  } else if (n.hasAttr("value") && input.isFloat()) {
    value = n.b.getFloatAttr(input.getElementType(), n.getFloat("value", 0));
  }
  // Negative pads crop.
  SmallVector<int64_t> offsets(rank, 0), sizes(input.getShape()),
      strides(rank, 1);
  for (int64_t d = 0; d < rank; ++d) {
    offsets[d] = std::max<int64_t>(0, -low[d]);
    sizes[d] -= offsets[d] + std::max<int64_t>(0, -high[d]);
    low[d] = std::max<int64_t>(0, low[d]);
    high[d] = std::max<int64_t>(0, high[d]);
    if (sizes[d] <= 0)
      return n.error() << "pads [" << ArrayRef<int64_t>(**pads)
                       << "] leave nothing of " << input.type;
  }
  Value cropped = n.slice(n.materialize(input), offsets, sizes, strides);
  n.setResult(0, n.pad(cropped, low, high, value), input.isUnsigned);
  return success();
}

void mpq::onnximport::registerDataMovementOperators(OperatorRegistry &r) {
  r.add("Slice", 1, {importSlice, 1});
  r.add("Split", 2, {importSplit, 1});
  r.add("Concat", 4, {importConcat, 1, evaluateConcat});
  r.add("Gather", 1, {importGather, 2});
  r.add("Expand", 8, {importExpand, 2});
  r.add("Tile", 6, {importTile, 2});
  r.add("Pad", 2, {importPad, 1});
}
