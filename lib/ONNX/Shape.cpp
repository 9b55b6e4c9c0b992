//===- Shape.cpp - operators that move or describe data ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reshapes, slices, concatenation, gathering, broadcasting, padding, and the
// sources of constants. All of them are evaluated on constants, which is what
// folds the shape arithmetic of exporters.
//
//===----------------------------------------------------------------------===//

#include "OperatorRegistry.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mpq::onnximport;

/// Constants larger than this are computed at run time, not at import.
static constexpr int64_t kMostEvaluatedElements = int64_t(1) << 28;

//===----------------------------------------------------------------------===//
// Sources of constants
//===----------------------------------------------------------------------===//

static ConstantTensor makeInts(NodeImporter &n, ArrayRef<int64_t> values,
                               ArrayRef<int64_t> shape) {
  Type type = n.b.getI64Type();
  std::string bytes;
  for (int64_t value : values)
    ConstantTensor::append(bytes, type, value);
  return ConstantTensor(type, false, shape, std::move(bytes));
}

static LogicalResult importConstant(NodeImporter &n) {
  if (n.hasAttr("value")) {
    if (const NodeAttribute *value = n.getAttr("value", NodeAttribute::Tensor))
      n.setResult(0, *value->tensor);
    return success();
  }
  if (n.hasAttr("value_int"))
    n.setResult(0, makeInts(n, {n.getInt("value_int", 0)}, {}));
  else if (auto ints = n.getInts("value_ints"))
    n.setResult(0, makeInts(n, *ints, {static_cast<int64_t>(ints->size())}));
  else if (n.hasAttr("value_float") || n.hasAttr("value_floats")) {
    Type type = n.b.getF32Type();
    std::string bytes;
    SmallVector<int64_t> shape;
    if (n.hasAttr("value_float")) {
      ConstantTensor::append(bytes, type, n.getFloat("value_float", 0));
    } else if (auto *floats = n.getAttr("value_floats", NodeAttribute::Floats)) {
      for (double value : floats->floats)
        ConstantTensor::append(bytes, type, value);
      shape.push_back(floats->floats.size());
    }
    if (!n.hadError)
      n.setResult(0, ConstantTensor(type, false, shape, std::move(bytes)));
  } else if (!n.hadError) {
    return n.error() << "expected a dense tensor of numbers in attribute "
                        "'value'";
  }
  return success();
}

static LogicalResult importConstantOfShape(NodeImporter &n) {
  FailureOr<SmallVector<int64_t>> shape = n.getConstantInts(0);
  if (failed(shape))
    return failure();
  std::optional<int64_t> count = countElements(*shape);
  if (!count || *count > kMostEvaluatedElements)
    return n.error() << "impossible shape [" << ArrayRef<int64_t>(*shape)
                     << "]";
  Type type = n.b.getF32Type();
  bool isUnsigned = false;
  std::string element(sizeof(float), '\0');
  if (const NodeAttribute *value = n.getAttr("value", NodeAttribute::Tensor)) {
    if (value->tensor->getNumElements() != 1)
      return n.error() << "expected one element in attribute 'value' but got "
                       << value->tensor->getNumElements();
    type = value->tensor->getElementType();
    isUnsigned = value->tensor->isUnsigned();
    element.assign(value->tensor->getBytes().data(),
                   value->tensor->getBytes().size());
  }
  std::string bytes;
  bytes.reserve(*count * element.size());
  for (int64_t i = 0; i < *count; ++i)
    bytes += element;
  n.setResult(0, ConstantTensor(type, isUnsigned, *shape, std::move(bytes)));
  return success();
}

static LogicalResult importShape(NodeImporter &n) {
  int64_t rank = n.in(0).getRank();
  auto clamp = [&](int64_t at) {
    return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank);
  };
  int64_t start = clamp(n.getInt("start", 0));
  int64_t end = std::max(start, clamp(n.getInt("end", rank)));
  ArrayRef<int64_t> shape = n.in(0).getShape().slice(start, end - start);
  n.setResult(0, makeInts(n, shape, {end - start}));
  return success();
}

static LogicalResult importSize(NodeImporter &n) {
  n.setResult(0, makeInts(n, {n.in(0).type.getNumElements()}, {}));
  return success();
}

static LogicalResult importRange(NodeImporter &n) {
  for (unsigned i = 0; i < 3; ++i) {
    if (failed(n.requireConstant(i)))
      return failure();
    if (n.in(i).type.getNumElements() != 1 ||
        n.in(i).getElementType() != n.in(0).getElementType())
      return n.error() << "expected scalars of equal type but got "
                       << n.in(i).type;
  }
  const ConstantTensor &start = *n.in(0).constant, &limit = *n.in(1).constant,
                       &delta = *n.in(2).constant;
  double step = delta.getDouble(0);
  double extent =
      step == 0 ? -1
                : std::ceil((limit.getDouble(0) - start.getDouble(0)) / step);
  if (step == 0 || !(extent < kMostEvaluatedElements))
    return n.error() << "impossible range from " << start.getDouble(0)
                     << " to " << limit.getDouble(0) << " by " << step;
  std::string bytes;
  int64_t count = std::max<int64_t>(0, static_cast<int64_t>(extent));
  for (int64_t i = 0; i < count; ++i) {
    if (start.isInteger())
      ConstantTensor::append(bytes, start.getElementType(),
                             start.getInt(0) + i * delta.getInt(0));
    else
      ConstantTensor::append(bytes, start.getElementType(),
                             start.getDouble(0) + i * step);
  }
  n.setResult(0, ConstantTensor(start.getElementType(), start.isUnsigned(),
                                {count}, std::move(bytes)));
  return success();
}

//===----------------------------------------------------------------------===//
// Views: identity, reshape and its relatives, transpose
//===----------------------------------------------------------------------===//

static LogicalResult importIdentity(NodeImporter &n) {
  n.setResult(0, n.in(0));
  return success();
}

/// Inference only: what is dropped in training passes here.
static LogicalResult importDropout(NodeImporter &n) {
  if (n.hasInput(2)) {
    if (failed(n.requireConstant(2)))
      return failure();
    if (n.in(2).constant->getInts() != SmallVector<int64_t>{0})
      return n.error() << "training mode is not supported";
  }
  return importIdentity(n);
}

static LogicalResult reshapeTo(NodeImporter &n, ArrayRef<int64_t> shape) {
  Tensor result = n.reshape(n.in(0), shape);
  if (result.constant)
    n.setResult(0, *result.constant);
  else
    n.setResult(0, result.value, result.isUnsigned);
  return success();
}

static LogicalResult importReshape(NodeImporter &n) {
  FailureOr<SmallVector<int64_t>> target = n.getConstantInts(1);
  if (failed(target))
    return failure();
  Tensor &input = n.in(0);
  bool allowZero = n.getInt("allowzero", 0) != 0;
  SmallVector<int64_t> shape;
  std::optional<int64_t> open;
  for (auto [i, given] : llvm::enumerate(*target)) {
    int64_t extent = given;
    if (extent == 0 && !allowZero) {
      if (static_cast<int64_t>(i) >= input.getRank())
        return n.error() << "dimension " << i
                         << " of the shape copies one that " << input.type
                         << " does not have";
      extent = input.getDim(i);
    } else if (extent == -1) {
      if (open)
        return n.error() << "shape [" << ArrayRef<int64_t>(*target)
                         << "] has more than one -1";
      open = i;
      extent = 1;
    }
    shape.push_back(extent);
  }
  int64_t count = input.type.getNumElements();
  std::optional<int64_t> known = countElements(shape);
  if (known && open && *known > 0 && count % *known == 0) {
    shape[*open] = count / *known;
    known = count;
  }
  if (!known || *known != count)
    return n.error() << "cannot reshape " << input.type << " to ["
                     << ArrayRef<int64_t>(*target) << "]";
  return reshapeTo(n, shape);
}

static LogicalResult importFlatten(NodeImporter &n) {
  int64_t rank = n.in(0).getRank(), axis = n.getInt("axis", 1);
  if (axis < -rank || axis > rank)
    return n.error() << "axis " << axis << " is out of range for rank " << rank;
  axis = axis < 0 ? axis + rank : axis;
  ArrayRef<int64_t> shape = n.in(0).getShape();
  return reshapeTo(n, {product(shape.take_front(axis)),
                       product(shape.drop_front(axis))});
}

static LogicalResult importSqueeze(NodeImporter &n) {
  auto axes = n.getIntsOrInput("axes", 1);
  if (failed(axes))
    return failure();
  Tensor &input = n.in(0);
  SmallVector<int64_t> dropped;
  if (*axes) {
    auto normalized = n.normalizeAxes(**axes, input.getRank());
    if (failed(normalized))
      return failure();
    dropped = *normalized;
    for (int64_t axis : dropped)
      if (input.getDim(axis) != 1)
        return n.error() << "cannot squeeze dimension " << axis << " of "
                         << input.type;
  } else {
    for (int64_t d = 0; d < input.getRank(); ++d)
      if (input.getDim(d) == 1)
        dropped.push_back(d);
  }
  return reshapeTo(n, removeDims(input.getShape(), dropped));
}

static LogicalResult importUnsqueeze(NodeImporter &n) {
  auto axes = n.getIntsOrInput("axes", 1);
  if (failed(axes))
    return failure();
  if (!*axes)
    return n.error() << "expected axes";
  Tensor &input = n.in(0);
  auto normalized =
      n.normalizeAxes(**axes, input.getRank() + (*axes)->size());
  if (failed(normalized))
    return failure();
  SmallVector<int64_t> shape(input.getShape());
  for (int64_t axis : *normalized)
    shape.insert(shape.begin() + axis, 1);
  return reshapeTo(n, shape);
}

static LogicalResult importTranspose(NodeImporter &n) {
  Tensor &input = n.in(0);
  SmallVector<int64_t> permutation;
  if (auto given = n.getInts("perm")) {
    permutation = *given;
    SmallVector<int64_t> sorted = permutation;
    llvm::sort(sorted);
    bool valid = static_cast<int64_t>(sorted.size()) == input.getRank();
    for (auto [i, dim] : llvm::enumerate(sorted))
      valid = valid && dim == static_cast<int64_t>(i);
    if (!valid)
      return n.error() << "[" << ArrayRef<int64_t>(permutation)
                       << "] does not permute the dimensions of "
                       << input.type;
  } else {
    for (int64_t d = input.getRank(); d-- > 0;)
      permutation.push_back(d);
  }
  Tensor result = n.transpose(input, permutation);
  if (result.constant)
    n.setResult(0, *result.constant);
  else
    n.setResult(0, result.value, result.isUnsigned);
  return success();
}

/// DepthToSpace and SpaceToDepth are reshape, transpose, reshape.
static LogicalResult rearrange(NodeImporter &n, ArrayRef<int64_t> split,
                               ArrayRef<int64_t> permutation,
                               ArrayRef<int64_t> joined) {
  Value value = n.reshape(n.value(0), split);
  n.setResult(0, n.reshape(n.transpose(value, permutation), joined),
              n.in(0).isUnsigned);
  return success();
}

static LogicalResult importDepthToSpace(NodeImporter &n) {
  if (failed(n.requireRank(0, 4, 4)))
    return failure();
  int64_t s = n.getInt("blocksize", 0);
  std::string mode = n.getString("mode", "DCR");
  ArrayRef<int64_t> x = n.in(0).getShape();
  if (s <= 0 || x[1] % (s * s) != 0)
    return n.error() << "block size " << s << " does not divide the channels of "
                     << n.in(0).type;
  if (mode != "DCR" && mode != "CRD")
    return n.error() << "expected mode 'DCR' or 'CRD' but got '" << mode << "'";
  int64_t c = x[1] / (s * s);
  SmallVector<int64_t> joined = {x[0], c, x[2] * s, x[3] * s};
  if (mode == "DCR")
    return rearrange(n, {x[0], s, s, c, x[2], x[3]}, {0, 3, 4, 1, 5, 2}, joined);
  return rearrange(n, {x[0], c, s, s, x[2], x[3]}, {0, 1, 4, 2, 5, 3}, joined);
}

static LogicalResult importSpaceToDepth(NodeImporter &n) {
  if (failed(n.requireRank(0, 4, 4)))
    return failure();
  int64_t s = n.getInt("blocksize", 0);
  ArrayRef<int64_t> x = n.in(0).getShape();
  if (s <= 0 || x[2] % s != 0 || x[3] % s != 0)
    return n.error() << "block size " << s << " does not divide the image of "
                     << n.in(0).type;
  return rearrange(n, {x[0], x[1], x[2] / s, s, x[3] / s, s},
                   {0, 3, 5, 1, 2, 4},
                   {x[0], x[1] * s * s, x[2] / s, x[3] / s});
}

//===----------------------------------------------------------------------===//
// Slice, Split, Concat
//===----------------------------------------------------------------------===//

/// `input[offset : : stride]` with `sizes` elements; negative strides gather.
static void sliceTo(NodeImporter &n, unsigned result, Tensor &input,
                    ArrayRef<int64_t> offsets, ArrayRef<int64_t> sizes,
                    ArrayRef<int64_t> strides) {
  if (input.constant && product(sizes) <= kMostEvaluatedElements) {
    SmallVector<int64_t> steps = rowMajorStrides(input.getShape());
    n.setResult(result, input.constant->gather(sizes, [&](ArrayRef<int64_t> at) {
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
      SmallVector<int64_t> offsets(data.getRank(), 0), strides(data.getRank(), 1);
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
        Value index = indices.isUnsigned
                          ? Value(arith::IndexCastUIOp::create(b, type, arguments[0]))
                          : Value(arith::IndexCastOp::create(b, type, arguments[0]));
        Value zero = makeInt(b, type, 0);
        Value wrapped =
            arith::AddIOp::create(b, index, makeInt(b, type, extent));
        Value isNegative = arith::CmpIOp::create(b, arith::CmpIPredicate::slt,
                                                 index, zero);
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

//===----------------------------------------------------------------------===//
// Registration
//===----------------------------------------------------------------------===//

void mpq::onnximport::registerShapeOperators(OperatorRegistry &r) {
  r.add("Constant", 1, {importConstant, 0});
  r.add("ConstantOfShape", 9, {importConstantOfShape, 1});
  r.add("Shape", 1, {importShape, 1});
  r.add("Size", 1, {importSize, 1});
  r.add("Range", 11, {importRange, 3});
  r.add("Identity", 1, {importIdentity, 1});
  r.add("Dropout", 7, {importDropout, 1});
  r.add("Reshape", 5, {importReshape, 2});
  r.add("Flatten", 1, {importFlatten, 1});
  r.add("Squeeze", 1, {importSqueeze, 1});
  r.add("Unsqueeze", 1, {importUnsqueeze, 1});
  r.add("Transpose", 1, {importTranspose, 1});
  r.add("DepthToSpace", 1, {importDepthToSpace, 1});
  r.add("SpaceToDepth", 1, {importSpaceToDepth, 1});
  r.add("Slice", 1, {importSlice, 1});
  r.add("Split", 2, {importSplit, 1});
  r.add("Concat", 4, {importConcat, 1, evaluateConcat});
  r.add("Gather", 1, {importGather, 2});
  r.add("Expand", 8, {importExpand, 2});
  r.add("Tile", 6, {importTile, 2});
  r.add("Pad", 2, {importPad, 1});
}
