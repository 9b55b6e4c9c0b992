//===- core.cpp - the C interface as a Python module ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Thin: what people call is Python in python/mpq, which documents it. Nothing
// here knows the compiler; the GIL is released while it works.
//
//===----------------------------------------------------------------------===//

#include "Arrays.h"

#include <chrono>
#include <future>

using namespace nb::literals;
using namespace mpq::python;

namespace {
class Compiler {
public:
  Compiler() : compiler(mpq_compiler_create()) {
    if (!compiler)
      throw std::bad_alloc();
    mpq_compiler_set_warnings(
        compiler.get(),
        [](void *self, const char *text) {
          static_cast<Compiler *>(self)->warnings.emplace_back(text);
        },
        this);
  }

  /// Settings as (name, value); None as path: the result as bytes. Returns
  /// (bytes or None, summary).
  nb::tuple compile(const std::string &name, std::optional<nb::bytes> data,
                    const Settings &settings, std::optional<std::string> path,
                    nb::object progress) {
    mpq_source source = makeSource(name, data);
    std::vector<mpq_setting> list = makeSettings(settings);
    mpq_summary summary = {};
    mpq_blob *blob = nullptr;
    int status = callInThread(progress, [&] {
      return path ? mpq_compile(compiler.get(), &source, list.data(),
                                list.size(), path->c_str(), &summary)
                  : mpq_compile_to_memory(compiler.get(), &source, list.data(),
                                          list.size(), &blob, &summary);
    });
    std::unique_ptr<mpq_blob, Free> owner(blob);
    check(status);
    nb::dict table;
    auto add = [&](const char *key, int64_t value) {
      if (value >= 0)
        table[key] = value;
    };
    add("integer_macs", summary.integer_macs);
    add("float_macs", summary.float_macs);
    add("code_bytes", summary.code_bytes);
    add("constants_bytes", summary.constants_bytes);
    add("weights_bytes", summary.weights_bytes);
    add("workspace_bytes", summary.workspace_bytes);
    add("live_bytes", summary.live_bytes);
    nb::object result = nb::none();
    if (blob)
      result = nb::bytes(mpq_blob_data(blob), mpq_blob_size(blob));
    return nb::make_tuple(result, table);
  }

  /// To be owned.
  mpq_simulation *
  simulate(const std::string &name, std::optional<nb::bytes> data,
           const std::optional<std::string> &originalName,
           std::optional<nb::bytes> originalData, const Settings &settings,
           const std::vector<std::string> &precisions, nb::object progress) {
    mpq_source source = makeSource(name, data);
    std::vector<const char *> names;
    for (const std::string &precision : precisions)
      names.push_back(precision.c_str());
    mpq_source original = {};
    if (originalName)
      original = makeSource(*originalName, originalData);
    std::vector<mpq_setting> list = makeSettings(settings);
    mpq_simulation *simulation = nullptr;
    check(callInThread(progress, [&] {
      return mpq_simulation_create(
          compiler.get(), &source, originalName ? &original : nullptr,
          list.data(), list.size(), names.data(), names.size(), &simulation);
    }));
    return simulation;
  }

  /// `next` is called with [(name, dtype, shape)] and answers a list of arrays
  /// in that order, or None at the end.
  void calibrate(const std::string &name, std::optional<nb::bytes> data,
                 nb::object next, const Settings &settings,
                 const std::string &path, nb::object progress) {
    mpq_source source = makeSource(name, data);
    std::vector<mpq_setting> list = makeSettings(settings);
    nextSample = next;
    int status = call(progress, [&] {
      return mpq_calibrate(compiler.get(), &source, giveSample, this,
                           list.data(), list.size(), path.c_str());
    });
    nextSample = nb::object();
    arrays.clear();
    check(status);
  }

private:
  static mpq_source makeSource(const std::string &name,
                               std::optional<nb::bytes> &data) {
    return {name.c_str(), data ? data->data() : nullptr,
            data ? data->size() : 0};
  }

  static std::vector<mpq_setting> makeSettings(const Settings &settings) {
    std::vector<mpq_setting> list;
    for (const auto &[name, value] : settings)
      list.push_back({name.c_str(), value.c_str()});
    return list;
  }

  template <typename Function> int call(nb::object &callback, Function work) {
    progress = callback;
    mpq_compiler_set_progress(compiler.get(), report, this);
    warnings.clear();
    int status;
    {
      nb::gil_scoped_release release;
      status = work();
    }
    progress = nb::object();
    if (status != MPQ_OK)
      errorText = mpq_last_error();
    return status;
  }

  /// The same in a thread of its own, for work that seldom comes back to
  /// Python: this one looks for Ctrl-C meanwhile.
  template <typename Function>
  int callInThread(nb::object &callback, Function work) {
    progress = callback;
    mpq_compiler_set_progress(compiler.get(), report, this);
    warnings.clear();
    std::future<int> result = std::async(std::launch::async, [&] {
      int status = work();
      if (status != MPQ_OK)
        errorText = mpq_last_error(); // of that thread
      return status;
    });
    auto isDone = [&] {
      nb::gil_scoped_release release;
      return result.wait_for(std::chrono::milliseconds(50)) ==
             std::future_status::ready;
    };
    while (!isDone()) {
      inPython([] {});
      // Again and again: a call that only begins would not heed the first.
      if (exception)
        mpq_compiler_cancel(compiler.get());
    }
    progress = nb::object();
    return result.get();
  }

  /// What a callback raised comes before what the compiler says of it.
  void check(int status) {
    if (std::exception_ptr raised = std::exchange(exception, nullptr))
      std::rethrow_exception(raised);
    if (status != MPQ_OK)
      throw Error(errorText);
    if (!warnings.empty())
      nb::module_::import_("mpq.warning").attr("warn")(warnings);
  }

  /// Runs Python; an exception, Ctrl-C among them, cancels the call.
  template <typename Function> bool inPython(Function function) {
    nb::gil_scoped_acquire acquire;
    try {
      if (PyErr_CheckSignals())
        nb::raise_python_error();
      function();
      return true;
    } catch (...) {
      if (!exception)
        exception = std::current_exception();
      return false;
    }
  }

  static int report(void *self, const mpq_progress *info) {
    auto &compiler = *static_cast<Compiler *>(self);
    return !compiler.inPython([&] {
      if (!compiler.progress.is_none())
        compiler.progress(info->phase, info->seconds, info->samples_done,
                          info->samples_total);
    });
  }

  static int giveSample(void *self, const mpq_tensor_info *inputs,
                        uint32_t count, mpq_tensor *tensors) {
    auto &compiler = *static_cast<Compiler *>(self);
    bool more = false;
    bool succeeded = compiler.inPython([&] {
      nb::object sample = compiler.nextSample(describe(inputs, count));
      compiler.arrays.clear();
      if (sample.is_none())
        return;
      for (nb::handle array : sample)
        compiler.arrays.emplace_back(array);
      if (compiler.arrays.size() != count)
        throw Error("expected " + std::to_string(count) +
                    " arrays of a sample but got " +
                    std::to_string(compiler.arrays.size()));
      for (uint32_t i = 0; i < count; ++i)
        tensors[i] = compiler.arrays[i].view();
      more = true;
    });
    return succeeded ? more : -1;
  }

  std::unique_ptr<mpq_compiler, Free> compiler;
  nb::object progress, nextSample;
  std::vector<Tensor> arrays;
  std::exception_ptr exception;
  std::string errorText;
  std::vector<std::string> warnings;
};

class Program {
public:
  explicit Program(mpq_program *program) : program(program) {}

  static Program load(const std::string &path, uint32_t threads) {
    mpq_program *program = nullptr;
    if (mpq_program_load(path.c_str(), threads, &program) != MPQ_OK)
      throw Error(mpq_last_error());
    return Program(program);
  }

  static Program loadBytes(nb::bytes data, uint32_t threads) {
    mpq_program *program = nullptr;
    if (mpq_program_load_from_memory(data.data(), data.size(), threads,
                                     &program) != MPQ_OK)
      throw Error(mpq_last_error());
    return Program(program);
  }

  const mpq_model_info &getInfo() const {
    return *mpq_program_info(program.get());
  }

  void run(const Objects &inputs, const Objects &outputs) {
    Tensors in(inputs, getInfo().num_inputs, "inputs"),
        out(outputs, getInfo().num_outputs, "outputs");
    out.requireWritable();
    nb::gil_scoped_release release;
    check(
        mpq_program_run(program.get(), in.tensors.data(), out.tensors.data()));
  }

  /// JSON: times of the kernels, or a trace.
  nb::bytes profile(const Objects &inputs, const Objects &outputs,
                    uint32_t runs, bool trace) {
    Tensors in(inputs, getInfo().num_inputs, "inputs"),
        out(outputs, getInfo().num_outputs, "outputs");
    out.requireWritable();
    mpq_blob *blob = nullptr;
    {
      nb::gil_scoped_release release;
      check(mpq_program_profile(
          program.get(), in.tensors.data(), out.tensors.data(), runs,
          trace ? MPQ_PROFILE_TRACE : MPQ_PROFILE_TIMES, &blob));
    }
    std::unique_ptr<mpq_blob, Free> owner(blob);
    return nb::bytes(mpq_blob_data(blob), mpq_blob_size(blob));
  }

private:
  std::unique_ptr<mpq_program, Free> program;
};

nb::tuple makeTuple(const int64_t *numbers, uint32_t count) {
  nb::list list;
  for (uint32_t i = 0; i < count; ++i)
    list.append(numbers[i]);
  return nb::tuple(list);
}

/// One thread at a time.
class Simulation {
public:
  explicit Simulation(mpq_simulation *simulation) : simulation(simulation) {
    inputs = mpq_simulation_inputs(simulation, &numInputs);
    outputs = mpq_simulation_outputs(simulation, &numOutputs);
  }

  /// (id, kind, multiply-accumulates, weights, precisions, shape of weights,
  /// their output channels' dimensions, original weights known) each.
  nb::list getProducts() const {
    uint32_t count;
    const mpq_simulated_product *products =
        mpq_simulation_products(simulation.get(), &count);
    nb::list list;
    for (uint32_t i = 0; i < count; ++i) {
      nb::list precisions;
      for (uint32_t p = 0; p < products[i].num_precisions; ++p)
        precisions.append(products[i].precisions[p]);
      list.append(nb::make_tuple(
          products[i].id, products[i].kind, products[i].macs,
          products[i].weights, nb::tuple(precisions),
          makeTuple(products[i].weight_dims, products[i].weight_rank),
          makeTuple(products[i].channel_dims, products[i].num_channel_dims),
          products[i].has_original_weights != 0));
    }
    return list;
  }

  /// (id, scale, zero point, lowest, highest, read by a product) each.
  nb::list getValues() const {
    uint32_t count;
    const mpq_simulated_value *values =
        mpq_simulation_values(simulation.get(), &count);
    nb::list list;
    for (uint32_t i = 0; i < count; ++i)
      list.append(nb::make_tuple(values[i].id, values[i].scale,
                                 values[i].zero_point, values[i].lowest,
                                 values[i].highest, values[i].is_read != 0));
    return list;
  }

  void setRounding(uint32_t value) {
    check(mpq_simulation_set_rounding(simulation.get(), value));
  }

  void setLimits(uint32_t value, float low, float high) {
    check(mpq_simulation_set_limits(simulation.get(), value, low, high));
  }

  /// The bytes of the f32 numbers: of the weights (0), of those that they are
  /// rounded to (1), or of the scales (2).
  nb::bytes readWeights(uint32_t product, uint32_t part) const {
    uint32_t count;
    const mpq_simulated_product *products =
        mpq_simulation_products(simulation.get(), &count);
    std::vector<float> numbers(product < count ? products[product].weights : 0);
    check(mpq_simulation_read_weights(simulation.get(), product,
                                      mpq_weights_part(part), numbers.data()));
    return nb::bytes(reinterpret_cast<const char *>(numbers.data()),
                     numbers.size() * sizeof(float));
  }

  void setPrecision(uint32_t product, const std::string &precision) {
    check(mpq_simulation_set_precision(simulation.get(), product,
                                       precision.c_str()));
  }

  void run(const Objects &inputArrays, const Objects &outputArrays) {
    Tensors in(inputArrays, numInputs, "inputs"),
        out(outputArrays, numOutputs, "outputs");
    out.requireWritable();
    nb::gil_scoped_release release;
    check(mpq_simulation_run(simulation.get(), in.tensors.data(),
                             out.tensors.data()));
  }

  TensorList getInputs() const { return describe(inputs, numInputs); }
  TensorList getOutputs() const { return describe(outputs, numOutputs); }

private:
  std::unique_ptr<mpq_simulation, Free> simulation;
  const mpq_tensor_info *inputs, *outputs;
  uint32_t numInputs, numOutputs;
};
} // namespace

static void mergeProfiles(const std::vector<std::string> &paths,
                          const std::string &output) {
  std::vector<const char *> names;
  for (const std::string &path : paths)
    names.push_back(path.c_str());
  if (mpq_merge_profiles(names.data(), names.size(), output.c_str()) != MPQ_OK)
    throw Error(mpq_last_error());
}

static nb::typed<nb::list, nb::typed<nb::dict, nb::str, nb::any>> getOptions() {
  nb::list options;
  for (uint32_t i = 0; i < mpq_num_options(); ++i) {
    const mpq_option_info *info = mpq_get_option(i);
    nb::list choices;
    for (uint32_t c = 0; c < info->num_choices; ++c)
      choices.append(info->choices[c]);
    nb::dict option;
    option["name"] = info->name;
    option["kind"] = info->kind;
    option["description"] = info->description;
    option["default"] = info->default_value;
    option["choices"] = nb::tuple(choices);
    options.append(option);
  }
  return options;
}

NB_MODULE(_core, module) {
  nb::exception<Error>(module, "Error", PyExc_RuntimeError);
  module.def("version", mpq_version);
  module.def("options", getOptions);
  module.def("merge_profiles", mergeProfiles, "paths"_a, "output"_a);

  nb::class_<Tensor>(module, "Tensor")
      .def(nb::init<nb::handle, std::optional<std::string>>(), "array"_a,
           "dtype"_a = nb::none(),
           nb::sig("def __init__(self, array: object, dtype: str | None = "
                   "None) -> None"))
      .def_prop_ro("dtype", &Tensor::getDType)
      .def_prop_ro("shape", &Tensor::getShape,
                   nb::sig("def shape(self) -> tuple[int, ...]"))
      .def_prop_ro("writable",
                   [](const Tensor &tensor) { return tensor.isWritable; });

  nb::class_<Compiler>(module, "Compiler")
      .def(nb::init<>())
      .def("compile", &Compiler::compile, "name"_a, "data"_a.none(),
           "settings"_a, "path"_a.none(), "progress"_a.none(),
           nb::sig("def compile(self, name: str, data: bytes | None, settings: "
                   "collections.abc.Sequence[tuple[str, str]], path: str | "
                   "None, progress: collections.abc.Callable[[str, float, int, "
                   "int], object] | None) -> tuple[bytes, dict[str, int]]"))
      .def("calibrate", &Compiler::calibrate, "name"_a, "data"_a.none(),
           "next"_a, "settings"_a, "path"_a, "progress"_a.none(),
           nb::sig("def calibrate(self, name: str, data: bytes | None, next: "
                   "collections.abc.Callable[[list[tuple[str, str, tuple[int, "
                   "...]]]], list[object] | None], settings: "
                   "collections.abc.Sequence[tuple[str, str]], path: str, "
                   "progress: collections.abc.Callable[[str, float, int, int], "
                   "object] | None) -> None"));

  nb::class_<Simulation>(module, "Simulation")
      .def(
          "__init__",
          [](Simulation *self, Compiler &compiler, const std::string &name,
             std::optional<nb::bytes> data,
             std::optional<std::string> originalName,
             std::optional<nb::bytes> originalData, const Settings &settings,
             const std::vector<std::string> &precisions, nb::object progress) {
            new (self) Simulation(
                compiler.simulate(name, data, originalName, originalData,
                                  settings, precisions, std::move(progress)));
          },
          "compiler"_a, "name"_a, "data"_a.none(), "original_name"_a.none(),
          "original_data"_a.none(), "settings"_a, "precisions"_a,
          "progress"_a.none(), nb::keep_alive<1, 2>())
      .def("set_precision", &Simulation::setPrecision, "product"_a,
           "precision"_a)
      .def("run", &Simulation::run, "inputs"_a, "outputs"_a)
      .def("set_rounding", &Simulation::setRounding, "value"_a)
      .def("set_limits", &Simulation::setLimits, "value"_a, "low"_a, "high"_a)
      .def("read_weights", &Simulation::readWeights, "product"_a, "part"_a)
      .def_prop_ro("products", &Simulation::getProducts)
      .def_prop_ro("values", &Simulation::getValues)
      .def_prop_ro("inputs", &Simulation::getInputs)
      .def_prop_ro("outputs", &Simulation::getOutputs);

  nb::class_<Program>(module, "Program")
      .def_static("load", &Program::load, "path"_a, "threads"_a)
      .def_static("load_bytes", &Program::loadBytes, "data"_a, "threads"_a)
      .def("run", &Program::run, "inputs"_a, "outputs"_a)
      .def("profile", &Program::profile, "inputs"_a, "outputs"_a, "runs"_a,
           "trace"_a)
      .def_prop_ro(
          "name", [](const Program &program) { return program.getInfo().name; })
      .def_prop_ro(
          "target",
          [](const Program &program) { return program.getInfo().target; })
      .def_prop_ro("variant",
                   [](const Program &program) {
                     const char *name = mpq_get_variant(&program.getInfo());
                     return name ? std::optional<std::string>(name)
                                 : std::nullopt;
                   })
      .def_prop_ro("workspace_bytes",
                   [](const Program &program) {
                     return program.getInfo().workspace_bytes;
                   })
      .def_prop_ro("weights_bytes",
                   [](const Program &program) {
                     return program.getInfo().weights_bytes;
                   })
      .def_prop_ro("inputs",
                   [](const Program &program) {
                     return describe(program.getInfo().inputs,
                                     program.getInfo().num_inputs);
                   })
      .def_prop_ro("outputs",
                   [](const Program &program) {
                     return describe(program.getInfo().outputs,
                                     program.getInfo().num_outputs);
                   })
      .def_prop_ro("kernels", [](const Program &program) {
        nb::typed<nb::list, nb::str> names;
        for (uint32_t k = 0; k < program.getInfo().num_kernels; ++k)
          names.append(program.getInfo().kernels[k]);
        return names;
      });
}
