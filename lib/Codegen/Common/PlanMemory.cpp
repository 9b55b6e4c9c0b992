//===- PlanMemory.cpp - one workspace, one blob of weights ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The main function is a straight line of calls and views, so every tensor's
// place is known at compile time: which buffer, which byte, which strides.
// Workspace buffers that live at the same time get disjoint offsets, largest
// first (Y. Pisarchyk, J. Lee, Efficient Memory Management for Deep Neural Net
// Inference, 2020), then in orders found by local search while that leaves
// holes.
//
//===----------------------------------------------------------------------===//

#include "mpq/Codegen/KernelGroup.h"
#include "mpq/Codegen/ModuleInfo.h"
#include "mpq/Codegen/Passes.h"
#include "mpq/Dialect/ConstantData.h"
#include "mpq/Dialect/MPQDialect.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/xxhash.h"

#include <random>
#include <set>
#include <unordered_map>

namespace mpq {
#define GEN_PASS_DEF_PLANMEMORYPASS
#include "mpq/Codegen/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

/// Buffers and weights start on cache lines; vector reads of a partial group
/// may pass the last buffer's end by less than one.
static constexpr int64_t kAlignment = 64;

/// Orders of placement that are tried when the first one leaves holes.
static constexpr int kTrials = 2000;

namespace {
enum class Storage { Input, Output, Workspace, Weights };

/// Where a tensor lies. Offset in bytes, strides in elements.
struct Place {
  Storage storage;
  unsigned buffer; // input or output number, or index of the workspace buffer
  int64_t offset = 0;
  SmallVector<int64_t> strides;
};

struct WorkspaceBuffer {
  int64_t bytes;
  int64_t first, last; // positions of the calls that touch it
  int64_t offset = 0;
};

/// The bytes of constants, each once. They are found by their first line, so
/// that bytes whose constants nobody remembers can be shared, too.
class WeightPool {
public:
  /// Begins with the weights of another variant.
  void share(ArrayRef<char> weights) {
    bytes.assign(weights.begin(), weights.end());
    for (size_t at = 0; at < bytes.size(); at += kAlignment)
      addLine(at);
    shared = true;
  }

  /// Where the constant lies.
  int64_t place(ArrayRef<char> constant) {
    int64_t at = find(constant);
    if (at < 0) {
      at = bytes.size();
      bytes.insert(bytes.end(), constant.begin(), constant.end());
      bytes.resize(llvm::alignTo(bytes.size(), kAlignment), 0);
      addLine(at);
    }
    if (places.insert({at, constant.size()}).second)
      used += llvm::alignTo(constant.size(), kAlignment);
    return at;
  }

  const std::vector<char> &getBytes() const { return bytes; }

  /// Unless that is all.
  std::optional<int64_t> getUsed() const {
    return shared ? std::optional(used) : std::nullopt;
  }

private:
  static uint64_t hashLine(ArrayRef<char> line) {
    uint8_t padded[kAlignment] = {};
    std::copy_n(line.data(), std::min<size_t>(line.size(), kAlignment), padded);
    return llvm::xxh3_64bits(padded);
  }
  void addLine(size_t at) {
    lines.insert({hashLine(ArrayRef(bytes).drop_front(at)), at});
  }
  int64_t find(ArrayRef<char> constant) const {
    int64_t found = -1;
    auto [first, last] = lines.equal_range(hashLine(constant));
    for (auto line = first; line != last; ++line)
      if ((found < 0 || line->second < found) &&
          ArrayRef(bytes)
                  .drop_front(line->second)
                  .take_front(constant.size()) == constant)
        found = line->second;
    return found;
  }

  std::vector<char> bytes;
  std::unordered_multimap<uint64_t, int64_t> lines; // hash to offset
  std::set<std::pair<int64_t, size_t>> places;
  int64_t used = 0;
  bool shared = false;
};

class Planner {
public:
  Planner(ModuleOp module, func::FuncOp main)
      : module(module), main(main), b(main.getContext()) {}

  LogicalResult run();

private:
  LogicalResult assignOutputs();
  LogicalResult placeOperation(Operation *op, int64_t position);
  LogicalResult placeReshape(Operation *op);
  LogicalResult placeConstant(Operation *op, Attribute value);
  int64_t measureLiveBytes() const;
  void assignOffsets();
  LogicalResult rewriteMain();
  LogicalResult rewriteKernel(func::FuncOp kernel, ArrayRef<Type> types);
  MemRefType getBufferType(Value value);
  int64_t bytesOf(Value value) {
    return getBufferBytes(cast<RankedTensorType>(value.getType()));
  }
  void touch(Value value, int64_t position) {
    Place place = places.at(value);
    if (place.storage != Storage::Workspace)
      return;
    WorkspaceBuffer &buffer = buffers[place.buffer];
    buffer.first = std::min(buffer.first, position);
    buffer.last = std::max(buffer.last, position);
  }

  ModuleOp module;
  func::FuncOp main;
  OpBuilder b;
  std::map<void *, unsigned> outputOf; // tensor.empty -> output number
  struct Places {
    /// By value: setting one place may move the others.
    Place at(Value value) const { return map.find(value)->second; }
    void set(Value value, Place place) { map[value] = std::move(place); }
    DenseMap<Value, Place> map;
  } places;
  SmallVector<WorkspaceBuffer> buffers;
  WeightPool weights;
  int64_t workspaceSize = 0;
  ModuleInfo info;
};
} // namespace

LogicalResult Planner::assignOutputs() {
  auto ret = cast<func::ReturnOp>(main.getBody().front().getTerminator());
  for (OpOperand &operand : ret->getOpOperands()) {
    Value value = getStorage(operand.get());
    auto empty = value.getDefiningOp<tensor::EmptyOp>();
    if (!empty ||
        !outputOf.insert({empty.getOperation(), operand.getOperandNumber()})
             .second)
      return ret.emitError("result ")
             << operand.getOperandNumber()
             << " has no storage of its own: run mpq-place-in-buffers first";
  }
  return success();
}

LogicalResult Planner::placeConstant(Operation *op, Attribute) {
  Value value = op->getResult(0);
  std::optional<SmallVector<char>> bytes = readConstantBytes(value);
  if (!bytes)
    return op->emitError("expected a constant whose data are in the module");
  auto type = cast<RankedTensorType>(value.getType());
  places.set(value, Place{Storage::Weights, 0, weights.place(*bytes),
                          computeStrides(type.getShape())});
  return success();
}

/// Strides of a reshape of strided memory: groups of dimensions that are merged
/// must be evenly spaced.
LogicalResult Planner::placeReshape(Operation *op) {
  Place place = places.at(op->getOperand(0));
  auto from = cast<RankedTensorType>(op->getOperand(0).getType());
  auto to = cast<RankedTensorType>(op->getResult(0).getType());
  SmallVector<int64_t> strides;
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
    for (const ReassociationIndices &group :
         collapse.getReassociationIndices()) {
      int64_t stride = 1;
      bool first = true;
      int64_t expected = 0;
      for (int64_t d : llvm::reverse(group)) {
        if (from.getDimSize(d) == 1)
          continue;
        if (first)
          stride = place.strides[d];
        else if (place.strides[d] != expected)
          return op->emitError("cannot view strided memory in this shape");
        first = false;
        expected = place.strides[d] * from.getDimSize(d);
      }
      strides.push_back(stride);
    }
    // A scalar view has no dimensions.
    strides.resize(to.getRank(), 1);
  } else {
    auto expand = cast<tensor::ExpandShapeOp>(op);
    strides.resize(to.getRank(), 1);
    for (auto [source, group] :
         llvm::enumerate(expand.getReassociationIndices())) {
      int64_t stride = place.strides[source];
      for (int64_t d : llvm::reverse(group)) {
        strides[d] = stride;
        stride *= to.getDimSize(d);
      }
    }
  }
  place.strides = strides;
  places.set(op->getResult(0), place);
  return success();
}

LogicalResult Planner::placeOperation(Operation *op, int64_t position) {
  if (auto empty = dyn_cast<tensor::EmptyOp>(op)) {
    Place place;
    place.strides = computeStrides(empty.getType().getShape());
    if (auto output = outputOf.find(op); output != outputOf.end()) {
      place.storage = Storage::Output;
      place.buffer = output->second;
    } else {
      place.storage = Storage::Workspace;
      place.buffer = buffers.size();
      buffers.push_back({bytesOf(empty), INT64_MAX, -1});
    }
    places.set(empty, place);
    return success();
  }
  if (auto call = dyn_cast<func::CallOp>(op)) {
    places.set(call.getResult(0), places.at(getDestination(call)));
    for (Value operand : call.getOperands())
      if (isa<RankedTensorType>(operand.getType()))
        touch(operand, position);
    return success();
  }
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    Place place = places.at(slice.getSource());
    SmallVector<int64_t> strides;
    llvm::SmallBitVector dropped = slice.getDroppedDims();
    int64_t bytes = getElementBytes(slice.getType().getElementType());
    for (auto [d, stride] : llvm::enumerate(place.strides)) {
      place.offset += slice.getStaticOffsets()[d] * stride * bytes;
      if (!dropped.test(d))
        strides.push_back(stride * slice.getStaticStrides()[d]);
    }
    place.strides = strides;
    places.set(slice, place);
    return success();
  }
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(op)) {
    // Placement made the source be the slice: nothing moves.
    places.set(insert, places.at(insert.getDest()));
    return success();
  }
  if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
    return placeReshape(op);
  if (auto observe = dyn_cast<ObserveOp>(op)) {
    touch(observe.getValue(), position);
    return success();
  }
  if (Attribute value; matchPattern(op, m_Constant(&value))) {
    if (isa<RankedTensorType>(op->getResult(0).getType()))
      return placeConstant(op, value);
    return success();
  }
  if (isa<func::ReturnOp>(op))
    return success();
  return op->emitError("operation '")
         << op->getName()
         << "' cannot be compiled: expected kernels, views and "
         << "constants in the main function";
}

/// The largest sum of sizes of buffers that are needed at one point.
int64_t Planner::measureLiveBytes() const {
  std::map<int64_t, int64_t> change; // by position
  for (const WorkspaceBuffer &buffer : buffers)
    if (buffer.last >= 0) {
      change[buffer.first] += buffer.bytes;
      change[buffer.last + 1] -= buffer.bytes;
    }
  int64_t live = 0, most = 0;
  for (auto [position, bytes] : change)
    most = std::max(most, live += bytes);
  return most;
}

/// Gives the buffers offsets one after another, each in the smallest gap that
/// holds it; the bytes that all take together.
static int64_t placeInOrder(ArrayRef<WorkspaceBuffer *> order) {
  int64_t size = 0;
  for (auto [position, buffer] : llvm::enumerate(order)) {
    // Placed buffers of overlapping lifetimes.
    SmallVector<std::pair<int64_t, int64_t>> busy;
    for (WorkspaceBuffer *other : order.take_front(position))
      if (other->first <= buffer->last && buffer->first <= other->last)
        busy.push_back({other->offset, other->offset + other->bytes});
    llvm::sort(busy);
    int64_t best = -1, bestGap = INT64_MAX, from = 0;
    for (auto [begin, end] : busy) {
      int64_t gap = begin - from;
      if (gap >= buffer->bytes && gap < bestGap) {
        best = from;
        bestGap = gap;
      }
      from = std::max<int64_t>(from, llvm::alignTo(end, kAlignment));
    }
    buffer->offset = best >= 0 ? best : from;
    size = std::max(size, buffer->offset + buffer->bytes);
  }
  return size;
}

void Planner::assignOffsets() {
  SmallVector<WorkspaceBuffer *> order;
  for (WorkspaceBuffer &buffer : buffers)
    if (buffer.last >= 0)
      order.push_back(&buffer);
  // Equal sizes in their order in `buffers`.
  llvm::sort(order, [](WorkspaceBuffer *x, WorkspaceBuffer *y) {
    return std::make_pair(-x->bytes, x) < std::make_pair(-y->bytes, y);
  });
  // Largest first is seldom far from the least, but can be a third above it:
  // some buffer goes earlier in each try, and stays there if that does no harm.
  // `std::mt19937` gives the same numbers everywhere.
  int64_t least = llvm::alignTo(measureLiveBytes(), kAlignment);
  int64_t size = placeInOrder(order);
  std::mt19937 random(0);
  for (int trial = 0; trial < kTrials && size > least; ++trial) {
    SmallVector<WorkspaceBuffer *> candidate = order;
    auto moved = candidate.begin() + random() % candidate.size();
    std::rotate(candidate.begin() + random() % (moved - candidate.begin() + 1),
                moved, moved + 1);
    if (int64_t taken = placeInOrder(candidate); taken <= size) {
      size = taken;
      order = std::move(candidate);
    }
  }
  workspaceSize = llvm::alignTo(placeInOrder(order), kAlignment) + kAlignment;
}

MemRefType Planner::getBufferType(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  Place place = places.at(value);
  Type element = type.getElementType();
  if (place.strides == computeStrides(type.getShape()))
    return MemRefType::get(type.getShape(), element);
  auto layout = StridedLayoutAttr::get(b.getContext(), 0, place.strides);
  return MemRefType::get(type.getShape(), element, layout);
}

/// Changes a kernel on tensors to one on buffers whose body still is on
/// tensors.
LogicalResult Planner::rewriteKernel(func::FuncOp kernel,
                                     ArrayRef<Type> types) {
  OpBuilder::InsertionGuard guard(b);
  Block &body = kernel.getBody().front();
  b.setInsertionPointToStart(&body);
  unsigned destination = types.size() - 3;
  for (auto [index, type] : llvm::enumerate(types)) {
    BlockArgument argument = body.getArgument(index);
    auto buffer = dyn_cast<MemRefType>(type);
    if (!buffer)
      continue;
    Type tensor = argument.getType();
    argument.setType(buffer);
    auto view = bufferization::ToTensorOp::create(
        b, kernel.getLoc(), tensor, argument, /*restrict=*/true,
        /*writable=*/index == destination);
    argument.replaceAllUsesExcept(view.getResult(), view);
  }
  auto ret = cast<func::ReturnOp>(body.getTerminator());
  b.setInsertionPoint(ret);
  auto store = bufferization::MaterializeInDestinationOp::create(
      b, ret.getLoc(), ret.getOperand(0), body.getArgument(destination));
  store.setRestrict(true);
  store.setWritable(true);
  ret->eraseOperand(0);
  kernel.setFunctionType(b.getFunctionType(types, {}));
  return success();
}

LogicalResult Planner::rewriteMain() {
  Location loc = main.getLoc();
  Block &old = main.getBody().front();
  auto flat = [&](int64_t bytes) {
    return MemRefType::get({std::max<int64_t>(bytes, 1)}, b.getI8Type());
  };
  SmallVector<Type> types;
  for (BlockArgument argument : old.getArguments())
    types.push_back(flat(bytesOf(argument)));
  auto ret = cast<func::ReturnOp>(old.getTerminator());
  for (Value result : ret.getOperands())
    types.push_back(flat(bytesOf(result)));
  types.push_back(flat(weights.getBytes().size()));
  types.push_back(flat(workspaceSize));
  b.setInsertionPoint(main);
  auto planned = func::FuncOp::create(b, loc, "", b.getFunctionType(types, {}));
  Block *entry = planned.addEntryBlock();
  b.setInsertionPointToStart(entry);
  unsigned numInputs = old.getNumArguments();

  auto view = [&](Value value) -> Value {
    Place place = places.at(value);
    unsigned base = 0;
    int64_t offset = place.offset;
    switch (place.storage) {
    case Storage::Input:
      base = place.buffer;
      break;
    case Storage::Output:
      base = numInputs + place.buffer;
      break;
    case Storage::Weights:
      base = types.size() - 2;
      break;
    case Storage::Workspace:
      base = types.size() - 1;
      offset += buffers[place.buffer].offset;
      break;
    }
    MemRefType type = getBufferType(value);
    Value start = arith::ConstantIndexOp::create(b, value.getLoc(), offset);
    if (type.getLayout().isIdentity())
      return memref::ViewOp::create(b, value.getLoc(), type,
                                    entry->getArgument(base), start,
                                    ValueRange{});
    int64_t span = 1;
    for (auto [extent, stride] : llvm::zip(type.getShape(), place.strides))
      span += (extent - 1) * stride;
    Value line = memref::ViewOp::create(
        b, value.getLoc(), MemRefType::get({span}, type.getElementType()),
        entry->getArgument(base), start, ValueRange{});
    return memref::ReinterpretCastOp::create(b, value.getLoc(), type, line, 0,
                                             type.getShape(), place.strides);
  };

  for (Operation &op : old) {
    if (auto call = dyn_cast<func::CallOp>(op)) {
      auto kernel = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
          main, call.getCalleeAttr());
      SmallVector<Value> operands;
      for (Value operand : call.getOperands().drop_back(2))
        operands.push_back(view(operand));
      Value zero = arith::ConstantIndexOp::create(b, op.getLoc(), 0);
      operands.append(2, zero);
      SmallVector<Type> operandTypes(ValueRange(operands).getTypes());
      if (failed(rewriteKernel(kernel, operandTypes)))
        return failure();
      func::CallOp::create(b, op.getLoc(), kernel, operands);
    }
    if (auto observe = dyn_cast<ObserveOp>(op)) {
      // A declared function stands for the hook until the dispatcher knows the
      // context.
      MemRefType type = getBufferType(observe.getValue());
      OpBuilder outer(planned);
      auto hook = func::FuncOp::create(
          outer, op.getLoc(),
          (kObserverPrefix + Twine(info.observers.size())).str(),
          b.getFunctionType({type}, {}));
      hook.setPrivate();
      hook->setAttr(kObservedCountAttr,
                    b.getI64IntegerAttr(type.getNumElements()));
      info.observers.push_back(observe.getId().str());
      func::CallOp::create(b, op.getLoc(), hook,
                           ValueRange{view(observe.getValue())});
    }
  }
  func::ReturnOp::create(b, loc);
  std::string name = main.getName().str();
  main.erase();
  planned.setName(name);
  return success();
}

LogicalResult Planner::run() {
  FailureOr<ArrayRef<char>> shared = ModuleInfo::getSharedWeights(module);
  if (failed(shared))
    return failure();
  if (!shared->empty())
    weights.share(*shared);
  info.model = main.getName().str();
  for (BlockArgument argument : main.getArguments()) {
    unsigned n = argument.getArgNumber();
    auto type = cast<RankedTensorType>(argument.getType());
    auto name =
        main.getArgAttrOfType<StringAttr>(n, MPQDialect::getNameAttrName());
    info.inputs.push_back(
        {name ? name.str() : ("input" + Twine(n)).str(), type,
         bool(main.getArgAttr(n, MPQDialect::getUnsignedAttrName()))});
    places.set(argument,
               Place{Storage::Input, n, 0, computeStrides(type.getShape())});
  }
  for (auto [n, resultType] : llvm::enumerate(main.getResultTypes())) {
    auto type = cast<RankedTensorType>(resultType);
    auto name =
        main.getResultAttrOfType<StringAttr>(n, MPQDialect::getNameAttrName());
    info.outputs.push_back(
        {name ? name.str() : ("output" + Twine(n)).str(), type,
         bool(main.getResultAttr(n, MPQDialect::getUnsignedAttrName()))});
  }
  if (failed(assignOutputs()))
    return failure();
  int64_t position = 0;
  for (Operation &op : main.getBody().front())
    if (failed(placeOperation(&op, position++)))
      return failure();
  assignOffsets();
  if (failed(rewriteMain()))
    return failure();
  info.workspaceSize = workspaceSize;
  info.liveBytes = measureLiveBytes();
  ArrayRef<char> bytes(weights.getBytes());
  if (!bytes.empty())
    info.weights = DenseResourceElementsAttr::get(
        RankedTensorType::get({int64_t(bytes.size())}, b.getI8Type()),
        "weights",
        HeapAsmResourceBlob::allocateAndCopyWithAlign(bytes, kAlignment));
  info.weightsUsed = weights.getUsed();
  info.set(module);
  return success();
}

namespace {
struct PlanMemory : mpq::impl::PlanMemoryPassBase<PlanMemory> {
  using PlanMemoryPassBase::PlanMemoryPassBase;

  void runOnOperation() override {
    FailureOr<func::FuncOp> main = getMainFunction(getOperation());
    if (failed(main) || failed(Planner(getOperation(), *main).run()))
      signalPassFailure();
  }
};
} // namespace
