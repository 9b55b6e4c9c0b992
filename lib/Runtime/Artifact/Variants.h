/*===- Variants.h - the variant of a model that runs in a process ---===*\
|*
|* Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/
#ifndef MPQ_LIB_RUNTIME_ARTIFACT_VARIANTS_H
#define MPQ_LIB_RUNTIME_ARTIFACT_VARIANTS_H

#include "mpq-runtime/artifact.h"

/* The first variant that this machine can run, or the one that the environment
 * variable MPQ_VARIANT names if there are several. It stays the same for the
 * life of the process, whatever thread asks. Otherwise an mpq_status, whose
 * text goes to message (may be NULL if size is 0). */
int mpq_variant_choose(const mpq_artifact *artifact,
                       const mpq_variant **variant, char *message, size_t size);

#endif /* MPQ_LIB_RUNTIME_ARTIFACT_VARIANTS_H */
