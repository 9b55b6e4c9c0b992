//===- FormKernels.cpp - group operations into outlined kernels ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel is what runs without touching memory in between: a product with the
// elementwise generic on its result, a row-wise group (softmax, norm), a
// windowed reduction with its epilogue, or an elementwise generic alone.
// Groups grow backwards from their last operation: a producer joins when
// all its users are inside and its loops agree with theirs.
//
// Each group is outlined as a destination-passing function on tensors with the
// range of work items it computes; the main function keeps calls, views and
// constants (docs/Architecture.md, "Inside codegen").
//
//===----------------------------------------------------------------------===//

#include "mpq/Codegen/KernelGroup.h"
#include "mpq/Codegen/Passes.h"
#include "mpq/Dialect/ConstantData.h"
#include "mpq/Dialect/MPQDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/SetVector.h"

namespace mpq {
#define GEN_PASS_DEF_FORMKERNELSPASS
#include "mpq/Codegen/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

namespace {
using Group = llvm::SetVector<Operation *>;
} // namespace

/// Bytes of a row that stays in the second-level cache between the operations
/// of a row-wise group.
static constexpr int64_t kMostRowBytes = 256 << 10;

//===----------------------------------------------------------------------===//
// Which operations go together
//===----------------------------------------------------------------------===//

/// Operations a kernel copies instead of taking as operands.
static bool isCopiedIntoKernels(Operation *op) {
  if (isa<tensor::EmptyOp, linalg::FillOp>(op))
    return true;
  if (!op->hasTrait<OpTrait::ConstantLike>())
    return false;
  auto tensor = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  return !tensor || tensor.getNumElements() == 1;
}

static int64_t getBytes(Value tensor) {
  return getBufferBytes(cast<RankedTensorType>(tensor.getType()));
}

static bool allUsersIn(Operation *op, const Group &group) {
  return llvm::all_of(op->getUsers(),
                      [&](Operation *user) { return group.contains(user); });
}

/// True if `consumer` reads `producer`'s result element by element at its own
/// place in the result, and only moves through the body once.
static bool readsInPlace(linalg::GenericOp consumer, Operation *producer) {
  if (!isElementwise(consumer))
    return false;
  for (OpOperand *operand : consumer.getDpsInputOperands())
    if (operand->get().getDefiningOp() == producer &&
        !consumer.getMatchingIndexingMap(operand).isIdentity())
      return false;
  return consumer.getMatchingIndexingMap(consumer.getDpsInitOperand(0))
      .isIdentity();
}

/// Products and windowed reductions: one producer of `last` joins it.
static Operation *findRoot(linalg::GenericOp last) {
  Operation *root = nullptr;
  for (Value input : last.getInputs()) {
    Operation *producer = input.getDefiningOp();
    if (!producer || !isRoot(producer) || !readsInPlace(last, producer) ||
        !llvm::all_of(producer->getUsers(),
                      [&](Operation *user) { return user == last; }))
      continue;
    if (!root || root->isBeforeInBlock(producer))
      root = producer;
  }
  return root;
}

/// What turns the left side of `product` and would join its kernel: each work
/// item turns its rows.
static linalg::GenericOp findImageTurn(Operation *product) {
  auto contract = dyn_cast_or_null<ContractOp>(product);
  if (!contract)
    return nullptr;
  Value image = contract.getLhs();
  auto turn = image.getDefiningOp<linalg::GenericOp>();
  if (!turn || !isTurn(turn) || !turn->hasOneUse() ||
      !isa<BlockArgument>(getStorage(turn.getInputs()[0])) ||
      !isLargeTurn(image) || !fitsTurnedBlock(product, image) ||
      // Blocks of columns would each turn the image.
      getBytes(image) <= getBytes(contract.getRhs()))
    return nullptr;
  return turn;
}

/// What a product's result is turned by joins it, so that blocks of the result
/// stay in the cache meanwhile.
static Group growTurn(linalg::GenericOp last) {
  Group group;
  group.insert(last);
  Value result = last.getInputs()[0];
  Operation *producer = result.getDefiningOp();
  if (!producer || !producer->hasOneUse())
    return group;
  auto epilogue = dyn_cast<linalg::GenericOp>(producer);
  Operation *product = epilogue ? findRoot(epilogue) : producer;
  if (!isa_and_nonnull<ContractOp, ConvOp>(product) ||
      !fitsTurnedBlock(product, result) ||
      !(isLargeTurn(result) || findImageTurn(product)))
    return group;
  // A depthwise product of bytes is over too soon to hide the writes behind it.
  if (auto conv = dyn_cast<ConvOp>(product);
      conv && conv.getDepthwise() && conv.isInteger())
    return group;
  group.insert(producer);
  group.insert(product);
  return group;
}

/// What `op` reads for one of `rows` stays in the second-level cache; an image
/// that is one row would not be shared by threads either.
static bool hasShortRows(linalg::GenericOp op, ArrayRef<int64_t> rows) {
  return llvm::all_of(op.getDpsInputs(), [&](Value input) {
    return !isa<RankedTensorType>(input.getType()) ||
           getBytes(input) / llvm::product_of(rows) < kMostRowBytes;
  });
}

/// Row-wise groups: everything with the same leading rows whose users are all
/// inside, as long as something reduces a row.
static Group growRows(linalg::GenericOp last) {
  Group group;
  group.insert(last);
  SmallVector<int64_t> rows = getRowShape(last);
  if (rows.empty())
    return group;
  for (unsigned i = 0; i < group.size(); ++i) {
    for (Value operand : group[i]->getOperands()) {
      auto producer = operand.getDefiningOp<linalg::GenericOp>();
      if (!producer || group.contains(producer) ||
          !allUsersIn(producer, group) || !isRowWise(producer, rows) ||
          !hasShortRows(producer, rows))
        continue;
      group.insert(producer);
      // A new member may complete the users of earlier candidates.
      i = -1;
      break;
    }
  }
  bool reduces = llvm::any_of(group, [](Operation *op) {
    return cast<linalg::GenericOp>(op).getNumReductionLoops() > 0;
  });
  if (!reduces || !isRowWise(last, rows)) {
    group.clear();
    group.insert(last);
  }
  return group;
}

/// The tensor.empty an operation's result is written to, through fills.
static tensor::EmptyOp findDestination(Value init) {
  while (auto fill = init.getDefiningOp<linalg::FillOp>())
    init = fill.getOutputs()[0];
  return init.getDefiningOp<tensor::EmptyOp>();
}

/// Gives every generic an init it may overwrite: copies what others need, and
/// drops what is never read.
static void separateInits(Block &block) {
  SmallVector<linalg::GenericOp> generics;
  for (auto generic : block.getOps<linalg::GenericOp>())
    if (generic.getNumResults() == 1)
      generics.push_back(generic);
  for (linalg::GenericOp generic : generics) {
    OpOperand *init = generic.getDpsInitOperand(0);
    Operation *producer = init->get().getDefiningOp();
    if (findDestination(init->get()) ||
        (isa_and_nonnull<linalg::GenericOp>(producer) &&
         init->get().hasOneUse()))
      continue;
    OpBuilder builder(generic);
    Location loc = generic.getLoc();
    auto type = cast<RankedTensorType>(init->get().getType());
    Value empty = tensor::EmptyOp::create(builder, loc, type.getShape(),
                                          type.getElementType());
    if (generic.getMatchingBlockArgument(init).use_empty()) {
      init->set(empty);
      continue;
    }
    // Not a generic: canonicalization would fold it away.
    init->set(
        linalg::CopyOp::create(builder, loc, init->get(), empty).getResult(0));
  }
}

/// All groups, in program order of their last operations.
static SmallVector<Group> findGroups(Block &block) {
  SmallVector<Group> groups;
  llvm::DenseSet<Operation *> taken;
  for (Operation &op : llvm::reverse(block)) {
    if (taken.contains(&op) || isCopiedIntoKernels(&op))
      continue;
    Group group;
    if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
      group = isTurn(generic) ? growTurn(generic) : growRows(generic);
      if (group.size() == 1)
        if (Operation *root = findRoot(generic))
          group.insert(root);
    } else if (isRoot(&op) || isa<linalg::CopyOp>(op)) {
      group.insert(&op);
    } else {
      continue;
    }
    for (Operation *member : group)
      if (linalg::GenericOp turn = findImageTurn(member)) {
        group.insert(turn);
        break;
      }
    taken.insert(group.begin(), group.end());
    groups.push_back(std::move(group));
  }
  std::reverse(groups.begin(), groups.end());
  return groups;
}

//===----------------------------------------------------------------------===//
// Outlining
//===----------------------------------------------------------------------===//

/// Copies what `value` is made of (scalars, empties, fills) into the kernel.
static void copyInto(OpBuilder &builder, Value value, IRMapping &mapping) {
  Operation *op = value.getDefiningOp();
  if (mapping.contains(value) || !op || !isCopiedIntoKernels(op))
    return;
  for (Value operand : op->getOperands())
    copyInto(builder, operand, mapping);
  builder.clone(*op, mapping);
}

namespace {
class Outliner {
public:
  explicit Outliner(func::FuncOp main) : main(main) {}

  LogicalResult outline(Group &group, unsigned index) {
    SmallVector<Operation *> ops(group.begin(), group.end());
    llvm::sort(
        ops, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
    Operation *last = ops.back();
    if (last->getNumResults() != 1)
      return last->emitError("expected one result but got ")
             << last->getNumResults() << ": kernels compute one tensor";
    auto init = cast<DestinationStyleOpInterface>(last).getDpsInits()[0];
    // A reduction that starts from computed values accumulates in place: its
    // init (see separateInits) is the destination.
    tensor::EmptyOp destination = findDestination(init);
    Value inPlace = destination ? Value() : init;

    llvm::SetVector<Value> inputs;
    for (Operation *op : ops)
      for (Value operand : getUsedValues(op)) {
        Operation *def = operand.getDefiningOp();
        if (def && (group.contains(def) || isCopiedIntoKernels(def)))
          continue;
        if (operand == inPlace)
          continue;
        inputs.insert(operand);
      }

    OpBuilder builder(main.getContext());
    SmallVector<Type> types(
        llvm::map_range(inputs, [](Value value) { return value.getType(); }));
    Type resultType = last->getResult(0).getType();
    types.push_back(resultType);
    types.append(2, builder.getIndexType());
    builder.setInsertionPoint(main);
    auto kernel = func::FuncOp::create(
        builder, last->getLoc(), ("kernel_" + Twine(index)).str(),
        builder.getFunctionType(types, resultType));
    kernel.setPrivate();
    kernel->setAttr(MPQDialect::getKernelAttrName(), builder.getUnitAttr());

    builder.setInsertionPointToStart(kernel.addEntryBlock());
    IRMapping mapping;
    mapping.map(inputs.getArrayRef(),
                kernel.getArguments().take_front(inputs.size()));
    BlockArgument result = kernel.getArgument(inputs.size());
    if (inPlace)
      mapping.map(inPlace, result);
    for (Operation *op : ops) {
      for (Value operand : getUsedValues(op)) {
        if (op == last && destination &&
            findDestination(operand) == destination)
          mapping.map(destination.getResult(), result);
        copyInto(builder, operand, mapping);
      }
      // What calibration left has done its service, and would keep kernels
      // apart that are equal but for it.
      Operation *clone = builder.clone(*op, mapping);
      clone->removeAttr(MPQDialect::getRangesAttrName());
      clone->removeAttr(MPQDialect::getScaleGroupAttrName());
    }
    func::ReturnOp::create(builder, last->getLoc(),
                           mapping.lookup(last->getResult(0)));

    builder.setInsertionPoint(last);
    SmallVector<Value> operands(inputs.begin(), inputs.end());
    auto type = cast<RankedTensorType>(resultType);
    operands.push_back(inPlace ? inPlace
                               : tensor::EmptyOp::create(
                                     builder, last->getLoc(), type.getShape(),
                                     type.getElementType())
                                     .getResult());
    // The whole range; planning replaces it by the strategy's work items.
    Value zero = arith::ConstantIndexOp::create(builder, last->getLoc(), 0);
    operands.append(2, zero);
    auto call = func::CallOp::create(builder, last->getLoc(), kernel, operands);
    last->getResult(0).replaceAllUsesWith(call.getResult(0));
    for (Operation *op : llvm::reverse(ops))
      op->erase();
    return success();
  }

private:
  /// Operands and the values a region captures.
  static SmallVector<Value> getUsedValues(Operation *op) {
    SmallVector<Value> used(op->getOperands());
    op->walk([&](Operation *inner) {
      for (Value operand : inner->getOperands())
        if (inner != op &&
            !op->isAncestor(operand.getParentBlock()->getParentOp()))
          used.push_back(operand);
    });
    return used;
  }

  func::FuncOp main;
};

struct FormKernels : mpq::impl::FormKernelsPassBase<FormKernels> {
  using FormKernelsPassBase::FormKernelsPassBase;

  void runOnOperation() override {
    FailureOr<func::FuncOp> main = getMainFunction(getOperation());
    if (failed(main))
      return signalPassFailure();
    Outliner outliner(*main);
    separateInits(main->getBody().front());
    unsigned index = 0;
    for (Group &group : findGroups(main->getBody().front()))
      if (failed(outliner.outline(group, index++)))
        return signalPassFailure();
  }
};
} // namespace
