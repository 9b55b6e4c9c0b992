/*===- frequency.c - the clock of the core that this runs on ---===*\
|*
|* Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*|
|*
|* By instructions of known latency: a multiplication of 64-bit integers that
|* waits for the one before takes three cycles, on Intel since Sandy Bridge and
|* on AMD since Zen 2 (A. Fog, Instruction tables).
|*
\*===----------------------------------------------------------------------===*/

#include <stdint.h>
#include <time.h>

#define STEPS 800
#define CYCLES (STEPS * 10 * 3)

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/** Cycles a second, within a percent; takes less than ten microseconds. */
double core_frequency(void) {
  uint64_t value = 3;
  double start = now();
  for (int i = 0; i < STEPS; ++i)
    __asm__ volatile("imul %0, %0\n\timul %0, %0\n\timul %0, %0\n\t"
                     "imul %0, %0\n\timul %0, %0\n\timul %0, %0\n\t"
                     "imul %0, %0\n\timul %0, %0\n\timul %0, %0\n\t"
                     "imul %0, %0\n\t"
                     : "+r"(value));
  return CYCLES / (now() - start);
}
