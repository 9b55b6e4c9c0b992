//===- Rows.h - inner loops of the interpreter ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loops worth compiling for several instruction sets. All compute the same
// numbers: fma is exact wherever it runs.
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_LIB_REFERENCE_ROWS_H
#define MPQ_LIB_REFERENCE_ROWS_H

#include "mpq/Numerics/Formulas.h"

#include <cstdint>

namespace mpq::rows {

void exp(float *out, const float *x, int n);
void log(float *out, const float *x, int n);
void tanh(float *out, const float *x, int n);
void erf(float *out, const float *x, int n);
void rsqrt(float *out, const float *x, int n);
void floor(float *out, const float *x, int n);
void ceil(float *out, const float *x, int n);
void trunc(float *out, const float *x, int n);
void round(float *out, const float *x, int n);
void roundeven(float *out, const float *x, int n);
void pow(float *out, const float *x, const float *y, int n);
void powConstant(float *out, const float *x, float y, int n);
void fma(float *out, const float *a, const float *b, const float *c, int n);

void quantize(int64_t *out, const float *x, const float *scale,
              const int64_t *zeroPoint, const formulas::QuantizeForm &form,
              int n);
void dequantize(float *out, const int64_t *q, const float *scale,
                const int64_t *zeroPoint, int n);
void requantize(int64_t *out, const int64_t *accumulator,
                const float *multiplier, const int64_t *zeroPoint,
                const formulas::QuantizeForm &form, int n);

/// out[i] += sum over k ascending of a[aOffsets[k]] * b[bOffsets[k] + i]: by
/// fma, or wrapping. With `aVaries` the first factor is a[aOffsets[k] + i].
void accumulate(float *out, const float *a, const float *b,
                const int64_t *aOffsets, const int64_t *bOffsets, int64_t count,
                int64_t n, bool aVaries);
void accumulate(int32_t *out, const int32_t *a, const int32_t *b,
                const int64_t *aOffsets, const int64_t *bOffsets, int64_t count,
                int64_t n, bool aVaries);

/// N-H3: out[i] += sum over steps of so many elements k, as the matrix units
/// for bf16 add, whose factors are no subnormal numbers here.
void accumulateSteps(float *out, const float *a, const float *b,
                     const int64_t *aOffsets, const int64_t *bOffsets,
                     int64_t count, int64_t n, bool aVaries, int64_t step);
/// Its operations: subnormal results, after rounding, are zero.
void fmaFlushed(float *out, const float *a, const float *b, const float *c,
                int n);
void addFlushed(float *out, const float *a, const float *b, int n);
/// Numbers below the normal ones become zero.
void flush(float *values, int64_t n);

} // namespace mpq::rows

#endif // MPQ_LIB_REFERENCE_ROWS_H
