/*===- Artifact.c - create, run and destroy of every compiled model ---===*\
|*
|* Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/
/*
 * Generated code trusts its pointers; this is where a caller's mistakes are
 * found, before it runs. Nothing here is specific to a model, nothing but the
 * choice of a variant is global, and a run allocates nothing. It may use libc
 * only.
 */

#include "Variants.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kMessageSize = 512, kShapeSize = 160 };

struct mpq_model {
  const mpq_variant *variant;
  mpq_context context;
  mpq_report_fn report;
  void *reporter;
  void *workspace; /* NULL if callers bring theirs */
  atomic_flag busy;
};

static void runSequentially(void *pool, int64_t n, mpq_range_fn fn, void *arg) {
  (void)pool;
  if (n > 0)
    fn(arg, 0, n);
}

#if defined(__GNUC__)
__attribute__((format(printf, 4, 5)))
#endif
static int fail(mpq_report_fn report, void *reporter, int status,
                const char *format, ...) {
  if (report) {
    char message[kMessageSize];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    report(reporter, status, message);
  }
  return status;
}

const mpq_model_info *mpq_artifact_describe(const mpq_artifact *artifact) {
  /* Where none can run, create says so: the last one asks for least. */
  uint64_t last = artifact->num_variants - 1;
  const mpq_variant *variant = NULL;
  if (last == 0 || mpq_variant_choose(artifact, &variant, NULL, 0))
    variant = &artifact->variants[last];
  return &variant->info;
}

int mpq_artifact_create(const mpq_artifact *artifact,
                        const mpq_options *options, mpq_model **model) {
  const mpq_model_info *info = &artifact->variants[0].info;
  mpq_options o;
  memset(&o, 0, sizeof o);
  if (options) {
    /* A caller compiled with an older header knows fewer members; one with a
     * newer header may have set some that this code would ignore. */
    if (options->size < sizeof options->size)
      return MPQ_ERROR_VERSION;
    if (options->size > sizeof o)
      return fail(options->report, options->reporter, MPQ_ERROR_VERSION,
                  "model '%s': expected options of at most %zu bytes but got "
                  "%u: it was compiled for version %d of this interface",
                  info->name, sizeof o, options->size, MPQ_RUNTIME_VERSION);
    memcpy(&o, options, options->size);
  }
  if (!model)
    return fail(o.report, o.reporter, MPQ_ERROR_NULL,
                "model '%s': expected a place for the model but got NULL",
                info->name);
  *model = NULL;
  const mpq_variant *variant = NULL;
  char message[kMessageSize];
  int status = mpq_variant_choose(artifact, &variant, message, sizeof message);
  if (status)
    return fail(o.report, o.reporter, status, "%s", message);
  info = &variant->info;

  mpq_model *created = malloc(sizeof *created);
  void *workspace = NULL;
  if (created && !o.caller_workspace)
    workspace = aligned_alloc(MPQ_WORKSPACE_ALIGNMENT, info->workspace_bytes);
  if (!created || (!o.caller_workspace && !workspace)) {
    free(created);
    return fail(o.report, o.reporter, MPQ_ERROR_MEMORY,
                "model '%s': no memory for a workspace of %llu bytes",
                info->name, (unsigned long long)info->workspace_bytes);
  }
  created->variant = variant;
  created->context.parallel_for =
      o.parallel_for ? o.parallel_for : runSequentially;
  created->context.pool = o.pool;
  created->context.profile = o.profile;
  created->context.profiler = o.profiler;
  created->context.observe = NULL;
  created->context.observer = NULL;
  created->report = o.report;
  created->reporter = o.reporter;
  created->workspace = workspace;
  atomic_flag_clear(&created->busy);
  *model = created;
  return MPQ_SUCCESS;
}

void mpq_artifact_destroy(mpq_model *model) {
  if (!model)
    return;
  free(model->workspace);
  free(model);
}

static uint32_t getAlignment(uint32_t dtype) {
  switch (dtype) {
  case MPQ_I16:
  case MPQ_U16:
  case MPQ_F16:
  case MPQ_BF16:
    return 2;
  case MPQ_I32:
  case MPQ_U32:
  case MPQ_F32:
    return 4;
  case MPQ_I64:
  case MPQ_U64:
  case MPQ_F64:
    return 8;
  default:
    return 1;
  }
}

static const char *getDtypeName(uint32_t dtype) {
  static const char *const names[] = {"unknown", "bool", "i8",  "u8",  "i16",
                                      "u16",     "i32",  "u32", "i64", "u64",
                                      "f16",     "bf16", "f32", "f64"};
  return dtype < sizeof names / sizeof *names ? names[dtype] : names[0];
}

static void printShape(char *text, const int64_t *dims, uint32_t rank) {
  size_t used = 0;
  text[used++] = '[';
  for (uint32_t d = 0; d < rank; ++d) {
    /* A shape too long to print is cut: it is wrong by its rank alone. */
    int n = snprintf(text + used, kShapeSize - used - 1, d ? ",%lld" : "%lld",
                     (long long)dims[d]);
    if (n < 0 || (size_t)n >= kShapeSize - used - 1)
      break;
    used += (size_t)n;
  }
  text[used++] = ']';
  text[used] = 0;
}

/* Checks one tensor of the caller; kind and index name it in the message. */
static int checkTensor(const mpq_model *model, const mpq_tensor *tensor,
                       const mpq_tensor_info *info, const char *kind,
                       unsigned index) {
  const char *name = model->variant->info.name;
  if (tensor->name && strcmp(tensor->name, info->name) != 0)
    return fail(model->report, model->reporter, MPQ_ERROR_NAME,
                "model '%s': %s %u: expected the name '%s' but got '%s'", name,
                kind, index, info->name, tensor->name);
  if (tensor->dtype != info->dtype)
    return fail(model->report, model->reporter, MPQ_ERROR_DTYPE,
                "model '%s': %s '%s': expected data type %s but got %s (%u)",
                name, kind, info->name, getDtypeName(info->dtype),
                getDtypeName(tensor->dtype), tensor->dtype);
  if (tensor->rank && !tensor->dims)
    return fail(model->report, model->reporter, MPQ_ERROR_NULL,
                "model '%s': %s '%s': expected %u dimensions but got NULL",
                name, kind, info->name, tensor->rank);
  if (tensor->rank != info->rank ||
      (info->rank && memcmp(tensor->dims, info->dims,
                            info->rank * sizeof *info->dims) != 0)) {
    char expected[kShapeSize], got[kShapeSize];
    printShape(expected, info->dims, info->rank);
    printShape(got, tensor->dims, tensor->rank);
    return fail(model->report, model->reporter, MPQ_ERROR_SHAPE,
                "model '%s': %s '%s': expected shape %s but got %s", name, kind,
                info->name, expected, got);
  }
  if (!tensor->data && info->bytes)
    return fail(model->report, model->reporter, MPQ_ERROR_NULL,
                "model '%s': %s '%s': expected %llu bytes of data but got NULL",
                name, kind, info->name, (unsigned long long)info->bytes);
  if ((uintptr_t)tensor->data % getAlignment(info->dtype))
    return fail(model->report, model->reporter, MPQ_ERROR_ALIGNMENT,
                "model '%s': %s '%s': expected data aligned to %u bytes but "
                "got the address %p",
                name, kind, info->name, getAlignment(info->dtype),
                tensor->data);
  return MPQ_SUCCESS;
}

int mpq_artifact_run(mpq_model *model, const mpq_tensor *inputs,
                     mpq_tensor *outputs, void *workspace) {
  if (!model)
    return MPQ_ERROR_NULL;
  const mpq_variant *variant = model->variant;
  const mpq_model_info *info = &variant->info;
  if ((info->num_inputs && !inputs) || (info->num_outputs && !outputs))
    return fail(model->report, model->reporter, MPQ_ERROR_NULL,
                "model '%s': expected %u inputs and %u outputs but got NULL",
                info->name, info->num_inputs, info->num_outputs);
  for (uint32_t i = 0; i < info->num_inputs; ++i) {
    int status = checkTensor(model, &inputs[i], &info->inputs[i], "input", i);
    if (status)
      return status;
  }
  for (uint32_t i = 0; i < info->num_outputs; ++i) {
    int status =
        checkTensor(model, &outputs[i], &info->outputs[i], "output", i);
    if (status)
      return status;
  }
  if ((uintptr_t)workspace % MPQ_WORKSPACE_ALIGNMENT)
    return fail(model->report, model->reporter, MPQ_ERROR_ALIGNMENT,
                "model '%s': expected a workspace aligned to %d bytes but got "
                "the address %p",
                info->name, MPQ_WORKSPACE_ALIGNMENT, workspace);

  int own = !workspace;
  if (own) {
    if (!model->workspace)
      return fail(model->report, model->reporter, MPQ_ERROR_WORKSPACE,
                  "model '%s': expected a workspace of %llu bytes but got "
                  "NULL: the model was created with caller_workspace",
                  info->name, (unsigned long long)info->workspace_bytes);
    if (atomic_flag_test_and_set_explicit(&model->busy, memory_order_acquire))
      return fail(model->report, model->reporter, MPQ_ERROR_BUSY,
                  "model '%s': its own workspace is in use by another thread: "
                  "pass one workspace per thread",
                  info->name);
    workspace = model->workspace;
  }
  /* The arrays of data pointers end the workspace: a run neither allocates nor
   * needs a stack that grows with the number of tensors. */
  size_t count = (size_t)info->num_inputs + info->num_outputs;
  void **pointers = (void **)((char *)workspace + info->workspace_bytes -
                              (count + 7) / 8 * MPQ_WORKSPACE_ALIGNMENT);
  for (uint32_t i = 0; i < info->num_inputs; ++i)
    pointers[i] = inputs[i].data;
  for (uint32_t i = 0; i < info->num_outputs; ++i)
    pointers[info->num_inputs + i] = outputs[i].data;
  variant->main(pointers, pointers + info->num_inputs, variant->weights,
                workspace, &model->context);
  if (own)
    atomic_flag_clear_explicit(&model->busy, memory_order_release);
  return MPQ_SUCCESS;
}
