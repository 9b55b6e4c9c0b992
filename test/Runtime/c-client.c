/*===- c-client.c - a C program that uses a compiled model ---===*\
|*
|* Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/
/*
 * Knows no MLIR, LLVM or Python: the generated header, the model and libc.
 * Exercises every error code that a caller can cause.
 */

#include "scale.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures = 0;
static char lastMessage[512];

static void report(void *reporter, int status, const char *message) {
  *(int *)reporter = status;
  strncpy(lastMessage, message, sizeof lastMessage - 1);
}

static void expect(const char *what, int got, int expected) {
  printf("%s: %d %s\n", what, got, lastMessage);
  lastMessage[0] = 0;
  if (got != expected) {
    printf("FAILED: expected %d\n", expected);
    ++failures;
  }
}

/* Ranges may arrive in any order. */
static int parallelCalls = 0;
static void backwards(void *pool, int64_t n, mpq_range_fn fn, void *arg) {
  parallelCalls += *(int *)pool;
  for (int64_t end = n; end > 0; end -= 5)
    fn(arg, end > 5 ? end - 5 : 0, end);
}

static void profile(void *profiler, int64_t kernel, int32_t begin) {
  int *calls = profiler;
  calls[begin ? 0 : 1] += kernel == 0;
}

int main(void) {
  const mpq_model_info *info = mpq_scale_describe();
  printf("%s: %u input '%s', %u output '%s', %llu + %llu bytes, kernel '%s'\n",
         info->name, info->num_inputs, info->inputs[0].name, info->num_outputs,
         info->outputs[0].name, (unsigned long long)info->workspace_bytes,
         (unsigned long long)info->weights_bytes, info->kernels[0]);

  int reported = 0, pool = 1, profiled[2] = {0, 0};
  mpq_options options;
  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.report = report;
  options.reporter = &reported;
  options.parallel_for = backwards;
  options.pool = &pool;
  options.profile = profile;
  options.profiler = profiled;
  mpq_model *model = NULL;
  expect("create", mpq_scale_create(&options, &model), MPQ_SUCCESS);

  float x[16], y[16];
  const int64_t dims[2] = {2, 8}, wrong[2] = {8, 2};
  for (int i = 0; i < 16; ++i)
    x[i] = (float)(i - 3);
  const mpq_tensor in = {"x", x, dims, MPQ_F32, 2};
  mpq_tensor out = {"y", y, dims, MPQ_F32, 2};
  expect("run", mpq_scale_run(model, &in, &out, NULL), MPQ_SUCCESS);
  for (int i = 0; i < 16; ++i)
    if (y[i] != x[i] * ((float)i * 0.5f - 2.0f))
      expect("value", i, -1);
  if (parallelCalls != 1 || profiled[0] != 1 || profiled[1] != 1)
    expect("hooks", parallelCalls, -1);

  mpq_tensor bad = in;
  bad.name = "z";
  expect("name", mpq_scale_run(model, &bad, &out, NULL), MPQ_ERROR_NAME);
  bad = in;
  bad.name = NULL;
  expect("no name", mpq_scale_run(model, &bad, &out, NULL), MPQ_SUCCESS);
  bad.dtype = MPQ_I8;
  expect("dtype", mpq_scale_run(model, &bad, &out, NULL), MPQ_ERROR_DTYPE);
  bad = in;
  bad.dims = wrong;
  expect("shape", mpq_scale_run(model, &bad, &out, NULL), MPQ_ERROR_SHAPE);
  bad.dims = dims;
  bad.rank = 1;
  expect("rank", mpq_scale_run(model, &bad, &out, NULL), MPQ_ERROR_SHAPE);
  bad.rank = 2;
  bad.dims = NULL;
  expect("no dims", mpq_scale_run(model, &bad, &out, NULL), MPQ_ERROR_NULL);
  bad = in;
  bad.data = NULL;
  expect("no data", mpq_scale_run(model, &bad, &out, NULL), MPQ_ERROR_NULL);
  bad.data = (char *)x + 1;
  expect("unaligned", mpq_scale_run(model, &bad, &out, NULL),
         MPQ_ERROR_ALIGNMENT);
  mpq_tensor badOut = out;
  badOut.dims = wrong;
  expect("output", mpq_scale_run(model, &in, &badOut, NULL), MPQ_ERROR_SHAPE);
  expect("no inputs", mpq_scale_run(model, NULL, &out, NULL), MPQ_ERROR_NULL);
  expect("no outputs", mpq_scale_run(model, &in, NULL, NULL), MPQ_ERROR_NULL);
  expect("no model", mpq_scale_run(NULL, &in, &out, NULL), MPQ_ERROR_NULL);

  char *workspace =
      aligned_alloc(MPQ_WORKSPACE_ALIGNMENT, info->workspace_bytes + 64);
  memset(y, 0, sizeof y);
  expect("own workspace", mpq_scale_run(model, &in, &out, workspace),
         MPQ_SUCCESS);
  if (y[0] != 6.0f)
    expect("value", 0, -1);
  expect("unaligned workspace", mpq_scale_run(model, &in, &out, workspace + 8),
         MPQ_ERROR_ALIGNMENT);

  mpq_model *bare = NULL;
  options.caller_workspace = 1;
  expect("create", mpq_scale_create(&options, &bare), MPQ_SUCCESS);
  expect("no workspace", mpq_scale_run(bare, &in, &out, NULL),
         MPQ_ERROR_WORKSPACE);
  expect("workspace", mpq_scale_run(bare, &in, &out, workspace), MPQ_SUCCESS);
  mpq_scale_destroy(bare);
  mpq_scale_destroy(NULL);

  expect("no place", mpq_scale_create(&options, NULL), MPQ_ERROR_NULL);
  options.size = 0;
  expect("no size", mpq_scale_create(&options, &bare), MPQ_ERROR_VERSION);
  options.size = sizeof options + 8;
  expect("newer options", mpq_scale_create(&options, &bare), MPQ_ERROR_VERSION);
  expect("defaults", mpq_scale_create(NULL, &bare), MPQ_SUCCESS);
  expect("run", mpq_scale_run(bare, &in, &out, NULL), MPQ_SUCCESS);
  mpq_scale_destroy(bare);
  mpq_scale_destroy(model);
  free(workspace);
  printf("%s\n", failures ? "FAILED" : "done");
  return failures != 0;
}
