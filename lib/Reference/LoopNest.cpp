//===- LoopNest.cpp - a body run over an iteration space ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LoopNest.h"
#include "Rows.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/AffineExprVisitor.h"

#include <algorithm>
#include <cstring>

using namespace mlir;
using namespace mpq;

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

TensorView TensorView::all(HostTensor tensor) {
  TensorView view;
  view.shape.assign(tensor.getShape().begin(), tensor.getShape().end());
  view.values = std::move(tensor);
  return view;
}

/// Adds `scale * expr` to a linear form; false if it is none.
static bool addLinear(AffineExpr expr, int64_t scale, int64_t &base,
                      SmallVectorImpl<int64_t> &coefficients) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    base += scale * constant.getValue();
    return true;
  }
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    coefficients[dim.getPosition()] += scale;
    return true;
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return false;
  if (binary.getKind() == AffineExprKind::Add)
    return addLinear(binary.getLHS(), scale, base, coefficients) &&
           addLinear(binary.getRHS(), scale, base, coefficients);
  auto factor = dyn_cast<AffineConstantExpr>(binary.getRHS());
  return binary.getKind() == AffineExprKind::Mul && factor &&
         addLinear(binary.getLHS(), scale * factor.getValue(), base,
                   coefficients);
}

LoopOperand::LoopOperand(TensorView view, AffineMap map, unsigned row)
    : view(std::move(view)), map(map), row(row),
      coefficients(map.getNumDims(), 0) {
  isLinear = true;
  int64_t stride = 1;
  ArrayRef<int64_t> shape = this->view.shape;
  for (int64_t d = shape.size() - 1; d >= 0; --d) {
    isLinear =
        isLinear && addLinear(map.getResult(d), stride, base, coefficients);
    stride *= shape[d];
  }
}

LoopNest::LoopNest(Operation *op, ArrayRef<int64_t> extents,
                   ArrayRef<utils::IteratorType> iterators)
    : op(op), extents(extents), isLane(extents.size(), false),
      lanes(extents.size()), current(extents.size(), 0) {
  for (auto [dim, type] : llvm::enumerate(iterators))
    (type == utils::IteratorType::parallel ? parallelDims : reductionDims)
        .push_back(dim);
}

void LoopNest::addInput(TensorView view, AffineMap map, unsigned row) {
  inputs.emplace_back(std::move(view), map, row);
}

void LoopNest::addOutput(TensorView init, AffineMap map, unsigned initRow,
                         unsigned resultRow) {
  outputs.emplace_back(std::move(init), map, initRow);
  resultRows.push_back(resultRow);
}

LogicalResult LoopNest::verify() {
  for (const LoopOperand &output : outputs) {
    bool ok = output.isLinear;
    for (unsigned dim : reductionDims)
      ok = ok && output.coefficients[dim] == 0;
    if (!ok)
      return op->emitOpError("the interpreter expects output maps that are "
                             "linear in parallel dimensions but got ")
             << AffineMapAttr::get(output.map);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Points and positions
//===----------------------------------------------------------------------===//

void LoopNest::setLanes(int64_t first, int n) {
  SmallVector<int64_t> point(extents.size(), 0);
  for (unsigned dim : llvm::reverse(parallelDims)) {
    point[dim] = first % extents[dim];
    first /= extents[dim];
    isLane[dim] = true;
  }
  for (int l = 0; l < n; ++l) {
    for (unsigned dim : parallelDims)
      lanes[dim][l] = point[dim];
    for (unsigned dim : llvm::reverse(parallelDims)) {
      if (++point[dim] < extents[dim])
        break;
      point[dim] = 0;
    }
  }
}

LogicalResult LoopNest::setLanesAt(const LoopOperand &output,
                                   ArrayRef<int64_t> positions) {
  for (unsigned dim : parallelDims) {
    isLane[dim] = true;
    std::fill_n(lanes[dim].begin(), positions.size(), 0);
  }
  SmallVector<bool> seen(extents.size(), false);
  int64_t stride = 1;
  for (int64_t r = output.view.shape.size() - 1; r >= 0; --r) {
    int64_t extent = output.view.shape[r];
    AffineExpr expr = output.map.getResult(r);
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim && !isa<AffineConstantExpr>(expr))
      return op->emitOpError("single elements cannot be computed through map ")
             << AffineMapAttr::get(output.map);
    for (auto [l, position] : llvm::enumerate(positions))
      if (dim)
        lanes[dim.getPosition()][l] = position / stride % extent;
    if (dim)
      seen[dim.getPosition()] = true;
    stride *= extent;
  }
  for (unsigned dim : parallelDims)
    if (!seen[dim] && extents[dim] != 1)
      return op->emitOpError("single elements cannot be computed through map ")
             << AffineMapAttr::get(output.map);
  return success();
}

bool LoopNest::advance(ArrayRef<unsigned> dims) {
  for (unsigned dim : llvm::reverse(dims)) {
    if (++current[dim] < extents[dim])
      return true;
    current[dim] = 0;
  }
  return false;
}

/// The value of an affine expression in each lane.
static void evaluate(AffineExpr expr, ArrayRef<bool> isLane,
                     ArrayRef<std::array<int64_t, Row::width>> lanes,
                     ArrayRef<int64_t> current, int n, int64_t *out) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    std::fill_n(out, n, constant.getValue());
    return;
  }
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    unsigned d = dim.getPosition();
    if (isLane[d])
      std::copy_n(lanes[d].begin(), n, out);
    else
      std::fill_n(out, n, current[d]);
    return;
  }
  auto binary = cast<AffineBinaryOpExpr>(expr);
  int64_t rhs[Row::width];
  evaluate(binary.getLHS(), isLane, lanes, current, n, out);
  evaluate(binary.getRHS(), isLane, lanes, current, n, rhs);
  for (int l = 0; l < n; ++l) {
    switch (binary.getKind()) {
    case AffineExprKind::Add:
      out[l] += rhs[l];
      break;
    case AffineExprKind::Mul:
      out[l] *= rhs[l];
      break;
    case AffineExprKind::Mod:
      out[l] = llvm::mod(out[l], rhs[l]);
      break;
    case AffineExprKind::FloorDiv:
      out[l] = llvm::divideFloorSigned(out[l], rhs[l]);
      break;
    default:
      out[l] = llvm::divideCeilSigned(out[l], rhs[l]);
      break;
    }
  }
}

void LoopNest::computeOffsets(const LoopOperand &operand, int n,
                              int64_t *offsets) {
  if (!operand.isLinear) {
    std::fill_n(offsets, n, 0);
    int64_t index[Row::width];
    for (auto [expr, extent] :
         llvm::zip_equal(operand.map.getResults(), operand.view.shape)) {
      evaluate(expr, isLane, lanes, current, n, index);
      for (int l = 0; l < n; ++l)
        offsets[l] = offsets[l] * extent + index[l];
    }
    return;
  }
  int64_t base = operand.base;
  for (auto [dim, coefficient] : llvm::enumerate(operand.coefficients))
    if (!isLane[dim])
      base += coefficient * current[dim];
  std::fill_n(offsets, n, base);
  for (auto [dim, coefficient] : llvm::enumerate(operand.coefficients))
    if (coefficient != 0 && isLane[dim])
      for (int l = 0; l < n; ++l)
        offsets[l] += coefficient * lanes[dim][l];
}

void LoopNest::load(const LoopOperand &operand, int n) {
  int64_t offsets[Row::width];
  computeOffsets(operand, n, offsets);
  if (operand.view.isSparse) {
    const std::vector<int64_t> &positions = operand.view.positions;
    for (int l = 0; l < n; ++l)
      offsets[l] =
          std::lower_bound(positions.begin(), positions.end(), offsets[l]) -
          positions.begin();
  }
  loadRow(program.getRowAt(operand.row), operand.view.values, offsets, n);
}

void LoopNest::fillIndexRows(int n) {
  for (auto [dim, row] : program.getIndexRows()) {
    int64_t *out = program.getRowAt(row).i;
    if (isLane[dim])
      std::copy_n(lanes[dim].begin(), n, out);
    else
      std::fill_n(out, n, current[dim]);
  }
}

//===----------------------------------------------------------------------===//
// Computing
//===----------------------------------------------------------------------===//

LogicalResult LoopNest::computeSequential(int n) {
  for (auto [output, row] : llvm::zip_equal(outputs, resultRows))
    if (output.row != row)
      load(output, n);
  for (unsigned dim : reductionDims) {
    isLane[dim] = false;
    current[dim] = 0;
    if (extents[dim] == 0) { // nothing to add: the initial elements remain
      for (auto [output, row] : llvm::zip_equal(outputs, resultRows))
        program.getRowAt(row) = program.getRowAt(output.row);
      return success();
    }
  }
  std::vector<Row> results(outputs.size() > 1 ? outputs.size() : 0);
  bool more;
  do {
    for (const LoopOperand &input : inputs)
      load(input, n);
    fillIndexRows(n);
    if (failed(program.run(n)))
      return failure();
    more = advance(reductionDims);
    if (!more)
      break;
    // New elements become the initial ones of the next step. With several
    // outputs one may yield the other's initial element: copy all at once.
    for (auto [copy, row] : llvm::zip(results, resultRows))
      std::memcpy(static_cast<void *>(&copy), &program.getRowAt(row),
                  sizeof(Row));
    for (unsigned k = 0; k < outputs.size(); ++k)
      std::memcpy(static_cast<void *>(&program.getRowAt(outputs[k].row)),
                  results.empty() ? &program.getRowAt(resultRows[k])
                                  : &results[k],
                  sizeof(int64_t) * n);
  } while (more);
  return success();
}

/// One step of a row reduction in f32.
static float combine(Operation *combiner, float a, float b) {
  if (isa<arith::AddFOp>(combiner))
    return a + b;
  if (isa<arith::MulFOp>(combiner))
    return a * b;
  bool isMaximum = isa<arith::MaximumFOp, arith::MaxNumFOp>(combiner);
  bool ignoresNaN = isa<arith::MaxNumFOp, arith::MinNumFOp>(combiner);
  if (ignoresNaN && a != a)
    return b;
  if (ignoresNaN && b != b)
    return a;
  return isMaximum ? maximum(a, b) : minimum(a, b);
}

LogicalResult LoopNest::computeRows(int n) {
  unsigned rowDim = reduction.rowDimension;
  SmallVector<unsigned> outerDims;
  for (unsigned dim : reductionDims)
    if (dim != rowDim)
      outerDims.push_back(dim);
  for (const LoopOperand &output : outputs)
    load(output, n);
  // From here lanes run along the row, and each output element is a number.
  std::vector<std::array<int64_t, Row::width>> points = lanes;
  for (unsigned dim : parallelDims)
    isLane[dim] = false;
  isLane[rowDim] = true;

  std::vector<std::array<float, rowPartials>> partials(outputs.size());
  bool isEmpty = llvm::any_of(reductionDims,
                              [&](unsigned dim) { return extents[dim] == 0; });
  for (int l = 0; l < n; ++l) {
    for (unsigned dim : parallelDims)
      current[dim] = points[dim][l];
    for (unsigned dim : outerDims)
      current[dim] = 0;
    for (auto [partial, combiner] :
         llvm::zip_equal(partials, reduction.combiners))
      partial.fill(getCombinerIdentity(combiner));
    do {
      for (int64_t first = 0; first < extents[rowDim] && !isEmpty;
           first += Row::width) {
        int count = std::min<int64_t>(Row::width, extents[rowDim] - first);
        for (int k = 0; k < count; ++k)
          lanes[rowDim][k] = first + k;
        for (const LoopOperand &input : inputs)
          load(input, count);
        fillIndexRows(count);
        if (failed(program.run(count)))
          return failure();
        for (auto [partial, combiner, row] :
             llvm::zip_equal(partials, reduction.combiners, resultRows)) {
          const float *values = program.getRowAt(row).f;
          for (int k = 0; k < count; ++k)
            partial[k % rowPartials] =
                combine(combiner, partial[k % rowPartials], values[k]);
        }
      }
    } while (advance(outerDims));
    for (auto [partial, combiner, output] :
         llvm::zip_equal(partials, reduction.combiners, outputs)) {
      for (int half = rowPartials / 2; half > 0; half /= 2)
        for (int k = 0; k < half; ++k)
          partial[k] = combine(combiner, partial[k], partial[k + half]);
      float &element = program.getRowAt(output.row).f[l];
      element = combine(combiner, element, partial[0]);
    }
  }
  lanes = std::move(points);
  for (unsigned dim : parallelDims)
    isLane[dim] = true;
  isLane[rowDim] = false;
  return success();
}

LogicalResult LoopNest::computeSteps(int n) {
  load(outputs[0], n);
  for (unsigned dim : reductionDims) {
    isLane[dim] = false;
    current[dim] = 0;
  }
  std::array<float, Row::width> sums{}, parts[2];
  int64_t k = 0;
  do {
    if (k % reduction.step == 0)
      for (auto &part : parts)
        part.fill(0.0f);
    for (const LoopOperand &input : inputs) {
      load(input, n);
      rows::flush(program.getRowAt(input.row).f, n);
    }
    auto &part = parts[k % 2];
    rows::fmaFlushed(part.data(), program.getRowAt(inputs[0].row).f,
                     program.getRowAt(inputs[1].row).f, part.data(), n);
    if (++k % reduction.step == 0) {
      rows::addFlushed(parts[0].data(), parts[0].data(), parts[1].data(), n);
      rows::addFlushed(sums.data(), sums.data(), parts[0].data(), n);
    }
  } while (advance(reductionDims));
  const float *init = program.getRowAt(outputs[0].row).f;
  float *result = program.getRowAt(resultRows[0]).f;
  for (int l = 0; l < n; ++l)
    result[l] = init[l] + sums[l];
  return success();
}

Row &LoopNest::getFinalRow(unsigned index) {
  // Two outputs of a row reduction may combine the same new value, so their
  // elements stay in their own rows.
  return program.getRowAt(reduction.order == ReductionOrder::Row
                              ? outputs[index].row
                              : resultRows[index]);
}

LogicalResult LoopNest::computeLanes(int n) {
  if (reduction.step)
    return computeSteps(n);
  return reduction.order == ReductionOrder::Row ? computeRows(n)
                                                : computeSequential(n);
}

FailureOr<SmallVector<HostTensor>> LoopNest::run() {
  if (failed(verify()))
    return failure();
  SmallVector<HostTensor> results;
  for (const LoopOperand &output : outputs)
    results.push_back(output.view.values);
  int64_t numPoints = 1;
  for (unsigned dim : parallelDims)
    numPoints *= extents[dim];
  int64_t offsets[Row::width];
  for (int64_t first = 0; first < numPoints; first += Row::width) {
    int n = std::min<int64_t>(Row::width, numPoints - first);
    setLanes(first, n);
    if (failed(computeLanes(n)))
      return failure();
    for (auto [index, output] : llvm::enumerate(outputs)) {
      computeOffsets(output, n, offsets);
      storeRow(getFinalRow(index), results[index], offsets, n);
    }
  }
  return results;
}

FailureOr<HostTensor> LoopNest::runAt(unsigned index,
                                      ArrayRef<int64_t> positions) {
  if (failed(verify()))
    return failure();
  HostTensor result(outputs[index].view.values.getKind(),
                    {int64_t(positions.size())});
  for (size_t first = 0; first < positions.size(); first += Row::width) {
    ArrayRef<int64_t> part = positions.slice(
        first, std::min<size_t>(Row::width, positions.size() - first));
    if (failed(setLanesAt(outputs[index], part)) ||
        failed(computeLanes(part.size())))
      return failure();
    int64_t offsets[Row::width];
    for (size_t l = 0; l < part.size(); ++l)
      offsets[l] = first + l;
    storeRow(getFinalRow(index), result, offsets, part.size());
  }
  return result;
}

FailureOr<std::vector<int64_t>>
LoopNest::getNeededPositions(unsigned index, unsigned output,
                             ArrayRef<int64_t> positions) {
  const LoopOperand &operand =
      index < inputs.size() ? inputs[index] : outputs[index - inputs.size()];
  std::vector<int64_t> needed;
  int64_t offsets[Row::width];
  bool isEmpty = llvm::any_of(reductionDims,
                              [&](unsigned dim) { return extents[dim] == 0; });
  for (size_t first = 0; first < positions.size() && !isEmpty;
       first += Row::width) {
    ArrayRef<int64_t> part = positions.slice(
        first, std::min<size_t>(Row::width, positions.size() - first));
    if (failed(setLanesAt(outputs[output], part)))
      return failure();
    for (unsigned dim : reductionDims) {
      isLane[dim] = false;
      current[dim] = 0;
    }
    do {
      computeOffsets(operand, part.size(), offsets);
      needed.insert(needed.end(), offsets, offsets + part.size());
    } while (advance(reductionDims));
    llvm::sort(needed);
    needed.erase(llvm::unique(needed), needed.end());
  }
  return needed;
}
