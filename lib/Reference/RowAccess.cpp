//===- RowAccess.cpp - rows of elements out of and into tensors ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Element kinds are widened to f32 or i64 on the way in and narrowed on the way
// out, so that body programs know two kinds of values only.
//
//===----------------------------------------------------------------------===//

#include "BodyProgram.h"
#include "Rows.h"

#include <cstring>

using namespace mlir;
using namespace mpq;

/// True if the offsets name consecutive elements.
static bool isContiguous(const int64_t *offsets, int n) {
  if (n == 0 || offsets[n - 1] - offsets[0] != n - 1)
    return false;
  int64_t differences = 0;
  for (int l = 0; l < n; ++l)
    differences |= offsets[l] - offsets[0] - l;
  return differences == 0;
}

template <typename From, typename To>
static void gather(To *out, const From *in, const int64_t *offsets, int n) {
  if (isContiguous(offsets, n)) {
    in += offsets[0];
    for (int l = 0; l < n; ++l)
      out[l] = in[l];
    return;
  }
  for (int l = 0; l < n; ++l)
    out[l] = in[offsets[l]];
}

void mpq::loadRow(Row &row, const HostTensor &tensor, const int64_t *offsets,
                  int n) {
  switch (tensor.getKind()) {
  case ElementKind::F32:
    return gather(row.f, tensor.getData<float>(), offsets, n);
  case ElementKind::F16:
  case ElementKind::BF16:
  case ElementKind::F8E4M3FN:
  case ElementKind::F8E5M2:
  case ElementKind::F4E2M1FN:
  case ElementKind::F8E8M0FNU:
    for (int l = 0; l < n; ++l)
      row.f[l] = tensor.getFloat(offsets[l]);
    return;
  case ElementKind::I1:
    for (int l = 0; l < n; ++l)
      row.i[l] = -int64_t(tensor.getData<int8_t>()[offsets[l]] & 1);
    return;
  case ElementKind::I2:
  case ElementKind::I4:
  case ElementKind::I8:
    return gather(row.i, tensor.getData<int8_t>(), offsets, n);
  case ElementKind::I16:
    return gather(row.i, tensor.getData<int16_t>(), offsets, n);
  case ElementKind::I32:
    return gather(row.i, tensor.getData<int32_t>(), offsets, n);
  case ElementKind::I64:
    return gather(row.i, tensor.getData<int64_t>(), offsets, n);
  }
}

void mpq::storeRow(const Row &row, HostTensor &tensor, const int64_t *offsets,
                   int n) {
  auto scatter = [&](auto *memory, const auto *values) {
    for (int l = 0; l < n; ++l)
      memory[offsets[l]] =
          static_cast<std::remove_pointer_t<decltype(memory)>>(values[l]);
  };
  switch (tensor.getKind()) {
  case ElementKind::F32:
    return scatter(tensor.getMutableData<float>(), row.f);
  case ElementKind::F16:
  case ElementKind::BF16: {
    auto *memory = tensor.getMutableData<uint16_t>();
    for (int l = 0; l < n; ++l)
      memory[offsets[l]] = narrowElement(tensor.getKind(), row.f[l]);
    return;
  }
  case ElementKind::F8E4M3FN:
  case ElementKind::F8E5M2:
  case ElementKind::F4E2M1FN:
  case ElementKind::F8E8M0FNU: {
    auto *memory = tensor.getMutableData<uint8_t>();
    for (int l = 0; l < n; ++l)
      memory[offsets[l]] = uint8_t(narrowElement(tensor.getKind(), row.f[l]));
    return;
  }
  case ElementKind::I1: {
    auto *memory = tensor.getMutableData<int8_t>();
    for (int l = 0; l < n; ++l)
      memory[offsets[l]] = row.i[l] & 1;
    return;
  }
  case ElementKind::I2:
  case ElementKind::I4:
  case ElementKind::I8:
    return scatter(tensor.getMutableData<int8_t>(), row.i);
  case ElementKind::I16:
    return scatter(tensor.getMutableData<int16_t>(), row.i);
  case ElementKind::I32:
    return scatter(tensor.getMutableData<int32_t>(), row.i);
  case ElementKind::I64:
    return scatter(tensor.getMutableData<int64_t>(), row.i);
  }
}
