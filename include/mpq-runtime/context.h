/*===- context.h - what generated code sees of its caller ---===*\
|*
|* Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/
/*
 * The compiled main function of a model is
 *
 *   void <model>_main(void *const *inputs, void *const *outputs,
 *                     const void *weights, void *workspace,
 *                     const mpq_context *context);
 *
 * Everything it needs from outside comes through the context, so that an
 * artifact has no global state and links against nothing. Code generation
 * reads the members at the offsets this struct has: a new member goes to the
 * end, and none is ever removed.
 */
#ifndef MPQ_RUNTIME_CONTEXT_H
#define MPQ_RUNTIME_CONTEXT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Computes the work items [begin, end) of one kernel. */
typedef void (*mpq_range_fn)(void *arg, int64_t begin, int64_t end);

/** Splits [0, n) into ranges, calls fn on each, and returns when all are done.
 *  Ranges may run at once on several threads and in any order. */
typedef void (*mpq_parallel_for_fn)(void *pool, int64_t n, mpq_range_fn fn,
                                    void *arg);

/** Called on the calling thread before (begin = 1) and after (begin = 0) the
 *  kernel call with index `kernel` in the model's list of kernels. */
typedef void (*mpq_profile_fn)(void *profiler, int64_t kernel, int32_t begin);

/** Receives the `count` values of observer `index` of an instrumented model. */
typedef void (*mpq_observe_fn)(void *observer, int64_t index, const float *data,
                               int64_t count);

/** Bytes of stack that a call of the main function, or of a range, takes at
 *  most: what its thread must have left. */
#define MPQ_STACK_BYTES (1 << 20)

typedef struct mpq_context {
  mpq_parallel_for_fn parallel_for; /**< offset 0; never NULL */
  void *pool;                       /**< offset 8 */
  mpq_profile_fn profile;           /**< offset 16; NULL: do not profile */
  void *profiler;                   /**< offset 24 */
  mpq_observe_fn observe;           /**< offset 32; NULL: do not observe */
  void *observer;                   /**< offset 40 */
} mpq_context;

/** The signature of `<model>_main`. */
typedef void (*mpq_main_fn)(void *const *inputs, void *const *outputs,
                            const void *weights, void *workspace,
                            const mpq_context *context);

#ifdef __cplusplus
}
#endif
#endif /* MPQ_RUNTIME_CONTEXT_H */
