//===- Convolution.cpp - Conv and ConvTranspose ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Dense, grouped and depthwise convolutions become three named operations. A
// transposed convolution whose windows do not overlap is a matrix product and
// a rearrangement of pixels; any other is a convolution with the flipped
// kernel over the image with zeros between its pixels (Dumoulin and Visin,
// "A guide to convolution arithmetic for deep learning", 2016, chapter 4).
//
//===----------------------------------------------------------------------===//

#include "OperatorRegistry.h"
#include "SpatialWindow.h"
#include "mpq/Dialect/ConstantData.h"
#include "mpq/Dialect/MPQDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mpq::onnximport;

/// How many groups the channels are split into: 1 also for depthwise
/// convolutions, which have an operation of their own.
static int64_t getSplit(int64_t groups, int64_t channels, int64_t filters) {
  return groups == channels && groups == filters ? 1 : groups;
}

/// The accumulator's start: the bias (input 2) for each channel, or zero, as
/// (N, F, OH, OW) or (N, split, F / split, OH, OW). The bias is split before it
/// is broadcast, so that products see where it comes from.
static FailureOr<Value> makeInit(NodeImporter &n, ArrayRef<int64_t> shape,
                                 int64_t split, Type type) {
  SmallVector<int64_t> start(shape), added = {0, 2, 3};
  if (split != 1) {
    start = {shape[0], split, shape[1] / split, shape[2], shape[3]};
    added = {0, 3, 4};
  }
  if (!n.hasInput(2))
    return n.fill(start, n.zero(type));
  Tensor &bias = n.in(2);
  if (bias.getRank() != 1 || bias.getDim(0) != shape[1] ||
      bias.getElementType() != type)
    return n.error() << "expected a bias of " << shape[1] << " elements of "
                     << type << " but got " << bias.type;
  Tensor channels =
      split == 1 ? bias : n.reshape(bias, {split, shape[1] / split});
  return linalg::BroadcastOp::create(n.b, n.materialize(channels),
                                     n.empty(start, type), added)
      ->getResult(0);
}

/// The convolution of a padded image (N, C, H, W) with weights
/// (F, C / groups, KH, KW) into `init` (see makeInit), as (N, F, OH, OW).
static Value convolve(NodeImporter &n, Value image, Tensor &weight, Value init,
                      int64_t groups, ArrayRef<int64_t> strides,
                      ArrayRef<int64_t> dilations) {
  auto initType = cast<RankedTensorType>(init.getType());
  DenseIntElementsAttr stridesAttr = makePair(n, strides);
  DenseIntElementsAttr dilationsAttr = makePair(n, dilations);
  if (groups == 1)
    return linalg::Conv2DNchwFchwOp::create(
               n.b, TypeRange{initType},
               ValueRange{image, n.materialize(weight)}, ValueRange{init},
               stridesAttr, dilationsAttr)
        ->getResult(0);

  ArrayRef<int64_t> x = cast<RankedTensorType>(image.getType()).getShape();
  ArrayRef<int64_t> w = weight.getShape(), y = initType.getShape();
  if (y.size() == 4) { // depthwise
    Tensor filter = n.reshape(weight, {w[0], w[2], w[3]});
    return linalg::DepthwiseConv2DNchwChwOp::create(
               n.b, TypeRange{initType},
               ValueRange{image, n.materialize(filter)}, ValueRange{init},
               stridesAttr, dilationsAttr)
        ->getResult(0);
  }
  Tensor filter = n.reshape(weight, {groups, w[0] / groups, w[1], w[2], w[3]});
  Value split = n.reshape(image, {x[0], groups, x[1] / groups, x[2], x[3]});
  Value result =
      linalg::Conv2DNgchwGfchwOp::create(
          n.b, TypeRange{initType}, ValueRange{split, n.materialize(filter)},
          ValueRange{init}, stridesAttr, dilationsAttr)
          ->getResult(0);
  return n.reshape(result, {y[0], y[1] * y[2], y[3], y[4]});
}

/// Zeros around the two spatial dimensions of an image.
static Value padImage(NodeImporter &n, Value image, ArrayRef<int64_t> low,
                      ArrayRef<int64_t> high) {
  Type type = getElementTypeOrSelf(image.getType());
  return n.pad(image, {0, 0, low[0], low[1]}, {0, 0, high[0], high[1]},
               n.zero(type));
}

/// The result without the height that makeTwoDimensional added.
static void setImage(NodeImporter &n, Value image) {
  if (n.in(0).getRank() == 3) {
    auto shape = cast<RankedTensorType>(image.getType()).getShape();
    image = n.reshape(image, {shape[0], shape[1], shape[3]});
  }
  n.setResult(0, image);
}

static LogicalResult checkTypes(NodeImporter &n) {
  if (failed(n.requireFloat(0)))
    return failure();
  if (n.in(1).getElementType() != n.in(0).getElementType() ||
      n.in(1).getRank() != n.in(0).getRank())
    return n.error() << "expected weights like the image " << n.in(0).type
                     << " but got " << n.in(1).type;
  return success();
}

static LogicalResult importConv(NodeImporter &n) {
  if (failed(n.requireRank(0, 3, 5)) || failed(checkTypes(n)))
    return failure();
  auto window = readWindow(n, n.in(1).getShape().drop_front(2));
  if (failed(window))
    return failure();
  Tensor image = makeTwoDimensional(n, n.in(0));
  Tensor weight = makeTwoDimensional(n, n.in(1));
  int64_t groups = n.getInt("group", 1);
  int64_t channels = image.getDim(1), filters = weight.getDim(0);
  if (groups < 1 || channels % groups != 0 || filters % groups != 0 ||
      weight.getDim(1) != channels / groups)
    return n.error() << "weights " << n.in(1).type << " do not fit the image "
                     << n.in(0).type << " in " << groups << " groups";
  SmallVector<int64_t> shape = {image.getDim(0), filters};
  for (unsigned d : {0, 1}) {
    int64_t extent = image.getDim(2 + d);
    if (extent + window->low[d] + window->high[d] < window->getReach(d))
      return n.error() << "the window of " << window->getReach(d)
                       << " is larger than the padded image of "
                       << extent + window->low[d] + window->high[d];
    shape.push_back(window->getSteps(d, extent));
  }
  FailureOr<Value> init = makeInit(
      n, shape, getSplit(groups, channels, filters), image.getElementType());
  if (failed(init))
    return failure();
  Value padded = padImage(n, n.materialize(image), window->low, window->high);
  setImage(n, convolve(n, padded, weight, *init, groups, window->strides,
                       window->dilations));
  return success();
}

/// A dequantized constant vector (a bias of a QDQ model) with each element
/// `times` times; null for anything else.
static Value repeatDequantized(NodeImporter &n, Value vector, int64_t times) {
  auto op = vector ? vector.getDefiningOp<mpq::DequantizeOp>() : nullptr;
  auto type = op ? dyn_cast<RankedTensorType>(op.getType()) : nullptr;
  if (!type || type.getRank() != 1)
    return Value();
  Value parts[] = {op.getInput(), op.getScale(), op.getZeroPoint()};
  for (Value &part : parts) {
    auto own = cast<RankedTensorType>(part.getType());
    // One parameter for all elements stays one.
    if (own.getRank() == 1 && own.getDimSize(0) == type.getDimSize(0))
      part = mpq::repeatConstantVector(n.b, n.b.getLoc(), part, 1, times);
    else if (own.getRank() != 0)
      return Value();
    if (!part)
      return Value();
  }
  return mpq::DequantizeOp::create(
      n.b, type.clone({type.getDimSize(0) * times}), parts[0], parts[1],
      parts[2], op.getParamMapAttr(), op.getIsUnsignedAttr());
}

/// Every input pixel makes a block of kernel size: rows of pixels times
/// (C, F * KH * KW), then the blocks move to their places.
/// `bias`, if any, has an element for each column.
static Value convTransposeAsProduct(NodeImporter &n, Tensor &image,
                                    Tensor &weight, Value bias) {
  ArrayRef<int64_t> x = image.getShape(), w = weight.getShape();
  Type type = image.getElementType();
  int64_t rows = x[0] * x[2] * x[3], columns = w[1] * w[2] * w[3];
  Value pixels = n.transpose(n.materialize(image), {0, 2, 3, 1});
  pixels = n.reshape(pixels, {rows, x[1]});
  Tensor matrix = n.reshape(weight, {w[0], columns});
  Value init = bias
                   ? linalg::BroadcastOp::create(n.b, bias,
                                                 n.empty({rows, columns}, type),
                                                 ArrayRef<int64_t>{0})
                         ->getResult(0)
                   : n.fill({rows, columns}, n.zero(type));
  Value blocks =
      linalg::MatmulOp::create(n.b, TypeRange{init.getType()},
                               ValueRange{pixels, n.materialize(matrix)},
                               ValueRange{init})
          ->getResult(0);
  blocks = n.reshape(blocks, {x[0], x[2], x[3], w[1], w[2], w[3]});
  blocks = n.transpose(blocks, {0, 3, 1, 4, 2, 5});
  return n.reshape(blocks, {x[0], w[1], x[2] * w[2], x[3] * w[3]});
}

static LogicalResult importConvTranspose(NodeImporter &n) {
  if (failed(n.requireRank(0, 3, 5)) || failed(checkTypes(n)))
    return failure();
  auto window = readWindow(n, n.in(1).getShape().drop_front(2));
  if (failed(window))
    return failure();
  Tensor image = makeTwoDimensional(n, n.in(0));
  Tensor weight = makeTwoDimensional(n, n.in(1));
  ArrayRef<int64_t> x = image.getShape(), w = weight.getShape();
  int64_t groups = n.getInt("group", 1);
  if (groups < 1 || x[1] % groups != 0 || w[0] != x[1])
    return n.error() << "weights " << n.in(1).type << " do not fit the image "
                     << n.in(0).type << " in " << groups << " groups";
  SmallVector<int64_t> extra =
      n.getInts("output_padding")
          .value_or(SmallVector<int64_t>(n.in(0).getRank() - 2, 0));
  auto given = n.getInts("output_shape");
  if (n.in(0).getRank() == 3)
    extra.insert(extra.begin(), 0);
  if (given && given->size() > 2) // some exporters include batch and channel
    given->erase(given->begin(), given->end() - (n.in(0).getRank() - 2));
  if (given && n.in(0).getRank() == 3)
    given->insert(given->begin(), 1);
  if (extra.size() != 2 || (given && given->size() != 2) ||
      llvm::any_of(extra, [](int64_t e) { return e < 0; }))
    return n.error() << "expected an output padding or shape for each spatial "
                        "dimension";

  std::string autoPad = n.getString("auto_pad", "NOTSET");
  SmallVector<int64_t> shape = {x[0], w[1] * groups};
  for (unsigned d : {0, 1}) {
    int64_t full =
        (x[2 + d] - 1) * window->strides[d] + window->getReach(d) + extra[d];
    // With an output shape (or SAME, which means input times stride) the pads
    // follow from it.
    bool isSame = autoPad == "SAME_UPPER" || autoPad == "SAME_LOWER";
    if (given || isSame) {
      int64_t wanted = given ? (*given)[d] : x[2 + d] * window->strides[d];
      int64_t total = std::max<int64_t>(0, full - wanted);
      bool moreInFront = autoPad != "SAME_UPPER";
      window->low[d] = moreInFront ? (total + 1) / 2 : total / 2;
      window->high[d] = total - window->low[d];
      if (full - total != wanted)
        return n.error() << "output extent " << wanted << " is larger than "
                         << full << ", which the window reaches";
    }
    int64_t extent = full - window->low[d] - window->high[d];
    if (extent <= 0)
      return n.error() << "the pads leave nothing of dimension " << d
                       << " of the result";
    shape.push_back(extent);
  }

  Type type = image.getElementType();
  auto isZero = [](int64_t value) { return value == 0; };
  bool isProduct =
      groups == 1 && window->kernel == window->strides &&
      llvm::all_of(window->dilations, [](int64_t d) { return d == 1; }) &&
      llvm::all_of(window->low, isZero) && llvm::all_of(window->high, isZero) &&
      llvm::all_of(extra, isZero);
  if (isProduct) {
    if (n.hasInput(2) &&
        (n.in(2).getRank() != 1 || n.in(2).getDim(0) != shape[1] ||
         n.in(2).getElementType() != type))
      return n.error() << "expected a bias of " << shape[1] << " elements of "
                       << type << " but got " << n.in(2).type;
    // Dequantized, it is part of the product's sum, as in a convolution; known
    // numbers get there when affine functions are folded.
    Value init = n.hasInput(2)
                     ? repeatDequantized(n, n.in(2).value, w[2] * w[3])
                     : Value();
    Value result = convTransposeAsProduct(n, image, weight, init);
    if (n.hasInput(2) && !init) {
      Tensor &bias = n.in(2);
      Tensor column = n.reshape(bias, {shape[1], 1, 1});
      Tensor product{cast<RankedTensorType>(result.getType()), false, result,
                     std::nullopt, n.node.outputs[0]};
      FailureOr<Value> sum = n.elementwise(
          {&product, &column}, type, [](ImplicitLocOpBuilder &b, ValueRange v) {
            return arith::AddFOp::create(b, v[0], v[1]);
          });
      if (failed(sum))
        return failure();
      result = *sum;
    }
    setImage(n, result);
    return success();
  }

  if (n.isKnown(1))
    weight = makeTwoDimensional(n, n.in(1));
  if (!weight.constant)
    return n.error() << "weights have to be known at import for a transposed "
                        "convolution with overlapping windows";
  // (C, F / g, KH, KW) to (F, C / g, KH, KW), flipped in space.
  int64_t g = groups, c = x[1] / g, f = w[1], kh = w[2], kw = w[3];
  SmallVector<int64_t> flippedShape = {g * f, c, kh, kw};
  Tensor flipped = n.makeConstant(
      weight.constant->gather(
          flippedShape,
          [&](ArrayRef<int64_t> at) {
            int64_t group = at[0] / f;
            int64_t channel = group * c + at[1];
            return ((channel * f + at[0] % f) * kh + kh - 1 - at[2]) * kw + kw -
                   1 - at[3];
          }),
      "flipped");
  // Zeros between the pixels, and around them so that every output has a whole
  // window; pads larger than the window crop the image instead.
  SmallVector<int64_t> offsets = {0, 0}, sizes = {x[0], x[1]}, steps = {1, 1},
                       canvas = {x[0], x[1]};
  SmallVector<int64_t> crop(4, 0), cropped(x);
  for (unsigned d : {0, 1}) {
    int64_t front = window->getReach(d) - 1 - window->low[d];
    int64_t needed = shape[2 + d] + window->getReach(d) - 1;
    int64_t s = window->strides[d];
    // First pixel whose place is not in front of the canvas.
    crop[2 + d] = front >= 0 ? 0 : llvm::divideCeilSigned(-front, s);
    int64_t place = front + crop[2 + d] * s;
    int64_t last = place < needed ? (needed - 1 - place) / s + 1 : 0;
    cropped[2 + d] = std::min(x[2 + d] - crop[2 + d], last);
    if (cropped[2 + d] <= 0)
      return n.error() << "the pads leave nothing of the image";
    offsets.push_back(place);
    sizes.push_back(cropped[2 + d]);
    steps.push_back(s);
    canvas.push_back(needed);
  }
  Value pixels = n.slice(n.materialize(image), crop, cropped, {1, 1, 1, 1});
  MLIRContext *context = n.b.getContext();
  Value spread =
      tensor::InsertSliceOp::create(n.b, pixels, n.fill(canvas, n.zero(type)),
                                    getAsIndexOpFoldResult(context, offsets),
                                    getAsIndexOpFoldResult(context, sizes),
                                    getAsIndexOpFoldResult(context, steps));
  FailureOr<Value> init =
      makeInit(n, shape, getSplit(groups, x[1], shape[1]), type);
  if (failed(init))
    return failure();
  setImage(n, convolve(n, spread, flipped, *init, groups, {1, 1},
                       window->dilations));
  return success();
}

void mpq::onnximport::registerConvolutionOperators(OperatorRegistry &r) {
  r.add("Conv", 1, {importConv, 2});
  r.add("ConvTranspose", 1, {importConvTranspose, 2});
}
