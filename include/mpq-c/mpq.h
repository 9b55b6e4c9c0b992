/*===- mpq.h - the C interface of the compiler ---===*\
|*
|* Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/
/*
 * Import, calibrate, quantize, compile, run: what the tools do, in one process.
 * Settings have the names, values and defaults of quant-compile's flags.
 *
 * Functions that return int answer MPQ_OK or an error code; the text of the
 * last error of a thread is in mpq_last_error. What a function named
 * ..._create, ..._load or ..._to_memory hands out belongs to the caller, who
 * gives it back to the function named ..._destroy; everything else that is
 * returned belongs to the object it was asked from and lives as long. Strings
 * are UTF-8. Pointers must not be NULL unless a comment allows it.
 */
#ifndef MPQ_C_MPQ_H
#define MPQ_C_MPQ_H

#include "mpq-runtime/model.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
  MPQ_OK = 0,
  MPQ_FAILED = 100,   /**< the text says what was wrong */
  MPQ_CANCELLED = 101 /**< the caller asked to stop; nothing was written */
};

/** "0.1.0". */
const char *mpq_version(void);

/** What was wrong in the last call of this thread that failed, with the ONNX
 *  node where there is one; "" before any. Valid until its next call. */
const char *mpq_last_error(void);

/*===--- Options ---------------------------------------------------------===*/

/** One option of the compiler. */
typedef struct mpq_option_info {
  const char *name; /**< in kebab-case */
  /** "text", "file", "folder", "choice", "choices" (one or several, separated
   *  by commas), or "shapes" (input=1x3x48x320, any number of times, each for
   *  another input) */
  const char *kind;
  const char *description;
  const char *default_value;  /**< "" where it depends on other options */
  const char *const *choices; /**< of a choice or choices */
  uint32_t num_choices;
} mpq_option_info;

uint32_t mpq_num_options(void);
/** The option at `index`, or NULL behind the last. */
const mpq_option_info *mpq_get_option(uint32_t index);

/** A value for an option. */
typedef struct mpq_setting {
  const char *name;
  const char *value;
} mpq_setting;

/*===--- Compiling -------------------------------------------------------===*/

/** A compiler. One thread at a time may use it; several may exist. */
typedef struct mpq_compiler mpq_compiler;

/** NULL if memory is out. */
mpq_compiler *mpq_compiler_create(void);
void mpq_compiler_destroy(mpq_compiler *compiler);

/** What a progress function is told: a phase that is done, or a sample. */
typedef struct mpq_progress {
  const char *phase; /**< "calibrate" for samples */
  double seconds;    /**< what the phase took; below 0: it goes on */
  uint64_t samples_done;
  uint64_t samples_total; /**< 0: unknown */
} mpq_progress;

/** Non-zero cancels the call that reports. */
typedef int (*mpq_progress_fn)(void *user, const mpq_progress *progress);

/** `progress` may be NULL: none. */
void mpq_compiler_set_progress(mpq_compiler *compiler, mpq_progress_fn progress,
                               void *user);

/** Told what was asked for but changes nothing, one sentence each, at the end
 *  of a call that succeeds. */
typedef void (*mpq_warning_fn)(void *user, const char *text);

/** `warning` may be NULL: none. */
void mpq_compiler_set_warnings(mpq_compiler *compiler, mpq_warning_fn warning,
                               void *user);

/** Ends the call that `compiler` is in with MPQ_CANCELLED: behind the sample,
 *  pass or function of code that it is at, which takes a small part of a phase.
 *  Has no effect on later calls. From any thread, and from signal handlers. */
void mpq_compiler_cancel(mpq_compiler *compiler);

/** A model: a file, or bytes with a name that says what they are (.onnx, .mlir
 *  or .mlirbc). */
typedef struct mpq_source {
  const char *name;
  const void *data; /**< NULL: `name` is a file */
  size_t size;
} mpq_source;

/** Bytes that the compiler made. */
typedef struct mpq_blob mpq_blob;
const void *mpq_blob_data(const mpq_blob *blob);
size_t mpq_blob_size(const mpq_blob *blob);
void mpq_blob_destroy(mpq_blob *blob);

/** The closing table of a compilation; -1: not known, because the phase that
 *  counts did not run. */
typedef struct mpq_summary {
  int64_t integer_macs, float_macs; /**< multiply-accumulates of products */
  int64_t code_bytes, constants_bytes, weights_bytes, workspace_bytes;
  int64_t live_bytes; /**< the least that a workspace can have */
} mpq_summary;

/** Compiles to the file `path`, with a C header beside machine code. The file
 *  appears complete or not at all. `summary` may be NULL. */
int mpq_compile(mpq_compiler *compiler, const mpq_source *source,
                const mpq_setting *settings, size_t num_settings,
                const char *path, mpq_summary *summary);
/** As mpq_compile, into `*result`. */
int mpq_compile_to_memory(mpq_compiler *compiler, const mpq_source *source,
                          const mpq_setting *settings, size_t num_settings,
                          mpq_blob **result, mpq_summary *summary);

/** Gives one sample: fills `tensors`, one for each of `inputs` in their order.
 *  The data stay valid until the next call or the end. Returns 1, or 0 after
 *  the last sample, or -1 to cancel. */
typedef int (*mpq_sample_fn)(void *user, const mpq_tensor_info *inputs,
                             uint32_t num_inputs, mpq_tensor *tensors);

/** Runs the model on samples and writes their profile to the file `path`. Of
 *  the settings those for import and prepare have an effect. */
int mpq_calibrate(mpq_compiler *compiler, const mpq_source *source,
                  mpq_sample_fn next, void *user, const mpq_setting *settings,
                  size_t num_settings, const char *path);

/** Writes the profile of all samples of profiles of one model: exactly what a
 *  calibration with all of them writes, whatever their order. */
int mpq_merge_profiles(const char *const *paths, size_t num_paths,
                       const char *output);

/*===--- Simulation ------------------------------------------------------===*/

/** A model in float of which single products can be rounded as in a quantized
 *  model, without compiling anew. One thread at a time may use it. */
typedef struct mpq_simulation mpq_simulation;

/** A product whose precision can be chosen. */
typedef struct mpq_simulated_product {
  const char *id;   /**< of its result, as in recipes */
  const char *kind; /**< what recipes call it: "conv", "depthwise", "matmul" */
  int64_t macs;     /**< multiply-accumulates */
  int64_t weights;  /**< elements; 0: a product of two activations */
  const char *const *precisions; /**< as in recipes, "f32" first */
  uint32_t num_precisions;
  const int64_t *weight_dims; /**< of constant weights, else none */
  uint32_t weight_rank;
  const int64_t *channel_dims; /**< of the weights: their output channels */
  uint32_t num_channel_dims;
  uint32_t has_original_weights; /**< 0: f32 stands for the rounded ones */
} mpq_simulated_product;

/** A value that is rounded to scale * (integer - zero_point). */
typedef struct mpq_simulated_value {
  const char *id; /**< several may have one name */
  float scale;
  int64_t zero_point, lowest, highest; /**< integers */
  uint32_t is_read;                    /**< 1: by a product */
} mpq_simulated_value;

/** What there is to know of weights that are rounded to 8 bits. */
typedef enum {
  MPQ_WEIGHTS_ORIGINAL = 0,
  MPQ_WEIGHTS_ROUNDED = 1,
  MPQ_WEIGHTS_SCALES = 2
} mpq_weights_part;

/** Compiles a simulation. `settings` are those of mpq_compile, with a profile;
 *  products that they leave in float do not appear. The compiler outlives it.
 *  A model in QDQ form has its own numbers and takes no profile; `original`
 *  (or NULL) is the float model that it was made from, which has the weights
 *  before they were rounded. `precisions` are those that will be asked for
 *  beside f32 and int8, as recipes name them; others take their time to fit.
 */
int mpq_simulation_create(mpq_compiler *compiler, const mpq_source *source,
                          const mpq_source *original,
                          const mpq_setting *settings, size_t num_settings,
                          const char *const *precisions, size_t num_precisions,
                          mpq_simulation **simulation);
void mpq_simulation_destroy(mpq_simulation *simulation);

const mpq_simulated_product *
mpq_simulation_products(const mpq_simulation *simulation, uint32_t *count);
const mpq_tensor_info *mpq_simulation_inputs(const mpq_simulation *simulation,
                                             uint32_t *count);
const mpq_tensor_info *mpq_simulation_outputs(const mpq_simulation *simulation,
                                              uint32_t *count);

/** All products begin with "f32". Products that share weights, as the steps of
 *  a sequence, share those that were chosen last. */
int mpq_simulation_set_precision(mpq_simulation *simulation, uint32_t product,
                                 const char *precision);

/** All values are as they are in float, until a product that reads one (or, if
 *  none reads it, any product) is computed in integers. */
const mpq_simulated_value *
mpq_simulation_values(const mpq_simulation *simulation, uint32_t *count);

/** A value is rounded, whatever precisions say that were set before. */
int mpq_simulation_set_rounding(mpq_simulation *simulation, uint32_t value);
/** It is not, but stays within limits (infinite ones: as it is). */
int mpq_simulation_set_limits(mpq_simulation *simulation, uint32_t value,
                              float low, float high);

/** A number for each constant weight of a product, dense and row-major. */
int mpq_simulation_read_weights(const mpq_simulation *simulation,
                                uint32_t product, mpq_weights_part part,
                                float *numbers);

/** As mpq_program_run, on the calling thread; several may run samples at once
 *  as long as none sets anything.
 */
int mpq_simulation_run(mpq_simulation *simulation, const mpq_tensor *inputs,
                       mpq_tensor *outputs);

/*===--- Running ---------------------------------------------------------===*/

/** A compiled model in this process. Any number of threads may run it at once:
 *  each run takes a workspace of its own. */
typedef struct mpq_program mpq_program;

/** Loads a shared library that the compiler wrote. `threads` compute (0: one
 *  for each processor). */
int mpq_program_load(const char *path, uint32_t threads, mpq_program **program);
/** As mpq_program_load, from the bytes of one. */
int mpq_program_load_from_memory(const void *data, size_t size,
                                 uint32_t threads, mpq_program **program);
void mpq_program_destroy(mpq_program *program);

/** Names, types and shapes of inputs and outputs, names of kernels. */
const mpq_model_info *mpq_program_info(const mpq_program *program);

/** Computes `outputs` (as many as the model has, in its order, the memory given
 *  by the caller) from `inputs` (likewise). */
int mpq_program_run(mpq_program *program, const mpq_tensor *inputs,
                    mpq_tensor *outputs);

/** What mpq_program_profile tells. */
typedef enum mpq_profile_kind {
  /** JSON: time, work and floor of each kernel (docs/Profiling.md) */
  MPQ_PROFILE_TIMES = 0,
  /** the calls as a trace for chrome://tracing and Perfetto */
  MPQ_PROFILE_TRACE = 1
} mpq_profile_kind;

/** Runs the model `runs` times after a warm-up and tells of its kernels, as
 *  quant-run does with --profile-json or --trace. */
int mpq_program_profile(mpq_program *program, const mpq_tensor *inputs,
                        mpq_tensor *outputs, uint32_t runs,
                        mpq_profile_kind kind, mpq_blob **profile);

#ifdef __cplusplus
}
#endif
#endif /* MPQ_C_MPQ_H */
