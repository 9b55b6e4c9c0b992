/*===- variants.c - which variant of an artifact runs ---===*\
|*
|* Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/
/*
 * The runtime of artifacts with descriptors made by hand, so that the answer
 * does not depend on the machine: features that every processor has and that
 * none has, and a system that refuses tile registers. One case for each
 * process: the choice of a process is for its life.
 */

#define _GNU_SOURCE /* setenv */

#include "mpq-runtime/artifact.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

long __wrap_syscall(long number, ...) {
  (void)number;
  return -1;
}

static void run(void *const *inputs, void *const *outputs, const void *weights,
                void *workspace, const mpq_context *context) {
  (void)inputs, (void)outputs, (void)workspace, (void)context;
  printf(" runs %s\n", (const char *)weights);
}

/* The highest leaf is at least 1; no number is above all others. */
static const mpq_cpu_feature kAny[] = {{"any", 0, 0, 0, ~0u, 1, 0}};
static const mpq_cpu_feature kNone[] = {{"first", 0, 0, 0, ~0u, ~0u, 0},
                                        {"any", 0, 0, 0, ~0u, 1, 0},
                                        {"second", 0, 0, 0, ~0u, ~0u, 0}};
static const mpq_cpu_feature kUnsaved[] = {
    {"states", 0, 0, 0, ~0u, 1, 1u << 31}};
static const mpq_cpu_feature kTiles[] = {{"tiles", 0, 0, 0, ~0u, 1, 3u << 17}};

#define VARIANT(name, features)                                                \
  {{sizeof(mpq_model_info), MPQ_RUNTIME_VERSION, "m", "", 64, 0, NULL, NULL,   \
    NULL, 0, 0, 0, NULL, name},                                                \
   run,                                                                        \
   name,                                                                       \
   features,                                                                   \
   sizeof features / sizeof *features}

static const mpq_variant kBoth[] = {VARIANT("best", kAny),
                                    VARIANT("good", kAny)};
static const mpq_variant kSecond[] = {VARIANT("best", kNone),
                                      VARIANT("good", kAny)};
static const mpq_variant kNeither[] = {VARIANT("best", kUnsaved),
                                       VARIANT("good", kNone)};
static const mpq_variant kRefused[] = {VARIANT("best", kTiles),
                                       VARIANT("good", kAny)};

static void report(void *reporter, int status, const char *message) {
  (void)reporter;
  printf(" %d %s", status, message);
}

static void tell(const char *what, const mpq_artifact *artifact) {
  const char *variant = mpq_get_variant(mpq_artifact_describe(artifact));
  printf("%s: is %s,", what, variant);
  mpq_options options;
  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.report = report;
  mpq_model *model = NULL;
  int status = mpq_artifact_create(artifact, &options, &model);
  if (status == MPQ_SUCCESS)
    mpq_artifact_run(model, NULL, NULL, NULL);
  else
    printf("\n");
  mpq_artifact_destroy(model);
}

int main(int argc, char **argv) {
  const struct {
    const char *name;
    mpq_artifact artifact;
  } cases[] = {{"both", {kBoth, 2}},       {"second", {kSecond, 2}},
               {"neither", {kNeither, 2}}, {"refused", {kRefused, 2}},
               {"one", {kBoth, 1}},        {"unable", {kSecond, 1}},
               {"tiles", {kRefused, 1}}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    if (argc < 2 || strcmp(argv[1], cases[i].name) != 0)
      continue;
    tell(cases[i].name, &cases[i].artifact);
    if (argc > 2) {
      setenv("MPQ_VARIANT", argv[2], 1);
      tell("later", &cases[i].artifact);
    }
  }
  return 0;
}
