//===- KernelGroup.cpp - what kinds of operations make a kernel ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpq/Codegen/KernelGroup.h"

#include "mpq/Dialect/ConstantData.h"
#include "mpq/Dialect/MPQDialect.h"

using namespace mlir;
using namespace mpq;

/// Bytes of a turned tensor above which, beside what else a kernel touches, it
/// does not stay in the second-level cache until it is read.
static constexpr int64_t kLargeTurn = 512 << 10;

/// The part of all rows that tiles compute twice above which more code pays.
static constexpr int64_t kLeastOverlap = 20; // 1/20

/// No register tile has more rows.
static constexpr int64_t kMostTileRows = 32;

std::string mpq::describeKernel(func::FuncOp kernel) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << kernel.getFunctionType();
  OpPrintingFlags flags;
  flags.useLocalScope();
  for (Operation &op : kernel.getBody().front()) {
    op.print(stream, flags);
    stream << '\n';
  }
  return text;
}

FailureOr<func::FuncOp> mpq::getMainFunction(ModuleOp module) {
  func::FuncOp main;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (function.isPrivate() || function.isExternal())
      continue;
    if (main)
      return function.emitError("expected one public function but '")
             << main.getName() << "' and '" << function.getName()
             << "' are public";
    main = function;
  }
  if (!main)
    return module.emitError("expected a public function with a body");
  for (Type type : llvm::concat<const Type>(main.getArgumentTypes(),
                                            main.getResultTypes())) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor || !tensor.hasStaticShape())
      return main.emitError("expected inputs and results of static tensor type "
                            "but got ")
             << type << ": give every input its shape";
  }
  WalkResult calls = main.walk([&](func::CallOp call) {
    auto callee = module.lookupSymbol<func::FuncOp>(call.getCallee());
    if (callee && callee->hasAttr(MPQDialect::getKernelAttrName()))
      return WalkResult::advance();
    call.emitError("calls '")
        << call.getCallee()
        << "', which is no kernel: expected calls to be inlined before codegen";
    return WalkResult::interrupt();
  });
  if (calls.wasInterrupted())
    return failure();
  return main;
}

Value mpq::getDestination(func::CallOp call) {
  return call.getOperand(call.getNumOperands() - 3);
}

Value mpq::getStorage(Value value) {
  while (Operation *def = value.getDefiningOp()) {
    if (auto call = dyn_cast<func::CallOp>(def))
      value = getDestination(call);
    else if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(def))
      value = def->getOperand(0);
    else if (auto insert = dyn_cast<tensor::InsertSliceOp>(def))
      value = insert.getDest();
    else
      break;
  }
  return value;
}

bool mpq::isElementwise(linalg::GenericOp op) {
  return op.getNumReductionLoops() == 0 && op.getNumResults() == 1;
}

bool mpq::isRoot(Operation *op) {
  if (isa<ContractOp, ConvOp, BlockContractOp>(op))
    return true;
  auto generic = dyn_cast<linalg::GenericOp>(op);
  return generic && generic.getNumResults() == 1 &&
         generic.getNumReductionLoops() > 0;
}

bool mpq::isTurned(linalg::GenericOp op, OpOperand &operand) {
  AffineMap map = op.getMatchingIndexingMap(&operand);
  return isElementwise(op) && map.getNumResults() > 1 &&
         map.isProjectedPermutation() &&
         op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity() &&
         llvm::product_of(op.getStaticLoopRanges()) ==
             cast<RankedTensorType>(operand.get().getType()).getNumElements() &&
         map.getResults().back() !=
             getAffineDimExpr(map.getNumDims() - 1, op.getContext());
}

bool mpq::onlyMoves(linalg::GenericOp op) {
  return isElementwise(op) && op.getNumDpsInputs() == 1 &&
         op.getBody()->getTerminator()->getOperand(0) ==
             op.getBody()->getArgument(0);
}

bool mpq::isPermutation(linalg::GenericOp op) {
  return onlyMoves(op) &&
         llvm::all_of(op.getIndexingMapsArray(),
                      [](AffineMap map) { return map.isPermutation(); });
}

bool mpq::isTurn(linalg::GenericOp op) {
  return isPermutation(op) && isTurned(op, *op.getDpsInputOperand(0));
}

bool mpq::isLargeTurn(Value turned) {
  return getBufferBytes(cast<RankedTensorType>(turned.getType())) >= kLargeTurn;
}

bool mpq::fitsTurnedBlock(Operation *product, Value turned) {
  auto type = cast<RankedTensorType>(turned.getType());
  int64_t pixels = kMostTileRows;
  if (isa<ConvOp>(product))
    pixels = std::max(pixels, type.getDimSize(type.getRank() - 2));
  return 2 * pixels * type.getShape().back() *
             getElementBytes(type.getElementType()) <=
         kTurnedBlockBytes;
}

bool mpq::splitsLastTile(int64_t extent, int64_t tile) {
  int64_t rest = extent % tile;
  return extent > tile && rest && (tile - rest) * kLeastOverlap >= extent;
}

int64_t mpq::getProductLanes(Operation *product) {
  if (auto conv = dyn_cast<ConvOp>(product))
    return conv.getLanes();
  if (auto contract = dyn_cast<ContractOp>(product))
    return contract.getLanes();
  return cast<BlockContractOp>(product).getLanes();
}

SmallVector<int64_t> mpq::getRowShape(linalg::GenericOp op) {
  if (op.getNumResults() != 1)
    return {};
  ArrayRef<int64_t> shape =
      cast<RankedTensorType>(op.getResult(0).getType()).getShape();
  if (shape.size() < 2)
    return {};
  return SmallVector<int64_t>(shape.drop_back());
}

bool mpq::isRowWise(linalg::GenericOp op, ArrayRef<int64_t> rows) {
  if (op.getNumResults() != 1)
    return false;
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  SmallVector<int64_t> loops = op.getStaticLoopRanges();
  if (loops.size() < rows.size())
    return false;
  for (auto [d, extent] : llvm::enumerate(rows))
    if (loops[d] != extent || iterators[d] != utils::IteratorType::parallel)
      return false;
  auto usesRow = [&](AffineExpr expr) {
    for (unsigned d = 0; d < rows.size(); ++d)
      if (expr.isFunctionOfDim(d))
        return true;
    return false;
  };
  for (OpOperand &operand : op->getOpOperands()) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    bool isInit = op.isDpsInit(&operand);
    bool leading = map.getNumResults() >= rows.size();
    for (unsigned d = 0; leading && d < rows.size(); ++d)
      leading = map.getResult(d) == getAffineDimExpr(d, op.getContext());
    ArrayRef<AffineExpr> rest = map.getResults();
    if (leading)
      rest = rest.drop_front(rows.size());
    else if (isInit)
      return false;
    // Other dimensions must not depend on the row.
    if (llvm::any_of(rest, usesRow))
      return false;
  }
  // Bodies that ask for their position or fetch other elements stay alone.
  return !op.hasIndexSemantics() &&
         llvm::none_of(op.getBody()->getOperations(), [](Operation &inner) {
           return isa<tensor::ExtractOp>(inner);
         });
}

bool mpq::accumulatesInPlace(Operation *last) {
  auto generic = dyn_cast<linalg::GenericOp>(last);
  if (!generic || generic.getNumDpsInits() != 1)
    return false;
  OpOperand *init = generic.getDpsInitOperand(0);
  return !generic.getMatchingBlockArgument(init).use_empty() &&
         !init->get().getDefiningOp<linalg::FillOp>();
}

KernelOps KernelOps::get(func::FuncOp kernel) {
  KernelOps ops;
  kernel.walk([&](Operation *op) {
    if (isa<ContractOp, ConvOp, BlockContractOp>(op))
      ops.last = ops.product = op;
    if (isa<linalg::CopyOp>(op))
      ops.last = op;
    if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
      ops.generics.push_back(generic);
      ops.last = op;
    }
  });
  if (ops.product)
    for (linalg::GenericOp generic : ops.generics)
      if (isTurn(generic))
        (generic->isBeforeInBlock(ops.product) ? ops.imageTurn
                                               : ops.resultTurn) = generic;
  if (ops.product || ops.generics.empty())
    return ops;
  SmallVector<int64_t> rows = getRowShape(ops.generics.back());
  bool reduces = false;
  for (linalg::GenericOp generic : ops.generics) {
    if (rows.empty() || !isRowWise(generic, rows))
      return ops;
    reduces |= generic.getNumReductionLoops() > 0;
  }
  if (reduces && ops.generics.size() > 1)
    ops.rows = rows;
  return ops;
}

unsigned KernelOps::getLoopOf(unsigned dim) const {
  if (!resultTurn)
    return dim;
  linalg::GenericOp turn = resultTurn;
  return turn.getMatchingIndexingMap(turn.getDpsInputOperand(0))
      .getDimPosition(dim);
}
