//===- Rows.cpp - inner loops of the interpreter ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Rows.h"

#include "mpq/Numerics/FloatOps.h"

using namespace mpq;

// Each function exists for AVX-512, for AVX2 with fma, and for any x86-64
// (where fma is a library call); the dynamic loader picks one.
#if defined(__x86_64__)
#define MPQ_CLONES                                                             \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define MPQ_CLONES
#endif

#define MPQ_UNARY(NAME, EXPRESSION)                                            \
  MPQ_CLONES void rows::NAME(float *out, const float *x, int n) {              \
    FloatOps b;                                                                \
    for (int i = 0; i < n; ++i)                                                \
      out[i] = EXPRESSION;                                                     \
  }
MPQ_UNARY(exp, formulas::exp(b, x[i]))
MPQ_UNARY(log, formulas::log(b, x[i]))
MPQ_UNARY(tanh, formulas::tanh(b, x[i]))
MPQ_UNARY(erf, formulas::erf(b, x[i]))
MPQ_UNARY(rsqrt, formulas::rsqrt(b, x[i]))
MPQ_UNARY(floor, b.floor(x[i]))
MPQ_UNARY(ceil, -b.floor(-x[i]))
MPQ_UNARY(trunc, b.trunc(x[i]))
MPQ_UNARY(round, formulas::round(b, x[i], formulas::RoundTo::HalfAway))
MPQ_UNARY(roundeven, b.roundeven(x[i]))
#undef MPQ_UNARY

MPQ_CLONES void rows::pow(float *out, const float *x, const float *y, int n) {
  FloatOps b;
  for (int i = 0; i < n; ++i)
    out[i] = formulas::pow(b, x[i], y[i]);
}

MPQ_CLONES void rows::powConstant(float *out, const float *x, float y, int n) {
  FloatOps b;
  for (int i = 0; i < n; ++i)
    out[i] = formulas::powConstant(b, x[i], y);
}

MPQ_CLONES void rows::fma(float *out, const float *a, const float *b,
                          const float *c, int n) {
  for (int i = 0; i < n; ++i)
    out[i] = __builtin_fmaf(a[i], b[i], c[i]);
}

MPQ_CLONES void rows::quantize(int64_t *out, const float *x, const float *scale,
                               const int64_t *zeroPoint,
                               const formulas::QuantizeForm &form, int n) {
  FloatOps b;
  formulas::QuantizeForm local = form;
  for (int i = 0; i < n; ++i)
    out[i] =
        formulas::quantize(b, x[i], scale[i], int32_t(zeroPoint[i]), local);
}

MPQ_CLONES void rows::dequantize(float *out, const int64_t *q,
                                 const float *scale, const int64_t *zeroPoint,
                                 int n) {
  // 64-bit subtraction is exact for 32-bit inputs too (N-D1).
  for (int i = 0; i < n; ++i)
    out[i] = float(q[i] - zeroPoint[i]) * scale[i];
}

MPQ_CLONES void rows::requantize(int64_t *out, const int64_t *accumulator,
                                 const float *multiplier,
                                 const int64_t *zeroPoint,
                                 const formulas::QuantizeForm &form, int n) {
  FloatOps b;
  formulas::QuantizeForm local = form;
  for (int i = 0; i < n; ++i)
    out[i] = formulas::requantize(b, int32_t(accumulator[i]), multiplier[i],
                                  int32_t(zeroPoint[i]), local);
}

namespace {
/// Sums of one block of columns stay in registers.
struct ProductLoop {
  static float step(float a, float b, float sum) {
    return __builtin_fmaf(a, b, sum);
  }
  static int32_t step(int32_t a, int32_t b, int32_t sum) {
    return int32_t(uint32_t(sum) + uint32_t(a) * uint32_t(b));
  }

  template <typename T, int N, bool aVaries>
  __attribute__((always_inline)) static void
  block(T *__restrict out, const T *a, const T *b, const int64_t *aOffsets,
        const int64_t *bOffsets, int64_t count) {
    T sums[N];
    for (int i = 0; i < N; ++i)
      sums[i] = out[i];
    for (int64_t k = 0; k < count; ++k) {
      const T *aRow = a + aOffsets[k], *bRow = b + bOffsets[k];
      for (int i = 0; i < N; ++i)
        sums[i] = step(aRow[aVaries ? i : 0], bRow[i], sums[i]);
    }
    for (int i = 0; i < N; ++i)
      out[i] = sums[i];
  }

  template <typename T, bool aVaries>
  __attribute__((always_inline)) static void
  row(T *out, const T *a, const T *b, const int64_t *aOffsets,
      const int64_t *bOffsets, int64_t count, int64_t n) {
    int64_t i = 0;
    auto at = [&](const T *p) { return p + (aVaries ? i : 0); };
    for (; i + 64 <= n; i += 64)
      block<T, 64, aVaries>(out + i, at(a), b + i, aOffsets, bOffsets, count);
    for (; i + 16 <= n; i += 16)
      block<T, 16, aVaries>(out + i, at(a), b + i, aOffsets, bOffsets, count);
    for (; i + 4 <= n; i += 4)
      block<T, 4, aVaries>(out + i, at(a), b + i, aOffsets, bOffsets, count);
    for (; i < n; ++i)
      block<T, 1, aVaries>(out + i, at(a), b + i, aOffsets, bOffsets, count);
  }
};
} // namespace

namespace {
constexpr float kSmallestNormal = 0x1p-126f;

struct Flushed {
  __attribute__((always_inline)) static float flush(float x) {
    return __builtin_fabsf(x) < kSmallestNormal ? __builtin_copysignf(0.0f, x)
                                                : x;
  }

  /// Units detect what is tiny after rounding to 24 bits: of results that round
  /// to the smallest normal number, some are flushed. The sum is exact in f64
  /// where it is near that number.
  static bool isTiny(float a, float b, float c) {
    double exact = double(a) * double(b) + double(c);
    return __builtin_fabs(exact) < 0x1p-126 - 0x1p-151;
  }

  template <int N, bool aVaries>
  __attribute__((always_inline)) static void fma(float *sums, const float *a,
                                                 const float *b) {
    float results[N];
    int edge = 0;
    for (int i = 0; i < N; ++i) {
      results[i] = __builtin_fmaf(a[aVaries ? i : 0], b[i], sums[i]);
      edge |= __builtin_fabsf(results[i]) == kSmallestNormal;
    }
    if (__builtin_expect(edge, 0))
      for (int i = 0; i < N; ++i)
        if (__builtin_fabsf(results[i]) == kSmallestNormal &&
            isTiny(a[aVaries ? i : 0], b[i], sums[i]))
          results[i] = __builtin_copysignf(0.0f, results[i]);
    for (int i = 0; i < N; ++i)
      sums[i] = flush(results[i]);
  }

  template <int N, bool aVaries>
  __attribute__((always_inline)) static void
  block(float *__restrict out, const float *a, const float *b,
        const int64_t *aOffsets, const int64_t *bOffsets, int64_t count,
        int64_t step) {
    float sums[N] = {};
    for (int64_t first = 0; first < count; first += step) {
      float even[N] = {}, odd[N] = {};
      for (int64_t k = first; k < first + step; k += 2) {
        fma<N, aVaries>(even, a + aOffsets[k], b + bOffsets[k]);
        fma<N, aVaries>(odd, a + aOffsets[k + 1], b + bOffsets[k + 1]);
      }
      for (int i = 0; i < N; ++i)
        sums[i] = flush(sums[i] + flush(even[i] + odd[i]));
    }
    for (int i = 0; i < N; ++i)
      out[i] += sums[i];
  }

  template <bool aVaries>
  __attribute__((always_inline)) static void
  row(float *out, const float *a, const float *b, const int64_t *aOffsets,
      const int64_t *bOffsets, int64_t count, int64_t n, int64_t step) {
    int64_t i = 0;
    auto at = [&](const float *p) { return p + (aVaries ? i : 0); };
    for (; i + 32 <= n; i += 32)
      block<32, aVaries>(out + i, at(a), b + i, aOffsets, bOffsets, count,
                         step);
    for (; i + 8 <= n; i += 8)
      block<8, aVaries>(out + i, at(a), b + i, aOffsets, bOffsets, count, step);
    for (; i < n; ++i)
      block<1, aVaries>(out + i, at(a), b + i, aOffsets, bOffsets, count, step);
  }
};
} // namespace

MPQ_CLONES void rows::accumulateSteps(float *out, const float *a,
                                      const float *b, const int64_t *aOffsets,
                                      const int64_t *bOffsets, int64_t count,
                                      int64_t n, bool aVaries, int64_t step) {
  if (aVaries)
    Flushed::row<true>(out, a, b, aOffsets, bOffsets, count, n, step);
  else
    Flushed::row<false>(out, a, b, aOffsets, bOffsets, count, n, step);
}

MPQ_CLONES void rows::fmaFlushed(float *out, const float *a, const float *b,
                                 const float *c, int n) {
  for (int i = 0; i < n; ++i) {
    float sum = c[i];
    Flushed::fma<1, false>(&sum, a + i, b + i);
    out[i] = sum;
  }
}

MPQ_CLONES void rows::addFlushed(float *out, const float *a, const float *b,
                                 int n) {
  for (int i = 0; i < n; ++i)
    out[i] = Flushed::flush(a[i] + b[i]);
}

MPQ_CLONES void rows::flush(float *values, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    values[i] = Flushed::flush(values[i]);
}

MPQ_CLONES void rows::accumulate(float *out, const float *a, const float *b,
                                 const int64_t *aOffsets,
                                 const int64_t *bOffsets, int64_t count,
                                 int64_t n, bool aVaries) {
  if (aVaries)
    ProductLoop::row<float, true>(out, a, b, aOffsets, bOffsets, count, n);
  else
    ProductLoop::row<float, false>(out, a, b, aOffsets, bOffsets, count, n);
}

MPQ_CLONES void rows::accumulate(int32_t *out, const int32_t *a,
                                 const int32_t *b, const int64_t *aOffsets,
                                 const int64_t *bOffsets, int64_t count,
                                 int64_t n, bool aVaries) {
  if (aVaries)
    ProductLoop::row<int32_t, true>(out, a, b, aOffsets, bOffsets, count, n);
  else
    ProductLoop::row<int32_t, false>(out, a, b, aOffsets, bOffsets, count, n);
}
