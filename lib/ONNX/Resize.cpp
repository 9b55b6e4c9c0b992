//===- Resize.cpp - Resize and Upsample ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each result index has one source index (nearest) or two with weights
// (linear) per dimension, known at import. Nearest by a whole factor is a
// `floordiv` in the input's map, which code generation understands; the rest
// reads tables of indices.
//
//===----------------------------------------------------------------------===//

#include "OperatorRegistry.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <cmath>

using namespace mlir;
using namespace mpq::onnximport;

namespace {
struct ResizeSpec {
  SmallVector<int64_t> shape;
  SmallVector<double> scales;
  std::string mode, coordinates, nearest;
};
} // namespace

/// The place in the input that index `i` of the result stands for.
static double toInput(const ResizeSpec &spec, int64_t i, double scale,
                      int64_t inExtent, int64_t outExtent) {
  // ONNX Runtime computes in f32; ties of nearest modes depend on it.
  float x = static_cast<float>(i), s = static_cast<float>(scale);
  if (spec.coordinates == "asymmetric")
    return x / s;
  if (spec.coordinates == "align_corners")
    return outExtent == 1 ? 0.0f
                          : x * static_cast<float>(inExtent - 1) /
                                static_cast<float>(outExtent - 1);
  if (spec.coordinates == "pytorch_half_pixel" && outExtent == 1)
    return 0;
  return (x + 0.5f) / s - 0.5f;
}

static int64_t toNearest(const ResizeSpec &spec, double x, int64_t extent) {
  double rounded;
  if (spec.nearest == "floor")
    rounded = std::floor(x);
  else if (spec.nearest == "ceil")
    rounded = std::ceil(x);
  else if (spec.nearest == "round_prefer_ceil")
    rounded = std::floor(x + 0.5);
  else // round_prefer_floor
    rounded = std::ceil(x - 0.5);
  return std::clamp<int64_t>(static_cast<int64_t>(rounded), 0, extent - 1);
}

/// A table over the indices of dimension `d` of the result.
static Value makeTable(NodeImporter &n, Type type, int64_t d,
                       ArrayRef<double> values, StringRef role) {
  std::string bytes;
  for (double value : values)
    if (isa<IntegerType>(type))
      ConstantTensor::append(bytes, type, static_cast<int64_t>(value));
    else
      ConstantTensor::append(bytes, type, value);
  Tensor table = n.makeConstant(
      ConstantTensor(type, false, {static_cast<int64_t>(values.size())},
                     std::move(bytes)),
      (role + "-" + Twine(d)).str());
  return n.materialize(table);
}

static Value emitNearest(NodeImporter &n, const ResizeSpec &spec) {
  Tensor &input = n.in(0);
  int64_t rank = input.getRank();
  SmallVector<AffineExpr> exprs, tableExprs;
  SmallVector<SmallVector<double>> tables(rank);
  bool isAffine = true;
  for (int64_t d = 0; d < rank; ++d) {
    int64_t in = input.getDim(d), out = spec.shape[d];
    for (int64_t i = 0; i < out; ++i)
      tables[d].push_back(
          in == out && spec.scales[d] == 1
              ? i
              : toNearest(spec, toInput(spec, i, spec.scales[d], in, out), in));
    // i floordiv k, if that is what the table says.
    int64_t factor = out % in == 0 ? out / in : 0;
    for (int64_t i = 0; factor && i < out; ++i)
      if (tables[d][i] != i / factor)
        factor = 0;
    isAffine = isAffine && factor;
    AffineExpr dim = n.b.getAffineDimExpr(d);
    exprs.push_back(factor > 1 ? dim.floorDiv(factor) : dim);
  }
  Type type = input.getElementType();
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  AffineMap identity = n.b.getMultiDimIdentityMap(rank);
  Value init = n.empty(spec.shape, type), source = n.materialize(input);
  if (isAffine) {
    SmallVector<AffineMap> maps = {
        AffineMap::get(rank, 0, exprs, n.b.getContext()), identity};
    return linalg::GenericOp::create(
               n.b, TypeRange{init.getType()}, ValueRange{source},
               ValueRange{init}, maps, iterators,
               [](OpBuilder &b, Location loc, ValueRange v) {
                 linalg::YieldOp::create(b, loc, v.take_front());
               })
        .getResult(0);
  }
  SmallVector<AffineMap> maps;
  SmallVector<Value> operands;
  for (int64_t d = 0; d < rank; ++d) {
    operands.push_back(makeTable(n, n.b.getI64Type(), d, tables[d], "index"));
    maps.push_back(
        AffineMap::get(rank, 0, {n.b.getAffineDimExpr(d)}, n.b.getContext()));
  }
  maps.push_back(identity);
  return linalg::GenericOp::create(
             n.b, TypeRange{init.getType()}, operands, ValueRange{init}, maps,
             iterators,
             [&](OpBuilder &nested, Location loc, ValueRange v) {
               ImplicitLocOpBuilder b(loc, nested);
               SmallVector<Value> at;
               for (Value index : v.drop_back())
                 at.push_back(
                     arith::IndexCastOp::create(b, b.getIndexType(), index));
               linalg::YieldOp::create(
                   b, ValueRange{tensor::ExtractOp::create(b, source, at)});
             })
      .getResult(0);
}

/// Linear interpolation one dimension after the other; a dimension that keeps
/// its extent costs nothing.
static Value emitLinear(NodeImporter &n, const ResizeSpec &spec) {
  Tensor &input = n.in(0);
  Type type = input.getElementType();
  int64_t rank = input.getRank();
  Value value = n.materialize(input);
  SmallVector<int64_t> shape(input.getShape());
  for (int64_t d = rank - 1; d >= 0; --d) {
    int64_t in = input.getDim(d), out = spec.shape[d];
    if (in == out && spec.scales[d] == 1)
      continue;
    SmallVector<double> first, second, weight;
    for (int64_t i = 0; i < out; ++i) {
      double x = std::clamp<double>(toInput(spec, i, spec.scales[d], in, out),
                                    0, in - 1);
      double low = std::floor(x);
      first.push_back(low);
      second.push_back(std::min<double>(low + 1, in - 1));
      weight.push_back(x - low);
    }
    shape[d] = out;
    SmallVector<Value> operands = {
        makeTable(n, n.b.getI64Type(), d, first, "first"),
        makeTable(n, n.b.getI64Type(), d, second, "second"),
        makeTable(n, type, d, weight, "weight")};
    SmallVector<AffineMap> maps(
        3,
        AffineMap::get(rank, 0, {n.b.getAffineDimExpr(d)}, n.b.getContext()));
    maps.push_back(n.b.getMultiDimIdentityMap(rank));
    SmallVector<utils::IteratorType> iterators(rank,
                                               utils::IteratorType::parallel);
    Value init = n.empty(shape, type), source = value;
    value = linalg::GenericOp::create(
                n.b, TypeRange{init.getType()}, operands, ValueRange{init},
                maps, iterators,
                [&](OpBuilder &nested, Location loc, ValueRange v) {
                  ImplicitLocOpBuilder b(loc, nested);
                  auto extract = [&](Value index) -> Value {
                    SmallVector<Value> at;
                    for (int64_t dim = 0; dim < rank; ++dim)
                      at.push_back(
                          dim == d ? Value(arith::IndexCastOp::create(
                                         b, b.getIndexType(), index))
                                   : Value(linalg::IndexOp::create(b, dim)));
                    return tensor::ExtractOp::create(b, source, at);
                  };
                  Value low = extract(v[0]), high = extract(v[1]);
                  Value rest =
                      arith::SubFOp::create(b, makeFloat(b, type, 1), v[2]);
                  Value left = arith::MulFOp::create(b, low, rest);
                  Value right = arith::MulFOp::create(b, high, v[2]);
                  linalg::YieldOp::create(
                      b, ValueRange{arith::AddFOp::create(b, left, right)});
                })
                .getResult(0);
  }
  return value;
}

static LogicalResult emitResize(NodeImporter &n, const ResizeSpec &spec) {
  Tensor &input = n.in(0);
  std::optional<int64_t> count = countElements(spec.shape);
  // Tables have an entry for each index of a dimension.
  constexpr int64_t largest = int64_t(1) << 24;
  if (!count || *count == 0 ||
      llvm::any_of(spec.shape, [](int64_t e) { return e > largest; }))
    return n.error() << "cannot resize " << input.type << " to ["
                     << ArrayRef<int64_t>(spec.shape) << "]";
  if (ArrayRef<int64_t>(spec.shape) == input.getShape() &&
      llvm::all_of(spec.scales, [](double s) { return s == 1; })) {
    n.setResult(0, input);
    return success();
  }
  if (spec.mode == "nearest") {
    n.setResult(0, emitNearest(n, spec), input.isUnsigned);
    return success();
  }
  if (failed(n.requireFloat(0)))
    return failure();
  n.setResult(0, emitLinear(n, spec));
  return success();
}

/// Scales as numbers from input `i`.
static LogicalResult readScales(NodeImporter &n, unsigned i,
                                SmallVector<double> &scales) {
  if (failed(n.requireConstant(i)) || failed(n.requireFloat(i)))
    return failure();
  for (int64_t e = 0; e < n.in(i).constant->getNumElements(); ++e)
    scales.push_back(n.in(i).constant->getDouble(e));
  return success();
}

static LogicalResult checkScales(NodeImporter &n, ArrayRef<double> scales,
                                 size_t count) {
  if (scales.size() == count && llvm::all_of(scales, [](double s) {
        return s > 0 && s < double(int64_t(1) << 31);
      }))
    return success();
  return n.error() << "expected " << count << " positive scales but got "
                   << scales.size();
}

/// Inputs (X, scales) in opset 10 and (X, roi, scales, sizes) since 11.
static LogicalResult importResize(NodeImporter &n) {
  Tensor &input = n.in(0);
  ResizeSpec spec;
  spec.mode = n.getString("mode", "nearest");
  bool isOld = n.opset < 11;
  spec.coordinates = n.getString("coordinate_transformation_mode",
                                 isOld ? "asymmetric" : "half_pixel");
  spec.nearest =
      n.getString("nearest_mode", isOld ? "floor" : "round_prefer_floor");
  if (spec.mode != "nearest" && spec.mode != "linear")
    return n.error() << "expected mode 'nearest' or 'linear' but got '"
                     << spec.mode << "'";
  if (!llvm::is_contained(
          {"asymmetric", "align_corners", "half_pixel", "pytorch_half_pixel"},
          StringRef(spec.coordinates)))
    return n.error() << "unsupported coordinate_transformation_mode '"
                     << spec.coordinates << "'";
  if (!llvm::is_contained(
          {"floor", "ceil", "round_prefer_ceil", "round_prefer_floor"},
          StringRef(spec.nearest)))
    return n.error() << "unknown nearest_mode '" << spec.nearest << "'";
  if (n.getInt("antialias", 0) != 0 && spec.mode != "nearest")
    return n.error() << "antialias is not supported";
  if (n.getString("keep_aspect_ratio_policy", "stretch") != "stretch")
    return n.error() << "unsupported keep_aspect_ratio_policy '"
                     << n.getString("keep_aspect_ratio_policy", "") << "'";

  int64_t rank = input.getRank();
  SmallVector<int64_t> axes;
  if (auto given = n.getInts("axes")) {
    for (int64_t axis : *given) {
      FailureOr<int64_t> d = n.normalizeAxis(axis, rank);
      if (failed(d))
        return failure();
      axes.push_back(*d);
    }
  } else {
    axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  }
  spec.shape.assign(input.getShape().begin(), input.getShape().end());
  spec.scales.assign(rank, 1);
  unsigned scalesInput = isOld ? 1 : 2;
  bool hasScales =
      n.hasInput(scalesInput) && n.in(scalesInput).type.getNumElements() != 0;
  if (hasScales) {
    SmallVector<double> scales;
    if (failed(readScales(n, scalesInput, scales)) ||
        failed(checkScales(n, scales, axes.size())))
      return failure();
    for (auto [axis, scale] : llvm::zip_equal(axes, scales)) {
      spec.scales[axis] = scale;
      spec.shape[axis] = static_cast<int64_t>(std::floor(
          static_cast<float>(input.getDim(axis)) * static_cast<float>(scale)));
    }
  } else if (n.hasInput(3)) {
    FailureOr<SmallVector<int64_t>> sizes = n.getConstantInts(3);
    if (failed(sizes))
      return failure();
    if (sizes->size() != axes.size())
      return n.error() << "expected " << axes.size() << " sizes but got "
                       << sizes->size();
    for (auto [axis, size] : llvm::zip_equal(axes, *sizes)) {
      spec.shape[axis] = size;
      spec.scales[axis] = static_cast<double>(size) / input.getDim(axis);
    }
  } else {
    return n.error() << "expected scales or sizes";
  }
  return emitResize(n, spec);
}

/// The scales are an attribute in opset 7 and input 1 in opset 9.
static LogicalResult importUpsample(NodeImporter &n) {
  Tensor &input = n.in(0);
  ResizeSpec spec;
  spec.mode = n.getString("mode", "nearest");
  spec.coordinates = "asymmetric";
  spec.nearest = "floor";
  if (spec.mode != "nearest" && spec.mode != "linear")
    return n.error() << "expected mode 'nearest' or 'linear' but got '"
                     << spec.mode << "'";
  if (n.hasInput(1)) {
    if (failed(readScales(n, 1, spec.scales)))
      return failure();
  } else if (const NodeAttribute *scales =
                 n.getAttr("scales", NodeAttribute::Floats)) {
    spec.scales.assign(scales->floats.begin(), scales->floats.end());
  }
  if (failed(checkScales(n, spec.scales, input.getRank())))
    return failure();
  for (int64_t d = 0; d < input.getRank(); ++d)
    spec.shape.push_back(
        static_cast<int64_t>(std::floor(static_cast<float>(input.getDim(d)) *
                                        static_cast<float>(spec.scales[d]))));
  return emitResize(n, spec);
}

void mpq::onnximport::registerResizeOperators(OperatorRegistry &r) {
  r.add("Resize", 10, {importResize, 1});
  r.add("Upsample", 7, {importUpsample, 1});
}
