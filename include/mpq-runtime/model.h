/*===- model.h - the C interface of a compiled model ---===*\
|*
|* Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/
/*
 * A model compiled under the name N exports four functions and nothing else:
 *
 *   const mpq_model_info *mpq_N_describe(void);
 *   int  mpq_N_create(const mpq_options *options, mpq_model **model);
 *   int  mpq_N_run(mpq_model *model, const mpq_tensor *inputs,
 *                  mpq_tensor *outputs, void *workspace);
 *   void mpq_N_destroy(mpq_model *model);
 *
 * There is no global state: one model may run on several threads at once,
 * each with its own workspace, and several models may live in one process.
 * Only which of its variants an artifact runs is decided once in a process,
 * when it is first described or created. Every function returns MPQ_SUCCESS or
 * an error code; the text of an error goes to the report hook of the options.
 * This header needs C99 and libc only.
 */
#ifndef MPQ_RUNTIME_MODEL_H
#define MPQ_RUNTIME_MODEL_H

#include "mpq-runtime/context.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The version of this interface; `mpq_model_info` carries the artifact's. */
#define MPQ_RUNTIME_VERSION 1

/** What a workspace must be aligned to. */
#define MPQ_WORKSPACE_ALIGNMENT 64

typedef enum mpq_status {
  MPQ_SUCCESS = 0,
  MPQ_ERROR_NULL = 1,      /**< a pointer that must not be NULL is */
  MPQ_ERROR_VERSION = 2,   /**< options of another version of this header */
  MPQ_ERROR_NAME = 3,      /**< a tensor of another name */
  MPQ_ERROR_DTYPE = 4,     /**< a tensor of another element type */
  MPQ_ERROR_SHAPE = 5,     /**< a tensor of another shape */
  MPQ_ERROR_ALIGNMENT = 6, /**< data or workspace not aligned */
  MPQ_ERROR_WORKSPACE = 7, /**< no workspace given, none made by create */
  MPQ_ERROR_BUSY = 8,      /**< the model's own workspace is in use */
  MPQ_ERROR_MEMORY = 9,    /**< out of memory */
  MPQ_ERROR_MACHINE = 10,  /**< the machine cannot run the code */
  MPQ_ERROR_VARIANT = 11   /**< MPQ_VARIANT names none of the variants */
} mpq_status;

typedef enum mpq_dtype {
  MPQ_BOOL = 1, /**< one byte, 0 or 1 */
  MPQ_I8 = 2,
  MPQ_U8 = 3,
  MPQ_I16 = 4,
  MPQ_U16 = 5,
  MPQ_I32 = 6,
  MPQ_U32 = 7,
  MPQ_I64 = 8,
  MPQ_U64 = 9,
  MPQ_F16 = 10,
  MPQ_BF16 = 11,
  MPQ_F32 = 12,
  MPQ_F64 = 13
} mpq_dtype;

/** A dense row-major tensor in memory of the caller. */
typedef struct mpq_tensor {
  const char *name;    /**< checked against the model's, or NULL */
  void *data;          /**< aligned to its element type; inputs are only read */
  const int64_t *dims; /**< `rank` sizes; may be NULL if rank is 0 */
  uint32_t dtype;      /**< an mpq_dtype */
  uint32_t rank;
} mpq_tensor;

/** What a model expects as an input or output. */
typedef struct mpq_tensor_info {
  const char *name;
  const int64_t *dims;
  uint32_t dtype; /**< an mpq_dtype */
  uint32_t rank;
  uint64_t bytes; /**< of the dense data */
} mpq_tensor_info;

/** What one call of a kernel does: divided by what a machine can do it gives
 *  the time that the call takes at least. */
typedef struct mpq_kernel_work {
  int64_t integer_macs; /**< multiply-accumulates of 8-bit integers */
  int64_t float_macs;
  int64_t bytes_read;    /**< of the operands, weights included */
  int64_t bytes_written; /**< of the result */
} mpq_kernel_work;

typedef struct mpq_model_info {
  uint32_t size;    /**< of this struct: members are only ever added */
  uint32_t version; /**< MPQ_RUNTIME_VERSION of the compiler */
  const char *name;
  const char *target; /**< LLVM triple, CPU and features, separated by spaces */
  uint64_t workspace_bytes;
  uint64_t weights_bytes;
  const mpq_tensor_info *inputs;
  const mpq_tensor_info *outputs;
  const char *const *kernels; /**< what the profile hook's index means */
  uint32_t num_inputs;
  uint32_t num_outputs;
  uint32_t num_kernels;
  const mpq_kernel_work *kernel_work; /**< one for each kernel, or NULL */
  const char *variant;                /**< see mpq_get_variant */
} mpq_model_info;

/** Of an artifact with code for several machines, the name of the target whose
 *  code runs in this process. NULL if there is only one. */
static inline const char *mpq_get_variant(const mpq_model_info *info) {
  /* Older artifacts have a smaller struct. */
  return info->size >= offsetof(mpq_model_info, variant) + sizeof(char *)
             ? info->variant
             : NULL;
}

/** Receives the text of an error before the function that failed returns. The
 *  text does not outlive the call. */
typedef void (*mpq_report_fn)(void *reporter, int status, const char *message);

/** Zero-initialize, set `size` and what is wanted. */
typedef struct mpq_options {
  uint32_t size; /**< sizeof(mpq_options) */
  /** Non-zero: every run brings its workspace, create allocates none. */
  uint32_t caller_workspace;
  /** NULL: run on the calling thread. */
  mpq_parallel_for_fn parallel_for;
  void *pool;
  mpq_profile_fn profile; /**< or NULL */
  void *profiler;
  mpq_report_fn report; /**< or NULL */
  void *reporter;
} mpq_options;

typedef struct mpq_model mpq_model;

/** The types of the four functions, for callers that load an artifact. */
typedef const mpq_model_info *(*mpq_describe_fn)(void);
typedef int (*mpq_create_fn)(const mpq_options *options, mpq_model **model);
typedef int (*mpq_run_fn)(mpq_model *model, const mpq_tensor *inputs,
                          mpq_tensor *outputs, void *workspace);
typedef void (*mpq_destroy_fn)(mpq_model *model);

#ifdef __cplusplus
}
#endif
#endif /* MPQ_RUNTIME_MODEL_H */
