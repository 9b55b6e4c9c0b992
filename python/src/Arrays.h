//===- Arrays.h - arrays of Python as the C interface has them -*- C++ -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_PYTHON_ARRAYS_H
#define MPQ_PYTHON_ARRAYS_H

#include "mpq-c/mpq.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <optional>

namespace nb = nanobind;

namespace mpq::python {
using Settings = std::vector<std::pair<std::string, std::string>>;
using Objects = std::vector<nb::object>;
/// Any array of the CPU that is dense and row-major.
using ReadOnlyArray = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;

/// Becomes mpq.Error.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Frees what the C interface handed out.
struct Free {
  void operator()(mpq_compiler *object) const { mpq_compiler_destroy(object); }
  void operator()(mpq_program *object) const { mpq_program_destroy(object); }
  void operator()(mpq_simulation *object) const {
    mpq_simulation_destroy(object);
  }
  void operator()(mpq_blob *object) const { mpq_blob_destroy(object); }
};

inline const std::pair<uint32_t, nb::dlpack::dtype> kDTypes[] = {
    {MPQ_BOOL, nb::dtype<bool>()},
    {MPQ_I8, nb::dtype<int8_t>()},
    {MPQ_U8, nb::dtype<uint8_t>()},
    {MPQ_I16, nb::dtype<int16_t>()},
    {MPQ_U16, nb::dtype<uint16_t>()},
    {MPQ_I32, nb::dtype<int32_t>()},
    {MPQ_U32, nb::dtype<uint32_t>()},
    {MPQ_I64, nb::dtype<int64_t>()},
    {MPQ_U64, nb::dtype<uint64_t>()},
    {MPQ_F32, nb::dtype<float>()},
    {MPQ_F64, nb::dtype<double>()},
    {MPQ_F16, {uint8_t(nb::dlpack::dtype_code::Float), 16, 1}},
    {MPQ_BF16, {uint8_t(nb::dlpack::dtype_code::Bfloat), 16, 1}}};

inline const char *getDTypeName(uint32_t dtype) {
  static const char *const names[] = {
      "?",      "bool",  "int8",   "uint8",   "int16",    "uint16",  "int32",
      "uint32", "int64", "uint64", "float16", "bfloat16", "float32", "float64"};
  return names[dtype <= MPQ_F64 ? dtype : 0];
}

/// An array of any library, with a type of its elements that NumPy may lack.
class Tensor {
public:
  /// `dtype`: what the elements of an array of integers are the bits of.
  explicit Tensor(nb::handle object, std::optional<std::string> dtype = {}) {
    if (nb::isinstance<Tensor>(object)) {
      *this = nb::cast<const Tensor &>(object);
      return;
    }
    if (!nb::try_cast(object, array))
      throw Error("expected a dense array on the CPU, of a type that DLPack "
                  "has, but got " +
                  std::string(nb::str(object.type().attr("__name__")).c_str()));
    nb::ndarray<nb::c_contig, nb::device::cpu> writable;
    isWritable = nb::try_cast(object, writable, /*convert=*/false);
    for (auto [code, type] : kDTypes) {
      if (dtype ? *dtype == getDTypeName(code) && type.bits == getType().bits
                : type == getType())
        tensor.dtype = code;
    }
    if (dtype && !tensor.dtype)
      throw Error("expected elements of the size of " + *dtype + " but got " +
                  std::to_string(getType().bits) + " bits");
    for (size_t d = 0; d < array.ndim(); ++d)
      extents.push_back(int64_t(array.shape(d)));
  }

  std::string getDType() const {
    if (tensor.dtype)
      return getDTypeName(tensor.dtype);
    return "elements of " + std::to_string(getType().bits) + " bits";
  }

  nb::tuple getShape() const {
    nb::list shape;
    for (int64_t extent : extents)
      shape.append(extent);
    return nb::tuple(shape);
  }

  /// Valid while this lives.
  mpq_tensor view() {
    mpq_tensor view = tensor;
    view.data = const_cast<void *>(array.data());
    view.dims = extents.data();
    view.rank = uint32_t(extents.size());
    return view;
  }

  bool isWritable = false;

private:
  nb::dlpack::dtype getType() const { return array.dtype(); }

  ReadOnlyArray array;
  mpq_tensor tensor = {};
  std::vector<int64_t> extents;
};

using TensorList =
    nb::typed<nb::list, nb::typed<nb::tuple, nb::str, nb::str,
                                  nb::typed<nb::tuple, int, nb::ellipsis>>>;

inline TensorList describe(const mpq_tensor_info *infos, uint32_t count) {
  nb::list list;
  for (uint32_t i = 0; i < count; ++i) {
    nb::list shape;
    for (uint32_t d = 0; d < infos[i].rank; ++d)
      shape.append(infos[i].dims[d]);
    list.append(nb::make_tuple(infos[i].name, getDTypeName(infos[i].dtype),
                               nb::tuple(shape)));
  }
  return list;
}

inline void check(int status) {
  if (status != MPQ_OK)
    throw Error(mpq_last_error());
}

/// Arrays of one call, as many as the model has.
struct Tensors {
  Tensors(const Objects &objects, uint32_t count, const char *what) {
    if (objects.size() != count)
      throw Error("expected " + std::to_string(count) + " " + what +
                  " but got " + std::to_string(objects.size()));
    for (const nb::object &object : objects)
      arrays.emplace_back(object);
    for (Tensor &array : arrays)
      tensors.push_back(array.view());
  }

  void requireWritable() const {
    for (const Tensor &array : arrays)
      if (!array.isWritable)
        throw Error("expected writable dense arrays for outputs but got one "
                    "that is not");
  }

  std::vector<Tensor> arrays;
  std::vector<mpq_tensor> tensors;
};

} // namespace mpq::python

#endif // MPQ_PYTHON_ARRAYS_H
