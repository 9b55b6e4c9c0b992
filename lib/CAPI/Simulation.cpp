//===- Simulation.cpp - mpq_simulation_* ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CompilerCall.h"

#include "mpq/Driver/Simulation.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mpq;

struct mpq_simulation {
  explicit mpq_simulation(std::unique_ptr<Simulation> simulation);

  std::unique_ptr<Simulation> simulation;
  std::vector<std::vector<const char *>> precisions;
  std::vector<mpq_simulated_product> products;
  std::vector<mpq_simulated_value> values;
  std::vector<mpq_tensor_info> inputs, outputs;
};

static std::vector<mpq_tensor_info> describe(ArrayRef<TensorInfo> tensors) {
  std::vector<mpq_tensor_info> infos;
  for (const TensorInfo &tensor : tensors)
    infos.push_back({tensor.name.c_str(), tensor.type.getShape().data(),
                     uint32_t(tensor.getDType().value_or(mpq_dtype(0))),
                     uint32_t(tensor.type.getRank()),
                     uint64_t(tensor.getSizeInBytes())});
  return infos;
}

mpq_simulation::mpq_simulation(std::unique_ptr<Simulation> made)
    : simulation(std::move(made)), inputs(describe(simulation->getInputs())),
      outputs(describe(simulation->getOutputs())) {
  for (const SimulatedProduct &product : simulation->getProducts()) {
    std::vector<const char *> &names = precisions.emplace_back();
    for (PrecisionKind kind : product.precisions)
      names.push_back(stringifyPrecisionKind(kind).data());
    products.push_back(
        {product.id.c_str(), product.kind.c_str(), product.macs,
         product.weights, names.data(), uint32_t(names.size()),
         product.weightShape.data(), uint32_t(product.weightShape.size()),
         product.channelDims.data(), uint32_t(product.channelDims.size()),
         uint32_t(product.hasOriginalWeights)});
  }
  for (const SimulatedValue &value : simulation->getValues())
    values.push_back({value.id.c_str(), value.scale, value.zeroPoint,
                      value.lowest, value.highest, uint32_t(value.isRead)});
}

int mpq_simulation_create(mpq_compiler *compiler, const mpq_source *source,
                          const mpq_source *original,
                          const mpq_setting *settings, size_t num_settings,
                          const char *const *precisions, size_t num_precisions,
                          mpq_simulation **result) {
  *result = nullptr;
  llvm::SmallVector<PrecisionKind> kinds;
  for (StringRef name : ArrayRef(precisions, num_precisions)) {
    std::optional<PrecisionKind> kind = symbolizePrecisionKind(name);
    if (!kind || !Simulation::canSimulate(*kind))
      return setLastError("expected a precision to simulate (f32, int8, int16, "
                          "int4, int2) but got '" +
                          name.str() + "'");
    kinds.push_back(*kind);
  }
  CompilerCall call(*compiler, *source, "compilation");
  if (llvm::Error error = call.apply({settings, num_settings}))
    return toStatus(std::move(error));
  ModelSource originalModel =
      original ? toModelSource(*original) : ModelSource();
  FailureOr<std::unique_ptr<Simulation>> simulation =
      Simulation::create(compiler->context, call.model, call.options, kinds,
                         call.monitor, original ? &originalModel : nullptr);
  if (succeeded(simulation))
    *result = new mpq_simulation(std::move(*simulation));
  return call.finish(simulation);
}

void mpq_simulation_destroy(mpq_simulation *simulation) { delete simulation; }

const mpq_simulated_product *
mpq_simulation_products(const mpq_simulation *simulation, uint32_t *count) {
  *count = uint32_t(simulation->products.size());
  return simulation->products.data();
}

const mpq_tensor_info *mpq_simulation_inputs(const mpq_simulation *simulation,
                                             uint32_t *count) {
  *count = uint32_t(simulation->inputs.size());
  return simulation->inputs.data();
}

const mpq_tensor_info *mpq_simulation_outputs(const mpq_simulation *simulation,
                                              uint32_t *count) {
  *count = uint32_t(simulation->outputs.size());
  return simulation->outputs.data();
}

int mpq_simulation_set_precision(mpq_simulation *simulation, uint32_t product,
                                 const char *precision) {
  ArrayRef<SimulatedProduct> products = simulation->simulation->getProducts();
  if (product >= products.size())
    return setLastError("expected the number of a product below " +
                        std::to_string(products.size()) + " but got " +
                        std::to_string(product));
  std::optional<PrecisionKind> kind = symbolizePrecisionKind(precision);
  if (!kind || !llvm::is_contained(products[product].precisions, *kind)) {
    auto names =
        llvm::map_range(products[product].precisions, [](PrecisionKind known) {
          return stringifyPrecisionKind(known);
        });
    return setLastError("expected a precision of product '" +
                        products[product].id + "' (" + llvm::join(names, ", ") +
                        ") but got '" + precision + "'");
  }
  simulation->simulation->setPrecision(product, *kind);
  return MPQ_OK;
}

const mpq_simulated_value *
mpq_simulation_values(const mpq_simulation *simulation, uint32_t *count) {
  *count = uint32_t(simulation->values.size());
  return simulation->values.data();
}

static int checkValue(const mpq_simulation *simulation, uint32_t value) {
  if (value < simulation->values.size())
    return MPQ_OK;
  return setLastError("expected the number of a value below " +
                      std::to_string(simulation->values.size()) + " but got " +
                      std::to_string(value));
}

int mpq_simulation_set_rounding(mpq_simulation *simulation, uint32_t value) {
  int status = checkValue(simulation, value);
  if (status == MPQ_OK)
    simulation->simulation->setRounding(value);
  return status;
}

int mpq_simulation_set_limits(mpq_simulation *simulation, uint32_t value,
                              float low, float high) {
  int status = checkValue(simulation, value);
  if (status == MPQ_OK)
    simulation->simulation->setLimits(value, low, high);
  return status;
}

int mpq_simulation_read_weights(const mpq_simulation *simulation,
                                uint32_t product, mpq_weights_part part,
                                float *numbers) {
  ArrayRef<SimulatedProduct> products = simulation->simulation->getProducts();
  if (product >= products.size() || products[product].weights == 0)
    return setLastError("expected the number of a product with constant "
                        "weights but got " +
                        std::to_string(product));
  if (part > MPQ_WEIGHTS_SCALES)
    return setLastError("unknown part of weights " + std::to_string(part));
  simulation->simulation->readWeights(
      product, WeightsPart(part), {numbers, size_t(products[product].weights)});
  return MPQ_OK;
}

/// An error if a tensor is not what the model has at its place.
static llvm::Error check(const mpq_tensor &tensor, const mpq_tensor_info &info,
                         StringRef what) {
  ArrayRef<int64_t> expected(info.dims, info.rank),
      given(tensor.dims, tensor.rank);
  if (tensor.data && tensor.dtype == info.dtype && expected == given)
    return llvm::Error::success();
  auto print = [](ArrayRef<int64_t> shape) {
    std::string text = "[";
    for (auto [i, extent] : llvm::enumerate(shape))
      text += (i ? "," : "") + std::to_string(extent);
    return text + "]";
  };
  return llvm::createStringError(
      "expected data type " + Twine(info.dtype) + " and shape " +
      print(expected) + " of " + what + " '" + info.name + "' but got " +
      (tensor.data ? "data type " + std::to_string(tensor.dtype) +
                         " and shape " + print(given)
                   : "no data"));
}

int mpq_simulation_run(mpq_simulation *simulation, const mpq_tensor *inputs,
                       mpq_tensor *outputs) {
  SmallVector<const void *> in;
  SmallVector<void *> out;
  for (auto [i, info] : llvm::enumerate(simulation->inputs)) {
    if (llvm::Error error = check(inputs[i], info, "input"))
      return toStatus(std::move(error));
    in.push_back(inputs[i].data);
  }
  for (auto [i, info] : llvm::enumerate(simulation->outputs)) {
    if (llvm::Error error = check(outputs[i], info, "output"))
      return toStatus(std::move(error));
    out.push_back(outputs[i].data);
  }
  simulation->simulation->run(in, out);
  return MPQ_OK;
}
