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

/** Laid out by lib/Target/Descriptor.cpp: both change together. */
typedef struct mpq_artifact {
  mpq_model_info info;
  mpq_main_fn main;
  const void *weights;
} mpq_artifact;

int mpq_artifact_create(const mpq_artifact *artifact,
                        const mpq_options *options, mpq_model **model);
int mpq_artifact_run(mpq_model *model, const mpq_tensor *inputs,
                     mpq_tensor *outputs, void *workspace);
void mpq_artifact_destroy(mpq_model *model);

#ifdef __cplusplus
}
#endif
#endif /* MPQ_RUNTIME_ARTIFACT_H */
