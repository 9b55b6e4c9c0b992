/*===- Variants.c - the variant of a model that runs in a process ---===*\
|*
|* Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/
/*
 * An instruction that the processor lacks ends a process, and so does a vector
 * register that the system does not save: both are found out before generated
 * code runs. What to ask for, emission has written into the artifact; this code
 * itself is for any processor.
 */

#define _GNU_SOURCE /* syscall */

#include "Variants.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

/* The bit of XCR0 for the data of tile registers, which is also their number
 * for arch_prctl. */
enum { kTileData = 18 };

/* 1 + the index of the variant of this process; 0: not chosen yet. Threads that
 * choose at the same time find the same. */
static _Atomic uint32_t chosen;

/* A message that grows; what does not fit is cut. */
typedef struct {
  char *data;
  size_t size, used;
} Text;

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static void append(Text *text, const char *format, ...) {
  if (text->used >= text->size)
    return;
  va_list arguments;
  va_start(arguments, format);
  int n = vsnprintf(text->data + text->used, text->size - text->used, format,
                    arguments);
  va_end(arguments);
  text->used = n < 0 ? text->size : text->used + (size_t)n;
}

#if defined(__x86_64__)
static void askProcessor(uint32_t leaf, uint32_t subleaf, uint32_t *outputs) {
  if (!__get_cpuid_count(leaf, subleaf, &outputs[0], &outputs[1], &outputs[2],
                         &outputs[3]))
    memset(outputs, 0, 4 * sizeof *outputs);
}

/* XCR0: the registers that the system saves. */
static uint32_t getSavedStates(void) {
  uint32_t outputs[4], low, high;
  askProcessor(1, 0, outputs);
  if (!(outputs[2] & bit_OSXSAVE))
    return 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}
#else
static void askProcessor(uint32_t leaf, uint32_t subleaf, uint32_t *outputs) {
  (void)leaf, (void)subleaf;
  memset(outputs, 0, 4 * sizeof *outputs);
}

static uint32_t getSavedStates(void) { return 0; }
#endif

#if defined(__linux__) && defined(__x86_64__)
/* Linux saves tile registers only for processes that asked for them (its
 * Documentation/arch/x86/xstate.rst). Returns 0 if they may be used. */
static int requestTileRegisters(void) {
  enum { kRequestPermission = 0x1023 };
  return (int)syscall(SYS_arch_prctl, kRequestPermission, kTileData);
}
#else
static int requestTileRegisters(void) { return -1; }
#endif

typedef enum { CAN_RUN, LACKS_FEATURES, LACKS_TILE_PERMISSION } Ability;

/* Appends the names of the features that this machine lacks. */
static Ability getAbility(const mpq_variant *variant, Text *missing) {
  uint32_t outputs[4] = {0, 0, 0, 0}, saved = getSavedStates(), states = 0;
  Ability ability = CAN_RUN;
  for (uint64_t i = 0; i < variant->num_features; ++i) {
    const mpq_cpu_feature *feature = &variant->features[i];
    /* Hypervisors take their time to answer, and neighbours ask the same. */
    if (i == 0 || feature->leaf != feature[-1].leaf ||
        feature->subleaf != feature[-1].subleaf)
      askProcessor(feature->leaf, feature->subleaf, outputs);
    states |= feature->states;
    if ((outputs[feature->output] & feature->mask) >= feature->least &&
        (saved & feature->states) == feature->states)
      continue;
    append(missing, ability == CAN_RUN ? "%s" : ", %s", feature->name);
    ability = LACKS_FEATURES;
  }
  if (ability == CAN_RUN && (states & (1u << kTileData)) &&
      requestTileRegisters() != 0) {
    append(missing, "permission for tile registers (amx-tile)");
    ability = LACKS_TILE_PERMISSION;
  }
  return ability;
}

/* The sentence for an artifact of one variant, or for one that must run. */
static void explain(const mpq_variant *variant, int demanded, Ability ability,
                    const char *missing, Text *text) {
  const char *name = variant->info.name;
  if (demanded)
    append(
        text,
        "model '%s': expected a machine that can run the variant '%s', which "
        "MPQ_VARIANT names, but this one lacks %s",
        name, variant->info.variant, missing);
  else if (ability == LACKS_TILE_PERMISSION)
    append(text,
           "model '%s': expected a system that permits tile registers "
           "(amx-tile) but it refuses: compile for another target, as "
           "x86-avx512vnni",
           name);
  else
    append(text,
           "model '%s': expected a machine that it was compiled for but this "
           "one lacks %s: compile the model for another target",
           name, missing);
}

int mpq_variant_choose(const mpq_artifact *artifact,
                       const mpq_variant **variant, char *message,
                       size_t size) {
  uint32_t known = atomic_load_explicit(&chosen, memory_order_relaxed);
  if (known) {
    *variant = &artifact->variants[known - 1];
    return MPQ_SUCCESS;
  }
  int several = artifact->num_variants > 1, named = 0;
  const char *model = artifact->variants[0].info.name;
  const char *demanded = several ? getenv("MPQ_VARIANT") : NULL;
  if (demanded && !*demanded)
    demanded = NULL;
  Text text = {message, size, 0};
  if (several && !demanded)
    append(&text,
           "model '%s': expected a machine that can run one of its variants "
           "but this one lacks ",
           model);
  for (uint64_t i = 0; i < artifact->num_variants; ++i) {
    const mpq_variant *candidate = &artifact->variants[i];
    if (demanded && strcmp(candidate->info.variant, demanded) != 0)
      continue;
    named = 1;
    char names[256] = "";
    Text missing = {names, sizeof names, 0};
    Ability ability = getAbility(candidate, &missing);
    if (ability == CAN_RUN) {
      uint32_t first = 0;
      if (!atomic_compare_exchange_strong_explicit(
              &chosen, &first, (uint32_t)i + 1, memory_order_relaxed,
              memory_order_relaxed))
        candidate = &artifact->variants[first - 1];
      *variant = candidate;
      return MPQ_SUCCESS;
    }
    if (several && !demanded)
      append(&text, "%s%s for %s", i ? "; " : "", names,
             candidate->info.variant);
    else
      explain(candidate, demanded != NULL, ability, names, &text);
  }
  if (named) {
    if (several && !demanded)
      append(&text, ": compile the model for another target, too");
    return MPQ_ERROR_MACHINE;
  }
  append(&text, "model '%s': expected MPQ_VARIANT to name one of ", model);
  for (uint64_t i = 0; i < artifact->num_variants; ++i)
    append(&text, "%s%s", i ? ", " : "", artifact->variants[i].info.variant);
  append(&text, " but got '%s'", demanded);
  return MPQ_ERROR_VARIANT;
}
