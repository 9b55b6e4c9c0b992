//===- Shape.cpp - the same data in another shape ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reshapes, transposes and what consists of them. Constants are changed at
// import, which is half of folding the shape arithmetic of exporters.
//
//===----------------------------------------------------------------------===//

#include "OperatorRegistry.h"

using namespace mlir;
using namespace mpq::onnximport;

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
  return reshapeTo(
      n, {product(shape.take_front(axis)), product(shape.drop_front(axis))});
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
  auto normalized = n.normalizeAxes(**axes, input.getRank() + (*axes)->size());
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
                       << "] does not permute the dimensions of " << input.type;
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
  if (s <= 0 || s > (1 << 16) || x[1] % (s * s) != 0) // no overflow of s * s
    return n.error() << "block size " << s
                     << " does not divide the channels of " << n.in(0).type;
  if (mode != "DCR" && mode != "CRD")
    return n.error() << "expected mode 'DCR' or 'CRD' but got '" << mode << "'";
  int64_t c = x[1] / (s * s);
  SmallVector<int64_t> joined = {x[0], c, x[2] * s, x[3] * s};
  if (mode == "DCR")
    return rearrange(n, {x[0], s, s, c, x[2], x[3]}, {0, 3, 4, 1, 5, 2},
                     joined);
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

void mpq::onnximport::registerShapeOperators(OperatorRegistry &r) {
  r.add("Identity", 1, {importIdentity, 1});
  r.add("Dropout", 7, {importDropout, 1});
  r.add("Reshape", 5, {importReshape, 2});
  r.add("Flatten", 1, {importFlatten, 1});
  r.add("Squeeze", 1, {importSqueeze, 1});
  r.add("Unsqueeze", 1, {importUnsqueeze, 1});
  r.add("Transpose", 1, {importTranspose, 1});
  r.add("DepthToSpace", 1, {importDepthToSpace, 1});
  r.add("SpaceToDepth", 1, {importSpaceToDepth, 1});
}
