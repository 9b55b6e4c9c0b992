/*===- artifact.h - between emission and the code linked into artifacts ---===*\
|*
|* Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/
/*
 * Emission writes one constant `mpq_artifact` per model and the exported
 * functions mpq_<name>_*, which pass it to the functions below. These are
 * compiled once, carried inside libMPQ as bitcode, and become private to each
 * artifact. Callers of models do not include this header.
 */
#ifndef MPQ_RUNTIME_ARTIFACT_H
#define MPQ_RUNTIME_ARTIFACT_H

#include "mpq-runtime/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What a processor must tell of itself, and the system save, for a feature. */
typedef struct mpq_cpu_feature {
  const char *name; /**< LLVM's */
  uint32_t leaf;    /**< of CPUID */
  uint32_t subleaf;
  uint32_t output; /**< 0 to 3: eax, ebx, ecx, edx */
  uint32_t mask;   /**< of these bits of the output ... */
  uint32_t least;  /**< ... the least number; the mask itself: all of them */
  uint32_t states; /**< bits of XCR0 that must be set */
} mpq_cpu_feature;

/** The code for one machine. Laid out by lib/Target/Descriptor.cpp, as what
 *  follows: both change together. */
typedef struct mpq_variant {
  mpq_model_info info;
  mpq_main_fn main;
  const void *weights;
  const mpq_cpu_feature *features; /**< all that the code may use */
  uint64_t num_features;
} mpq_variant;

typedef struct mpq_artifact {
  const mpq_variant *variants; /**< one or more, the best first */
  uint64_t num_variants;
} mpq_artifact;

const mpq_model_info *mpq_artifact_describe(const mpq_artifact *artifact);
int mpq_artifact_create(const mpq_artifact *artifact,
                        const mpq_options *options, mpq_model **model);
int mpq_artifact_run(mpq_model *model, const mpq_tensor *inputs,
                     mpq_tensor *outputs, void *workspace);
void mpq_artifact_destroy(mpq_model *model);

#ifdef __cplusplus
}
#endif
#endif /* MPQ_RUNTIME_ARTIFACT_H */
