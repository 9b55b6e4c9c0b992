//===- CollectReport.cpp - the facts of a report, from the IR ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The graph that a report shows is the one after assign: its operations are
// those of the source model, and each has its decision on it. Later phases tear
// them apart, so what they decide is read as soon as they have run.
//
//===----------------------------------------------------------------------===//

#include "mpq/Driver/Report.h"

#include "mpq/Analysis/RangeAnalysis.h"
#include "mpq/Analysis/ScaleGroups.h"
#include "mpq/Dialect/ConstantView.h"
#include "mpq/Dialect/MPQInterfaces.h"
#include "mpq/Dialect/ValueId.h"
#include "mpq/Transforms/Assign/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mpq;

/// "<ONNX operator>:<node>": the location below the value's name.
static StringRef findNode(Location location) {
  if (auto name = dyn_cast<NameLoc>(location)) {
    auto node = dyn_cast<NameLoc>(name.getChildLoc());
    return node ? node.getName().getValue() : StringRef();
  }
  if (auto callSite = dyn_cast<CallSiteLoc>(location))
    return findNode(callSite.getCallee());
  if (auto fused = dyn_cast<FusedLoc>(location))
    for (Location part : fused.getLocations())
      if (StringRef node = findNode(part); !node.empty())
        return node;
  return {};
}

static StringRef getGenericKind(linalg::GenericOp op) {
  if (op.getNumReductionLoops() > 0)
    return "reduction";
  bool gathers = llvm::any_of(op.getBody()->getOperations(),
                              llvm::IsaPred<tensor::ExtractOp>);
  return gathers ? "gather" : "elementwise";
}

static StringRef getKind(Operation *op) {
  if (auto product = dyn_cast<QuantizableOpInterface>(op);
      product && product.isProduct())
    return getProductKind(product);
  return llvm::TypeSwitch<Operation *, StringRef>(op)
      .Case([](UnitOp unit) { return unit.getKind(); })
      .Case([](QuantizeOp) { return "quantize"; })
      .Case([](DequantizeOp) { return "dequantize"; })
      .Case<tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::ReshapeOp>(
          [](auto) { return "reshape"; })
      .Case([](tensor::ExtractSliceOp) { return "slice"; })
      .Case<tensor::ConcatOp, tensor::InsertSliceOp>(
          [](auto) { return "concat"; })
      .Case([](tensor::PadOp) { return "pad"; })
      .Case([](linalg::TransposeOp) { return "transpose"; })
      .Case([](linalg::BroadcastOp) { return "broadcast"; })
      .Case([](linalg::GenericOp op) { return getGenericKind(op); })
      .Default([](Operation *op) -> StringRef {
        StringRef name = op->getName().getStringRef();
        return name.contains("pooling") ? "pool" : name;
      });
}

static std::optional<ReportRounding> readRounding(Operation *op) {
  auto asked = op->getAttrOfType<WeightRoundingAttr>(
      MPQDialect::getWeightRoundingAttrName());
  auto rounded = op->getAttrOfType<RoundedWeightsAttr>(
      MPQDialect::getRoundedWeightsAttrName());
  if (rounded)
    asked = rounded.getRounding();
  if (!asked)
    return std::nullopt;
  ReportRounding record;
  record.kind = stringifyWeightRoundingKind(asked.getKind()).str();
  record.scales = stringifyWeightScalesKind(asked.getScales()).str();
  if (asked.getReason())
    record.reason = asked.getReason().str();
  if (rounded) {
    record.nearestError = rounded.getErrors()[0];
    record.error = rounded.getErrors()[1];
    record.damping = rounded.getErrors()[2];
  }
  return record;
}

/// Bits in which memory holds what `value` is moved from; 0: it is float.
static unsigned getStoredBits(Value value) {
  SmallVector<Value> roots;
  collectScaleRoots(value, roots);
  auto dequantize = roots.empty() ? DequantizeOp()
                                  : roots.front().getDefiningOp<DequantizeOp>();
  return dequantize ? getElementTypeOrSelf(dequantize.getInput().getType())
                          .getIntOrFloatBitWidth()
                    : 0;
}

/// The precision of a product of these, weights or another activation.
static PrecisionKind getIntegerPrecision(Value activation, Value weights) {
  if (getStoredBits(activation) == 16)
    return PrecisionKind::Int16;
  if (auto dequantize = weights.getDefiningOp<DequantizeOp>())
    weights = dequantize.getInput();
  Type element = getElementTypeOrSelf(weights.getType());
  return element.isInteger(4)   ? PrecisionKind::Int4
         : element.isInteger(2) ? PrecisionKind::Int2
                                : PrecisionKind::Int8;
}

/// What it computes in, and why not in integers.
static void recordPrecision(Operation *op, ReportOperation &record) {
  if (auto product = dyn_cast<QuantizableOpInterface>(op);
      product && product.isProduct()) {
    record.macs = product.getMultiplyAccumulates();
    record.rounding = readRounding(op);
    auto precision =
        op->getAttrOfType<PrecisionAttr>(MPQDialect::getPrecisionAttrName());
    if (precision) {
      record.precision = precision.getKind();
      if (precision.getReason())
        record.reason = precision.getReason().str();
      return;
    }
    // Nothing was assigned: it stays, unless the model came quantized.
    record.precision = PrecisionKind::F32;
    record.reason = "precision f32 is the default";
    return;
  }
  if (!hasFloatArithmetic(op))
    return;
  record.precision = PrecisionKind::F32;
  record.reason = "no product: its arithmetic is float";
}

/// Operands and what the body reads from outside.
static llvm::SetVector<Value> getReadValues(Operation *op) {
  llvm::SetVector<Value> values(op->operand_begin(), op->operand_end());
  op->walk([&](Operation *nested) {
    for (Value operand : nested->getOperands())
      if (operand.getParentBlock() == op->getBlock())
        values.insert(operand);
  });
  return values;
}

void ReportBuilder::recordFunction(FunctionOpInterface function) {
  ValueIds ids(function);
  RangeAnalysis ranges(function);
  auto addValue = [&](Value value) {
    auto type = dyn_cast<ShapedType>(value.getType());
    if (!type)
      return;
    ReportValue &record = report.values.emplace_back();
    record.id = ids.lookup(value).str();
    llvm::raw_string_ostream(record.type) << type.getElementType();
    llvm::append_range(record.shape, type.getShape());
    if (std::optional<RangeAttr> range = ranges.lookup(value))
      record.range = *range;
    valueOf[value] = report.values.size() - 1;
  };
  for (BlockArgument argument : function.getArguments()) {
    addValue(argument);
    report.inputs.push_back(ids.lookup(argument).str());
  }
  for (Operation &op : function.getFunctionBody().front()) {
    if (op.hasTrait<OpTrait::IsTerminator>()) {
      for (Value operand : op.getOperands())
        report.outputs.push_back(ids.lookup(operand).str());
      continue;
    }
    // What does not depend on the inputs is no part of the graph.
    llvm::SetVector<Value> read = getReadValues(&op);
    read.remove_if([&](Value value) { return !valueOf.contains(value); });
    if (read.empty() || op.getNumResults() == 0)
      continue;
    ReportOperation &record = report.operations.emplace_back();
    operationOf[&op] = report.operations.size() - 1;
    record.id = ids.lookup(op.getResult(0)).str();
    record.node = findNode(op.getLoc()).str();
    record.kind = getKind(&op).str();
    record.operation = op.getName().getStringRef().str();
    for (Value value : read)
      record.operands.push_back(report.values[valueOf[value]].id);
    for (Value result : op.getResults()) {
      addValue(result);
      record.results.push_back(ids.lookup(result).str());
    }
    recordPrecision(&op, record);
  }
}

void ReportBuilder::recordAssigned(ModuleOp module) {
  report.target =
      module->getAttrOfType<TargetAttr>(MPQDialect::getTargetAttrName());
  for (auto function : module.getOps<FunctionOpInterface>()) {
    if (function.isExternal() || !function.isPublic())
      continue;
    report.model = function.getName().str();
    recordFunction(function);
  }
  // What the model came with.
  recordQuantized(module);
}

/// Scale and zero point of a tensor that has one of each.
static std::optional<ReportQuantization> readParameters(QuantizeOp op) {
  std::optional<ConstantView> scale = ConstantView::get(op.getScale());
  std::optional<ConstantView> zeroPoint = ConstantView::get(op.getZeroPoint());
  if (!scale || !zeroPoint || (scale->size() != 1 && !scale->isSplat()) ||
      (zeroPoint->size() != 1 && !zeroPoint->isSplat()))
    return std::nullopt;
  ReportQuantization parameters;
  parameters.scale = scale->getFloat(0);
  parameters.zeroPoint = zeroPoint->getInt(0, op.getIsUnsigned());
  std::tie(parameters.lowest, parameters.highest) = op.getLimits();
  return parameters;
}

/// Of an operand that is dequantized constants.
static std::optional<ReportWeights> readWeights(Value value) {
  auto dequantize = value.getDefiningOp<DequantizeOp>();
  if (!dequantize || !ConstantView::get(dequantize.getInput()))
    return std::nullopt;
  std::optional<ConstantView> scales = ConstantView::get(dequantize.getScale());
  if (!scales || scales->size() == 0)
    return std::nullopt;
  ReportWeights weights;
  weights.channels = scales->size();
  weights.smallestScale = weights.largestScale = scales->getFloat(0);
  for (int64_t i = 1; i < (scales->isSplat() ? 1 : scales->size()); ++i) {
    double scale = scales->getFloat(i);
    weights.smallestScale = std::min(weights.smallestScale, scale);
    weights.largestScale = std::max(weights.largestScale, scale);
  }
  return weights;
}

void ReportBuilder::recordQuantized(ModuleOp module) {
  module.walk([&](QuantizeOp op) {
    auto value = valueOf.find(op.getInput());
    if (value != valueOf.end())
      report.values[value->second].quantization = readParameters(op);
  });
  // Values that are 8 bits in memory: dequantized ones, and what only moves
  // them (mpq-move-on-integers).
  llvm::SmallDenseSet<Value> stored;
  auto recordStorage = [&](Operation *op) {
    auto isStored = [&](Value value) { return stored.contains(value); };
    auto dequantize = dyn_cast<DequantizeOp>(op);
    bool reads = dequantize ? !ConstantView::get(dequantize.getInput())
                            : llvm::any_of(op->getOperands(), isStored);
    bool moves =
        onlyMovesElements(op) && llvm::all_of(op->getOperands(), [&](Value v) {
          return isStored(v) || !valueOf.contains(v);
        });
    if (reads && (dequantize || moves))
      stored.insert(op->result_begin(), op->result_end());
    auto found = operationOf.find(op);
    if (found == operationOf.end())
      return;
    ReportOperation &record = report.operations[found->second];
    record.readsIntegers = reads;
    record.writesIntegers =
        isa<QuantizeOp>(op) || (reads && moves) ||
        llvm::any_of(op->getUsers(), llvm::IsaPred<QuantizeOp>);
    auto product = dyn_cast<QuantizableOpInterface>(op);
    if (product && product.isProduct()) {
      Value weights = product.getWeightOperand().get();
      record.weights = readWeights(weights);
      // Not of products that have got another precision.
      if ((!record.precision || record.precision == PrecisionKind::F32) &&
          (record.weights || isStored(weights)) &&
          isStored(product.getActivationOperand().get())) {
        record.precision =
            getIntegerPrecision(product.getActivationOperand().get(), weights);
        record.reason.clear();
      }
    } else if (record.precision && reads) {
      bool isWide = llvm::any_of(op->getOperands(), [](Value operand) {
        return getStoredBits(operand) == 16;
      });
      record.reason = llvm::formatv(
          "no product: its arithmetic is float, on {0}-bit values{1}",
          isWide ? 16 : 8,
          record.writesIntegers ? " in and out" : " that it reads");
    } else if (record.precision && record.writesIntegers) {
      bool isWide = llvm::any_of(op->getUsers(), [](Operation *user) {
        auto quantize = dyn_cast<QuantizeOp>(user);
        return quantize &&
               getElementTypeOrSelf(quantize.getType()).isInteger(16);
      });
      record.reason = llvm::formatv("no product: its arithmetic is float, its "
                                    "result is stored in {0} bits",
                                    isWide ? 16 : 8);
    }
  };
  for (auto function : module.getOps<FunctionOpInterface>())
    if (!function.isExternal())
      for (Operation &op : function.getFunctionBody().front())
        recordStorage(&op);
}

void ReportBuilder::recordProfile(const Profile &profile) {
  report.calibrationSamples = profile.samples;
  for (ReportValue &value : report.values) {
    auto found = profile.values.find(value.id);
    if (found != profile.values.end() && !found->second.empty())
      value.histogram = ReportHistogram::reduce(found->second);
  }
}

void ReportBuilder::recordErrors(const LayerErrors &errors) {
  report.errorSamples = errors.samples;
  std::map<std::string, LayerError> known = errors.values;
  // What only has another shape is not observed, but may be an output.
  for (const ReportOperation &op : report.operations)
    if (op.kind == "reshape" || op.kind == "transpose")
      if (auto source = known.find(op.operands.front()); source != known.end())
        known.try_emplace(op.id, source->second);
  for (ReportValue &value : report.values)
    if (auto found = known.find(value.id); found != known.end())
      value.error = found->second;
}

void ReportBuilder::recordKernels(const ModuleInfo &info) {
  report.kernels.assign(info.kernels.begin(), info.kernels.end());
  report.kernelWork.assign(info.kernelWork.begin(), info.kernelWork.end());
  report.workspace = info.workspaceSize;
}

void ReportBuilder::recordVariant(StringRef name, TargetAttr target,
                                  const ModuleInfo &info) {
  if (report.variants.empty())
    recordKernels(info);
  report.variants.push_back({name.str(),
                             target,
                             info.workspaceSize,
                             {info.kernels.begin(), info.kernels.end()},
                             {info.kernelWork.begin(), info.kernelWork.end()}});
}
