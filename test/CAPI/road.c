//===- road.c - the C interface from a model to numbers ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Imports, calibrates, quantizes, compiles and runs one model. argv: the model,
// a folder for files, how many times to load and destroy the result.
//
//===----------------------------------------------------------------------===//

#include "mpq-c/mpq.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void check(int status, const char *what) {
  if (status != MPQ_OK) {
    printf("%s: %d %s\n", what, status, mpq_last_error());
    exit(1);
  }
}

static void expect_error(int status, const char *what) {
  printf("%s: %d %s\n", what, status, status == MPQ_OK ? "" : mpq_last_error());
}

static uint64_t count_of(const mpq_tensor_info *info) {
  uint64_t count = 1;
  for (uint32_t d = 0; d < info->rank; ++d)
    count *= (uint64_t)info->dims[d];
  return count;
}

static void fill(float *data, uint64_t count, uint32_t seed) {
  for (uint64_t k = 0; k < count; ++k) {
    seed = seed * 1664525u + 1013904223u;
    data[k] = (float)(seed >> 8) / (1 << 23) - 1.0f;
  }
}

/* Samples: eight random arrays for the model's only input. */
struct samples {
  uint32_t given, wanted;
  int wrong_shape, nan;
  float *data;
  int64_t dims[8];
};

static int next_sample(void *user, const mpq_tensor_info *inputs,
                       uint32_t num_inputs, mpq_tensor *tensors) {
  struct samples *samples = user;
  if (num_inputs != 1 || samples->given == samples->wanted)
    return 0;
  uint64_t count = count_of(inputs);
  samples->data = realloc(samples->data, count * sizeof(float));
  fill(samples->data, count, ++samples->given);
  if (samples->nan)
    samples->data[1] = NAN;
  memcpy(samples->dims, inputs->dims, inputs->rank * sizeof(int64_t));
  samples->dims[0] += samples->wrong_shape;
  *tensors = (mpq_tensor){inputs->name, samples->data, samples->dims, MPQ_F32,
                          inputs->rank};
  return 1;
}

static int cancel_in_lower(void *user, const mpq_progress *progress) {
  (void)user;
  return strcmp(progress->phase, "lower") == 0;
}

static void print_warning(void *user, const char *text) {
  printf("%s: %s\n", (const char *)user, text);
}

static int count_phases(void *user, const mpq_progress *progress) {
  *(int *)user += progress->seconds >= 0;
  return 0;
}

/* Create, run, destroy, many times at once: the same numbers every time. */
struct cycle {
  const void *data;
  size_t size;
  const float *input, *expected;
  int cycles, failures;
};

static void run_once(mpq_program *program, const float *input, float *output) {
  const mpq_model_info *info = mpq_program_info(program);
  mpq_tensor in = {info->inputs->name, (void *)input, info->inputs->dims,
                   MPQ_F32, info->inputs->rank};
  mpq_tensor out = {NULL, output, info->outputs->dims, MPQ_F32,
                    info->outputs->rank};
  check(mpq_program_run(program, &in, &out), "run");
}

static int run_cycles(void *argument) {
  struct cycle *cycle = argument;
  for (int k = 0; k < cycle->cycles; ++k) {
    mpq_program *program;
    check(mpq_program_load_from_memory(cycle->data, cycle->size, 1 + k % 2,
                                       &program),
          "load");
    const mpq_tensor_info *result = mpq_program_info(program)->outputs;
    float *output = malloc(result->bytes);
    run_once(program, cycle->input, output);
    cycle->failures += memcmp(output, cycle->expected, result->bytes) != 0;
    free(output);
    mpq_program_destroy(program);
  }
  return 0;
}

static const mpq_option_info *find_option(const char *name) {
  for (uint32_t i = 0; i < mpq_num_options(); ++i)
    if (strcmp(mpq_get_option(i)->name, name) == 0)
      return mpq_get_option(i);
  exit(2);
}

int main(int argc, char **argv) {
  if (argc != 4)
    return 2;
  char profile[512], quantized[512];
  snprintf(profile, sizeof profile, "%s/profile.json", argv[2]);
  snprintf(quantized, sizeof quantized, "%s/none/q.mlirbc", argv[2]);
  mpq_compiler *compiler = mpq_compiler_create();
  mpq_source model = {argv[1], NULL, 0};

  printf("version %s, target's default is %s\n", mpq_version(),
         find_option("target")->default_value);

  struct samples samples = {0};
  samples.wanted = 8;
  check(
      mpq_calibrate(compiler, &model, next_sample, &samples, NULL, 0, profile),
      "calibrate");

  /* Quantize to memory, compile from memory. */
  mpq_setting quantize[] = {
      {"precision", "int8"}, {"profile", profile}, {"to", "quantize"}};
  mpq_blob *bytecode, *library;
  int phases = 0;
  mpq_compiler_set_progress(compiler, count_phases, &phases);
  check(mpq_compile_to_memory(compiler, &model, quantize, COUNT(quantize),
                              &bytecode, NULL),
        "quantize");
  printf("%d phases to quantize\n", phases);
  mpq_source module = {"q.mlirbc", mpq_blob_data(bytecode),
                       mpq_blob_size(bytecode)};
  mpq_summary summary;
  check(mpq_compile_to_memory(compiler, &module, NULL, 0, &library, &summary),
        "compile");
  printf("integers: %d, floats: %lld, weights: %d\n", summary.integer_macs > 0,
         (long long)summary.float_macs, summary.weights_bytes > 0);

  mpq_program *program;
  check(mpq_program_load_from_memory(mpq_blob_data(library),
                                     mpq_blob_size(library), 1, &program),
        "load");
  const mpq_model_info *info = mpq_program_info(program);
  uint64_t size = count_of(info->outputs);
  float *input = malloc(info->inputs->bytes);
  float *output = malloc(info->outputs->bytes);
  fill(input, count_of(info->inputs), 100);
  run_once(program, input, output);

  /* What is asked for but changes nothing. */
  mpq_setting idle[] = {
      {"precision", "bf16"}, {"profile", profile}, {"to", "quantize"}};
  mpq_blob *half;
  mpq_compiler_set_warnings(compiler, print_warning, "warning");
  check(mpq_compile_to_memory(compiler, &model, idle, COUNT(idle), &half, NULL),
        "compile factors of 16 bits");
  mpq_compiler_set_warnings(compiler, NULL, NULL);
  mpq_blob_destroy(half);

  /* Against the model in float. */
  mpq_blob *float_library;
  mpq_program *float_program;
  check(mpq_compile_to_memory(compiler, &model, NULL, 0, &float_library, NULL),
        "compile in float");
  check(mpq_program_load_from_memory(mpq_blob_data(float_library),
                                     mpq_blob_size(float_library), 2,
                                     &float_program),
        "load in float");
  float *reference = malloc(info->outputs->bytes);
  run_once(float_program, input, reference);
  double error = 0, norm = 0;
  for (uint64_t k = 0; k < size; ++k) {
    error += pow(output[k] - reference[k], 2);
    norm += pow(reference[k], 2);
  }
  printf("error: %s\n",
         error > 0 && sqrt(error / norm) < 0.05 ? "small" : "wrong");

  mpq_blob *times;
  mpq_tensor in = {NULL, input, info->inputs->dims, MPQ_F32,
                   info->inputs->rank};
  mpq_tensor out = {NULL, output, info->outputs->dims, MPQ_F32,
                    info->outputs->rank};
  check(mpq_program_profile(program, &in, &out, 3, MPQ_PROFILE_TIMES, &times),
        "profile");
  printf("%.26s\n", (const char *)mpq_blob_data(times));

  /* Load, run, destroy from four threads. */
  thrd_t threads[4];
  struct cycle cycles[4];
  for (int t = 0; t < 4; ++t) {
    cycles[t] = (struct cycle){mpq_blob_data(library),
                               mpq_blob_size(library),
                               input,
                               output,
                               atoi(argv[3]) / 4,
                               0};
    thrd_create(&threads[t], run_cycles, &cycles[t]);
  }
  int failures = 0;
  for (int t = 0; t < 4; ++t) {
    thrd_join(threads[t], NULL);
    failures += cycles[t].failures;
  }
  printf("cycles that differ: %d\n", failures);

  /* Errors. */
  mpq_setting misspelt[] = {{"targt", "host"}};
  expect_error(mpq_compile(compiler, &model, misspelt, 1, "x.so", NULL),
               "option");
  mpq_setting value[] = {{"precision", "in8"}};
  expect_error(mpq_compile(compiler, &model, value, 1, "x.so", NULL), "value");
  mpq_setting to_quantize[] = {{"to", "quantize"}};
  expect_error(mpq_compile(compiler, &model, to_quantize, 1, quantized, NULL),
               "output");
  mpq_source broken = {"broken.onnx", "no model", 8};
  expect_error(mpq_compile(compiler, &broken, NULL, 0, "x.so", NULL), "model");
  samples.given = 0;
  samples.wrong_shape = 1;
  expect_error(
      mpq_calibrate(compiler, &model, next_sample, &samples, NULL, 0, profile),
      "shape");
  samples = (struct samples){0, 8, 0, 1, samples.data, {0}};
  expect_error(
      mpq_calibrate(compiler, &model, next_sample, &samples, NULL, 0, profile),
      "nan");
  samples.given = samples.wanted = 0;
  expect_error(
      mpq_calibrate(compiler, &model, next_sample, &samples, NULL, 0, profile),
      "none");
  mpq_compiler_set_progress(compiler, cancel_in_lower, NULL);
  snprintf(quantized, sizeof quantized, "%s/cancelled.so", argv[2]);
  expect_error(mpq_compile(compiler, &model, NULL, 0, quantized, NULL),
               "cancel");
  mpq_program *nothing;
  expect_error(mpq_program_load("nothing.so", 1, &nothing), "library");
  out.dtype = MPQ_I8;
  expect_error(mpq_program_run(float_program, &in, &out), "dtype");

  mpq_blob_destroy(times);
  free(samples.data);
  free(input);
  free(output);
  free(reference);
  mpq_blob_destroy(bytecode);
  mpq_blob_destroy(library);
  mpq_blob_destroy(float_library);
  mpq_program_destroy(program);
  mpq_program_destroy(float_program);
  mpq_compiler_destroy(compiler);
  return 0;
}
