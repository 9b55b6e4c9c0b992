//===- Descent.cpp - integers and scales that lose less, step by step ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Block coordinate descent: of a column's weights those of one block change,
// the others stay. With g = H e the best real numbers for the block are d + t,
// t = inverse(Hbb) g, where d are what it has now, and what is lost by others x
// is (x - d - t)^T Hbb (x - d - t) more. That is a closest vector problem in a
// few dimensions: Babai's plane after plane ("On Lovasz' lattice reduction and
// the nearest lattice point problem", Combinatorica 1986) for each of some
// scales, then steps of single integers and the best scale in turn. What does
// not lose less is not taken, so the loss only falls.
//
// Sixteen columns at a time, which have the same H: they are vectors.
//
//===----------------------------------------------------------------------===//

#include "Descent.h"
#include "Panel.h"

#include <algorithm>
#include <cmath>

using namespace mpq;

/// Rows that are solved for at once, at most, and columns.
static constexpr int64_t kRows = 64, kWidth = 16;
/// Times that all blocks are gone through, at most, and what the last one must
/// have gained for another, in parts of the loss.
static constexpr int kSweeps = 12;
static constexpr double kGain = 2e-3;

namespace {
using Row = double[kWidth];

/// The part of H that belongs to the rows of one chunk.
struct Chunk {
  int64_t first, rows;
  /// Whether these are all rows that share parameters.
  bool ownsParameters;
  double moments[kRows][kRows];
  /// The Cholesky factor, its columns divided by their diagonal elements, and
  /// those.
  double factor[kRows][kRows], diagonal[kRows];
};

/// What stands for the weights of a chunk in each column: integers less the
/// zero point, times the scale.
struct Solution {
  Row steps[kRows], zeroPoint, scale, loss;
};

/// What is asked of a solution: real numbers, and integers that weights may be.
struct Problem {
  Row target[kRows], lowest[kRows], highest[kRows];
};
} // namespace

static Chunk makeChunk(llvm::ArrayRef<double> moments, int64_t depth,
                       int64_t first, int64_t rows, bool ownsParameters,
                       double damping) {
  Chunk chunk{first, rows, ownsParameters, {}, {}, {}};
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < rows; ++j)
      chunk.moments[i][j] = moments[(first + i) * depth + first + j];
    chunk.moments[i][i] += damping;
  }
  double factor[kRows][kRows];
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j <= i; ++j) {
      double sum = chunk.moments[i][j];
      for (int64_t k = 0; k < j; ++k)
        sum -= factor[i][k] * factor[j][k];
      // Damped moments of all rows had a factor, so those of some have one.
      factor[i][j] = i == j ? std::sqrt(std::max(sum, damping * 1e-6))
                            : sum / factor[j][j];
    }
  for (int64_t j = 0; j < rows; ++j) {
    chunk.diagonal[j] = factor[j][j];
    for (int64_t i = j; i < rows; ++i)
      chunk.factor[i][j] = factor[i][j] / factor[j][j];
  }
  return chunk;
}

/// values = inverse(H of the chunk) values.
MPQ_FOR_EACH_MACHINE static void solve(const Chunk &chunk, Row *values) {
  for (int64_t i = 0; i < chunk.rows; ++i) // unit lower triangular
    for (int64_t j = 0; j < i; ++j)
      for (int64_t c = 0; c < kWidth; ++c)
        values[i][c] -= chunk.factor[i][j] * values[j][c];
  for (int64_t i = 0; i < chunk.rows; ++i)
    for (int64_t c = 0; c < kWidth; ++c)
      values[i][c] /= chunk.diagonal[i] * chunk.diagonal[i];
  for (int64_t i = chunk.rows - 1; i >= 0; --i)
    for (int64_t j = i + 1; j < chunk.rows; ++j)
      for (int64_t c = 0; c < kWidth; ++c)
        values[i][c] -= chunk.factor[j][i] * values[j][c];
}

/// Integers for the scales and zero points of `solution`, plane after plane.
MPQ_FOR_EACH_MACHINE static void
findNearPlanes(const Chunk &chunk, const Problem &problem, Solution &solution) {
  Row errors[kRows];
  std::fill(std::begin(solution.loss), std::end(solution.loss), 0.0);
  for (int64_t j = chunk.rows - 1; j >= 0; --j) {
    Row center;
    for (int64_t c = 0; c < kWidth; ++c)
      center[c] = problem.target[j][c];
    for (int64_t i = j + 1; i < chunk.rows; ++i)
      for (int64_t c = 0; c < kWidth; ++c)
        center[c] += chunk.factor[i][j] * errors[i][c];
    for (int64_t c = 0; c < kWidth; ++c) {
      double step = __builtin_nearbyint(center[c] / solution.scale[c]);
      double low = problem.lowest[j][c] - solution.zeroPoint[c];
      double high = problem.highest[j][c] - solution.zeroPoint[c];
      step = step < low ? low : step;
      step = step < high ? step : high;
      solution.steps[j][c] = step;
      double value = step * solution.scale[c];
      errors[j][c] = problem.target[j][c] - value;
      double distance = chunk.diagonal[j] * (center[c] - value);
      solution.loss[c] += distance * distance;
    }
  }
}

/// slopes = H (target - values); the loss with it.
MPQ_FOR_EACH_MACHINE static void getSlopes(const Chunk &chunk,
                                           const Problem &problem,
                                           Solution &solution, Row *slopes) {
  Row errors[kRows];
  for (int64_t k = 0; k < chunk.rows; ++k)
    for (int64_t c = 0; c < kWidth; ++c)
      errors[k][c] =
          problem.target[k][c] - solution.steps[k][c] * solution.scale[c];
  std::fill(std::begin(solution.loss), std::end(solution.loss), 0.0);
  for (int64_t k = 0; k < chunk.rows; ++k) {
    Row sum = {};
    for (int64_t i = 0; i < chunk.rows; ++i)
      for (int64_t c = 0; c < kWidth; ++c)
        sum[c] += chunk.moments[k][i] * errors[i][c];
    for (int64_t c = 0; c < kWidth; ++c) {
      slopes[k][c] = sum[c];
      solution.loss[c] += sum[c] * errors[k][c];
    }
  }
}

/// Single integers change where that lowers the loss.
MPQ_FOR_EACH_MACHINE static void stepIntegers(const Chunk &chunk,
                                              const Problem &problem,
                                              Solution &solution, Row *slopes) {
  for (int64_t k = 0; k < chunk.rows; ++k) {
    Row change;
    double changed = 0;
    for (int64_t c = 0; c < kWidth; ++c) {
      double old = solution.steps[k][c];
      double step = __builtin_nearbyint(
          old + slopes[k][c] / (chunk.moments[k][k] * solution.scale[c]));
      double low = problem.lowest[k][c] - solution.zeroPoint[c];
      double high = problem.highest[k][c] - solution.zeroPoint[c];
      step = step < low ? low : step;
      step = step < high ? step : high;
      solution.steps[k][c] = step;
      change[c] = (step - old) * solution.scale[c];
      changed += change[c] * change[c];
    }
    if (changed == 0)
      continue;
    for (int64_t i = 0; i < chunk.rows; ++i)
      for (int64_t c = 0; c < kWidth; ++c)
        slopes[i][c] -= chunk.moments[k][i] * change[c];
  }
}

/// The scale with the least loss for the integers.
MPQ_FOR_EACH_MACHINE static void fitScale(const Chunk &chunk, const Row *slopes,
                                          double smallest, Solution &solution) {
  Row along = {}, power = {};
  for (int64_t k = 0; k < chunk.rows; ++k) {
    Row sum = {};
    for (int64_t i = 0; i < chunk.rows; ++i)
      for (int64_t c = 0; c < kWidth; ++c)
        sum[c] += chunk.moments[k][i] * solution.steps[i][c];
    for (int64_t c = 0; c < kWidth; ++c) {
      along[c] += solution.steps[k][c] * slopes[k][c];
      power[c] += solution.steps[k][c] * sum[c];
    }
  }
  for (int64_t c = 0; c < kWidth; ++c) {
    double scale = power[c] > 0
                       ? double(float(solution.scale[c] + along[c] / power[c]))
                       : 0;
    if (scale > smallest)
      solution.scale[c] = scale;
  }
}

/// sums -= H changes, where the changes are of the rows of a chunk.
MPQ_FOR_EACH_MACHINE static void
subtractProduct(const double *moments, int64_t depth, int64_t first,
                int64_t rows, const Row *changes, double damping, Row *sums) {
  for (int64_t k = 0; k < depth; ++k) {
    Row sum = {};
    const double *row = moments + k * depth + first;
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t c = 0; c < kWidth; ++c)
        sum[c] += row[i] * changes[i][c];
    for (int64_t c = 0; c < kWidth; ++c)
      sums[k][c] -= sum[c];
  }
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t c = 0; c < kWidth; ++c)
      sums[first + i][c] -= damping * changes[i][c];
}

/// Takes what loses less of another solution.
static void takeBetter(Solution &best, const Solution &other, int64_t rows) {
  for (int64_t c = 0; c < kWidth; ++c) {
    if (!(other.loss[c] < best.loss[c]))
      continue;
    best.loss[c] = other.loss[c];
    best.scale[c] = other.scale[c];
    best.zeroPoint[c] = other.zeroPoint[c];
    for (int64_t k = 0; k < rows; ++k)
      best.steps[k][c] = other.steps[k][c];
  }
}

namespace {
/// The descent of kWidth columns.
class ColumnDescent {
public:
  ColumnDescent(const WeightMatrix &matrix, const WeightGrid &grid,
                llvm::ArrayRef<double> moments, double damping,
                DescentFreedom freedom, llvm::ArrayRef<Chunk> chunks,
                llvm::MutableArrayRef<int8_t> integers,
                llvm::MutableArrayRef<WeightParameters> parameters,
                int64_t column)
      : matrix(matrix), grid(grid), moments(moments), damping(damping),
        freedom(freedom), chunks(chunks), integers(integers),
        parameters(parameters), column(column),
        width(std::min(kWidth, matrix.columns - column)),
        slopes(new Row[size_t(matrix.depth)]()) {
    smallestScale =
        std::max(grid.smallestScale, std::numeric_limits<float>::min());
  }
  void run();

private:
  double getWeight(int64_t k, int64_t c) const {
    return double(matrix.weights[k * matrix.columns + column + c]);
  }
  WeightParameters &getParameters(int64_t k, int64_t c) const {
    return parameters[k / matrix.block * matrix.columns + column + c];
  }
  double getSteps(int64_t k, int64_t c) const {
    return double(integers[k * matrix.columns + column + c] -
                  getParameters(k, c).zeroPoint);
  }
  double getError(int64_t k, int64_t c) const {
    return getWeight(k, c) - getSteps(k, c) * double(getParameters(k, c).scale);
  }
  void limit(const Chunk &chunk, Problem &problem) const;
  double improve(const Chunk &chunk, int sweep);
  double fitSharedScales();

  const WeightMatrix &matrix;
  const WeightGrid &grid;
  llvm::ArrayRef<double> moments;
  double damping;
  DescentFreedom freedom;
  llvm::ArrayRef<Chunk> chunks;
  llvm::MutableArrayRef<int8_t> integers;
  llvm::MutableArrayRef<WeightParameters> parameters;
  int64_t column, width;
  double smallestScale;
  std::unique_ptr<Row[]> slopes; // H e
};
} // namespace

/// Which integers the weights of a chunk may be.
void ColumnDescent::limit(const Chunk &chunk, Problem &problem) const {
  for (int64_t k = 0; k < chunk.rows; ++k)
    for (int64_t c = 0; c < width; ++c) {
      double low = grid.lowest, high = grid.highest;
      if (!freedom.hasFreeIntegers) {
        WeightParameters p = getParameters(chunk.first + k, c);
        double below =
            std::floor(double(float(getWeight(chunk.first + k, c)) / p.scale));
        low = std::clamp(below + p.zeroPoint, low, high);
        high = std::clamp(below + 1 + p.zeroPoint, low, high);
      }
      problem.lowest[k][c] = low;
      problem.highest[k][c] = high;
    }
}

/// Solves for a chunk; what that gains.
double ColumnDescent::improve(const Chunk &chunk, int sweep) {
  Problem problem = {};
  Solution old = {};
  std::fill(std::begin(old.scale), std::end(old.scale), 1.0);
  limit(chunk, problem);
  for (int64_t c = 0; c < width; ++c) {
    old.scale[c] = double(getParameters(chunk.first, c).scale);
    old.zeroPoint[c] = double(getParameters(chunk.first, c).zeroPoint);
    for (int64_t k = 0; k < chunk.rows; ++k) {
      old.steps[k][c] = getSteps(chunk.first + k, c);
      problem.target[k][c] = slopes[chunk.first + k][c];
    }
  }
  solve(chunk, problem.target);
  for (int64_t k = 0; k < chunk.rows; ++k)
    for (int64_t c = 0; c < width; ++c) {
      old.loss[c] += slopes[chunk.first + k][c] * problem.target[k][c];
      problem.target[k][c] += old.steps[k][c] * old.scale[c];
    }

  bool findsScales = chunk.ownsParameters && freedom.hasFreeScales;
  static constexpr double wide[] = {0.6,  0.68, 0.75, 0.81, 0.86, 0.9, 0.94,
                                    0.97, 1,    1.03, 1.07, 1.12, 1.18},
                          narrow[] = {0.95, 0.985, 1, 1.015, 1.05}, one[] = {1};
  llvm::ArrayRef<double> factors(one);
  if (findsScales)
    factors = sweep < 2 ? llvm::ArrayRef(wide) : llvm::ArrayRef(narrow);
  Solution best = old;
  for (int move : {0, -1, 1}) {
    if (move != 0 && !(findsScales && grid.hasZeroPoints))
      break;
    for (double factor : factors) {
      Solution tried = {};
      for (int64_t c = 0; c < kWidth; ++c) {
        tried.scale[c] =
            std::max(double(float(old.scale[c] * factor)), smallestScale);
        tried.zeroPoint[c] =
            grid.hasZeroPoints
                ? std::clamp(old.zeroPoint[c] + move, double(grid.lowest),
                             double(grid.highest))
                : 0;
      }
      findNearPlanes(chunk, problem, tried);
      takeBetter(best, tried, chunk.rows);
    }
  }
  Solution tried = best;
  Row errors[kRows];
  for (int round = 0; round < 2; ++round) {
    getSlopes(chunk, problem, tried, errors);
    if (findsScales) {
      fitScale(chunk, errors, smallestScale, tried);
      getSlopes(chunk, problem, tried, errors);
    }
    stepIntegers(chunk, problem, tried, errors);
    getSlopes(chunk, problem, tried, errors);
    takeBetter(best, tried, chunk.rows);
  }

  Row changes[kRows] = {};
  double gain = 0;
  for (int64_t c = 0; c < width; ++c) {
    // Rounding errors are no reason to change anything.
    if (!(best.loss[c] < old.loss[c] * (1 - 1e-9)))
      continue;
    gain += old.loss[c] - best.loss[c];
    if (chunk.ownsParameters)
      getParameters(chunk.first, c) = {float(best.scale[c]),
                                       int32_t(best.zeroPoint[c])};
    for (int64_t k = 0; k < chunk.rows; ++k) {
      changes[k][c] =
          best.steps[k][c] * best.scale[c] - old.steps[k][c] * old.scale[c];
      integers[(chunk.first + k) * matrix.columns + column + c] =
          int8_t(best.steps[k][c] + best.zeroPoint[c]);
    }
  }
  if (gain > 0)
    subtractProduct(moments.data(), matrix.depth, chunk.first, chunk.rows,
                    changes, damping, slopes.get());
  return gain;
}

/// Scales of more rows than a chunk has, for their integers.
double ColumnDescent::fitSharedScales() {
  int64_t depth = matrix.depth;
  std::unique_ptr<Row[]> steps(new Row[size_t(depth)]());
  std::unique_ptr<Row[]> products(new Row[size_t(depth)]());
  double gain = 0;
  for (int64_t first = 0; first < depth; first += matrix.block) {
    int64_t end = std::min(depth, first + matrix.block);
    for (int64_t k = first; k < end; ++k)
      for (int64_t c = 0; c < width; ++c)
        steps[k][c] = getSteps(k, c);
    std::fill_n(&products[0][0], depth * kWidth, 0.0);
    subtractProduct(moments.data(), depth, first, end - first,
                    steps.get() + first, damping, products.get());
    Row along = {}, power = {}, change = {};
    for (int64_t k = first; k < end; ++k)
      for (int64_t c = 0; c < width; ++c) {
        along[c] += steps[k][c] * slopes[k][c];
        power[c] -= steps[k][c] * products[k][c];
      }
    for (int64_t c = 0; c < width; ++c) {
      WeightParameters &p = getParameters(first, c);
      double best = power[c] > 0 ? double(p.scale) + along[c] / power[c] : 0;
      float scale = float(best);
      if (!(double(scale) > smallestScale) || scale == p.scale)
        continue;
      change[c] = double(scale) - double(p.scale);
      gain += change[c] * (2 * along[c] - change[c] * power[c]);
      p.scale = scale;
    }
    for (int64_t k = 0; k < depth; ++k)
      for (int64_t c = 0; c < width; ++c)
        slopes[k][c] += change[c] * products[k][c];
  }
  return gain;
}

void ColumnDescent::run() {
  double loss = 0;
  for (const Chunk &chunk : chunks) {
    Row errors[kRows] = {};
    for (int64_t k = 0; k < chunk.rows; ++k)
      for (int64_t c = 0; c < width; ++c)
        errors[k][c] = -getError(chunk.first + k, c);
    subtractProduct(moments.data(), matrix.depth, chunk.first, chunk.rows,
                    errors, damping, slopes.get());
  }
  for (int64_t k = 0; k < matrix.depth; ++k)
    for (int64_t c = 0; c < width; ++c)
      loss += slopes[k][c] * getError(k, c);
  bool sharesScales = freedom.hasFreeScales && !chunks[0].ownsParameters;
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    double gain = 0;
    for (const Chunk &chunk : chunks)
      gain += improve(chunk, sweep);
    if (sharesScales)
      gain += fitSharedScales();
    loss -= gain;
    if (!(gain > kGain * loss))
      break;
  }
}

void mpq::descend(SharedThreads &pool, const WeightMatrix &matrix,
                  const WeightGrid &grid, llvm::ArrayRef<double> moments,
                  double damping, DescentFreedom freedom,
                  llvm::MutableArrayRef<int8_t> integers,
                  llvm::MutableArrayRef<WeightParameters> parameters) {
  double mean = 0;
  for (int64_t k = 0; k < matrix.depth; ++k)
    mean += moments[k * (matrix.depth + 1)] / double(matrix.depth);
  if (!(mean > 0))
    return; // nothing was seen, so nothing is lost
  damping *= mean;
  std::vector<Chunk> chunks;
  for (int64_t block = 0; block < matrix.depth; block += matrix.block) {
    int64_t end = std::min(matrix.depth, block + matrix.block);
    for (int64_t first = block; first < end; first += kRows)
      chunks.push_back(makeChunk(moments, matrix.depth, first,
                                 std::min(kRows, end - first),
                                 matrix.block <= kRows, damping));
  }
  forRange(pool, (matrix.columns + kWidth - 1) / kWidth,
           [&](int64_t begin, int64_t end) {
             for (int64_t tile = begin; tile < end; ++tile)
               ColumnDescent(matrix, grid, moments, damping, freedom, chunks,
                             integers, parameters, tile * kWidth)
                   .run();
           });
}
