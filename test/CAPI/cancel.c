//===- cancel.c - stopping the compiler from C ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Cancels compilations and calibrations at their borders and in their midst,
// and looks at what is left: no file, a usable compiler, little time lost.
// argv: the model, an empty folder, the least part of a long phase that a
// cancellation must save (0: all the rest is tried, without a look at times).
//
//===----------------------------------------------------------------------===//

#include "mpq-c/mpq.h"

#include <dirent.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <time.h>

static char library[512], profile[512];
static const char *folder;
static mpq_compiler *compiler;
static mpq_source model;
static int failures;

static void expect(int holds, const char *what, int status) {
  if (holds)
    return;
  ++failures;
  printf("wrong: %s: status %d, %s\n", what, status, mpq_last_error());
}

static double now(void) {
  struct timespec time;
  timespec_get(&time, TIME_UTC);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* How many files the folder has; takes them away. */
static int take_files(void) {
  int count = 0;
  DIR *list = opendir(folder);
  for (struct dirent *entry; (entry = readdir(list));) {
    if (entry->d_name[0] == '.')
      continue;
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    remove(path);
    ++count;
  }
  closedir(list);
  return count;
}

static int compile(void) {
  return mpq_compile(compiler, &model, NULL, 0, library, NULL);
}

/* What a cancelled call must leave. */
static void expect_cancelled(int status, const char *what) {
  const char *text = mpq_last_error();
  expect(status == MPQ_CANCELLED, what, status);
  expect(strstr(text, "was cancelled") && !strchr(text, '\n'), what, status);
  expect(take_files() == 0, "nothing is written", status);
}

/*===--- At the end of a phase -------------------------------------------===*/

enum way { BY_RESULT, BY_CALL };

struct border {
  int reports, cancel_at;
  enum way way;
};

static int cancel_at_border(void *user, const mpq_progress *progress) {
  struct border *border = user;
  (void)progress;
  if (border->reports++ != border->cancel_at)
    return 0;
  if (border->way == BY_RESULT)
    return 1;
  mpq_compiler_cancel(compiler);
  return 0;
}

static int cancel_at_borders(void) {
  struct border border = {0, -1, BY_RESULT};
  mpq_compiler_set_progress(compiler, cancel_at_border, &border);
  int status = compile();
  expect(status == MPQ_OK, "without cancelling", status);
  expect(take_files() == 2, "a library and its header", status);
  int phases = border.reports;
  /* The last report comes when all is done. */
  for (int at = 0; at < phases - 1; ++at) {
    for (enum way way = BY_RESULT; way <= BY_CALL; ++way) {
      border = (struct border){0, at, way};
      expect_cancelled(compile(), "at a border");
      expect(border.reports == at + 1, "no phase begins", border.reports);
    }
  }
  mpq_compiler_set_progress(compiler, NULL, NULL);
  return phases;
}

/*===--- In the midst of a phase, from another thread --------------------===*/

/* Cancels so long after a phase began. */
struct alarm {
  const char *before; /* the phase that reports last before it */
  double delay;
  atomic_int begun, over;
  double cancelled_at;
};

static int note_phase(void *user, const mpq_progress *progress) {
  struct alarm *alarm = user;
  if (strcmp(progress->phase, alarm->before) == 0)
    alarm->begun = 1;
  return 0;
}

static void wait_for(double seconds) {
  struct timespec time = {(time_t)seconds,
                          (long)((seconds - (double)(time_t)seconds) * 1e9)};
  thrd_sleep(&time, NULL);
}

static int cancel_later(void *argument) {
  struct alarm *alarm = argument;
  while (!alarm->begun && !alarm->over)
    wait_for(0.0005);
  wait_for(alarm->delay);
  alarm->cancelled_at = now();
  mpq_compiler_cancel(compiler);
  return 0;
}

struct times {
  double codegen, emit;
};

static int note_times(void *user, const mpq_progress *progress) {
  struct times *times = user;
  if (strcmp(progress->phase, "codegen") == 0)
    times->codegen = progress->seconds;
  if (strcmp(progress->phase, "emit") == 0)
    times->emit = progress->seconds;
  return 0;
}

/* Early in a long phase: most of it must be saved. */
static void cancel_in_phase(const char *before, double lasts, double saved) {
  struct alarm alarm = {before, lasts * 0.1, 0, 0, 0};
  mpq_compiler_set_progress(compiler, note_phase, &alarm);
  thrd_t thread;
  thrd_create(&thread, cancel_later, &alarm);
  int status = compile();
  double end = now();
  alarm.over = 1;
  thrd_join(thread, NULL);
  mpq_compiler_set_progress(compiler, NULL, NULL);
  expect_cancelled(status, "in a phase");
  double late = end - alarm.cancelled_at;
  if (late > lasts * (1 - saved)) {
    ++failures;
    printf("wrong: cancelled %.2f s after it was asked for, behind '%s' in a "
           "phase of %.2f s\n",
           late, before, lasts);
  }
}

/* At any time: all files or none. */
static void cancel_at_random(double lasts) {
  for (int k = 0; k < 12; ++k) {
    struct alarm alarm = {"", lasts * k / 11, 1, 0, 0};
    thrd_t thread;
    thrd_create(&thread, cancel_later, &alarm);
    int status = compile();
    thrd_join(thread, NULL);
    if (status == MPQ_OK)
      expect(take_files() == 2, "finished first", status);
    else
      expect_cancelled(status, "at a random time");
  }
}

/*===--- In calibration --------------------------------------------------===*/

struct samples {
  int given, cancel_at, wanted;
  float *data;
};

static int next_sample(void *user, const mpq_tensor_info *inputs,
                       uint32_t num_inputs, mpq_tensor *tensors) {
  struct samples *samples = user;
  uint64_t count = 1;
  for (uint32_t d = 0; d < inputs->rank; ++d)
    count *= (uint64_t)inputs->dims[d];
  if (num_inputs != 1 || samples->given == samples->wanted)
    return 0;
  samples->data = realloc(samples->data, count * sizeof(float));
  for (uint64_t k = 0; k < count; ++k)
    samples->data[k] = (float)(k % 17) - 8;
  if (samples->given++ == samples->cancel_at)
    mpq_compiler_cancel(compiler);
  *tensors = (mpq_tensor){inputs->name, samples->data, inputs->dims, MPQ_F32,
                          inputs->rank};
  return 1;
}

static int calibrate(struct samples *samples) {
  return mpq_calibrate(compiler, &model, next_sample, samples, NULL, 0,
                       profile);
}

static void cancel_calibration(void) {
  struct samples samples = {0, 2, 1 << 30, NULL};
  expect_cancelled(calibrate(&samples), "in the function that gives samples");
  expect(samples.given == 3, "no sample is asked for", samples.given);

  /* Samples without end: only another thread ends this. */
  struct alarm alarm = {"", 0.3, 1, 0, 0};
  thrd_t thread;
  samples = (struct samples){0, -1, 1 << 30, samples.data};
  thrd_create(&thread, cancel_later, &alarm);
  expect_cancelled(calibrate(&samples), "from another thread");
  thrd_join(thread, NULL);

  /* Before samples, while the model is compiled to run on them. */
  struct border border = {0, 1, BY_CALL};
  mpq_compiler_set_progress(compiler, cancel_at_border, &border);
  samples = (struct samples){0, -1, 4, samples.data};
  expect_cancelled(calibrate(&samples), "before samples");
  mpq_compiler_set_progress(compiler, NULL, NULL);
  expect(samples.given == 0, "no sample was asked for", samples.given);

  int status = calibrate(&samples);
  expect(status == MPQ_OK && take_files() == 1, "calibration", status);
  free(samples.data);
}

int main(int argc, char **argv) {
  if (argc != 4)
    return 2;
  model = (mpq_source){argv[1], NULL, 0};
  folder = argv[2];
  double saved = atof(argv[3]);
  snprintf(library, sizeof library, "%s/m.so", folder);
  snprintf(profile, sizeof profile, "%s/p.json", folder);
  compiler = mpq_compiler_create();

  /* In long phases. */
  if (saved > 0) {
    struct times times = {0, 0};
    mpq_compiler_set_progress(compiler, note_times, &times);
    int status = compile();
    expect(status == MPQ_OK && take_files() == 2, "to measure", status);
    cancel_in_phase("lower", times.codegen, saved);
    cancel_in_phase("codegen", times.emit, saved);
    printf("failures: %d\n", failures);
    mpq_compiler_destroy(compiler);
    return failures != 0;
  }

  /* Everywhere. */
  mpq_blob *first, *last;
  int status = mpq_compile_to_memory(compiler, &model, NULL, 0, &first, NULL);
  expect(status == MPQ_OK, "to memory", status);
  printf("phases: %d\n", cancel_at_borders());

  double start = now();
  status = compile();
  double lasts = now() - start;
  expect(status == MPQ_OK && take_files() == 2, "to measure", status);
  cancel_at_random(lasts);
  cancel_calibration();

  /* Before a call it has no effect. */
  mpq_compiler_cancel(compiler);
  status = mpq_compile_to_memory(compiler, &model, NULL, 0, &last, NULL);
  expect(status == MPQ_OK, "afterwards", status);
  expect(mpq_blob_size(first) == mpq_blob_size(last) &&
             !memcmp(mpq_blob_data(first), mpq_blob_data(last),
                     mpq_blob_size(first)),
         "the same code as before", status);
  printf("failures: %d\n", failures);
  mpq_blob_destroy(first);
  mpq_blob_destroy(last);
  mpq_compiler_destroy(compiler);
  return failures != 0;
}
