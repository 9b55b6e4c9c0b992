//===- LowerTiles.cpp - matrix products in AMX tile registers ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tile register is no vector: it is filled from memory and emptied into it,
// and its shape belongs to the configuration of a whole function. So matrices
// of bytes or bf16 keep the vector type until buffers exist, and get their
// registers here, before anything unrolls them: LLVM would allocate them too,
// but copies them through memory, and takes most of a compilation for it. Intel
// 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapter 18.
//
//===----------------------------------------------------------------------===//

#include "mpq/Codegen/Passes.h"
#include "mpq/Codegen/TargetInfo.h"
#include "mpq/Dialect/MPQDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/EquivalenceClasses.h"

namespace mpq {
#define GEN_PASS_DEF_LOWERTILESPASS
#include "mpq/Codegen/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

static constexpr unsigned kTileRegisters = 8;

/// True for matrices that may live in tile registers.
static bool isTile(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  if (!vector || vector.getRank() != 2)
    return false;
  Type element = vector.getElementType();
  return element.isInteger(8) || element.isInteger(32) || element.isBF16() ||
         element.isF32();
}

static bool isZero(Value value) {
  auto constant = value.getDefiningOp<arith::ConstantOp>();
  auto dense = constant ? dyn_cast<DenseElementsAttr>(constant.getValue())
                        : DenseElementsAttr();
  if (!dense || !dense.isSplat())
    return false;
  return isa<FloatType>(dense.getElementType())
             ? dense.getSplatValue<APFloat>().isPosZero()
             : dense.getSplatValue<APInt>().isZero();
}

namespace {
/// Where a tile lies: the register, or nothing yet; first and last operation.
struct Interval {
  int64_t begin = std::numeric_limits<int64_t>::max(), end = 0;
  VectorType type;
  bool isSum = false;
  std::optional<unsigned> reg;
};

/// Register allocation for the matrices of one function. Values that are one
/// sum (through products and loops) share a register; zeros have none.
class TileAllocation {
public:
  explicit TileAllocation(func::FuncOp function) {
    function.walk<WalkOrder::PreOrder>(
        [&](Operation *op) { order[op] = int64_t(order.size()); });
  }

  LogicalResult run(func::FuncOp function) {
    if (failed(join(function)))
      return failure();
    number();
    return assign(function);
  }

  unsigned getRegister(Value value) const {
    return *intervals.find(classes.getLeaderValue(value.getAsOpaquePointer()))
                ->second.reg;
  }
  /// The configuration: the palette, bytes in a row (from byte 16) and rows
  /// (from byte 48) of each register.
  std::array<int8_t, 64> getConfiguration() const {
    std::array<int8_t, 64> bytes{};
    bytes[0] = 1;
    for (auto [r, type] : llvm::enumerate(shapes)) {
      if (!type)
        continue;
      bytes[16 + 2 * r] =
          int8_t(type.getDimSize(1) * type.getElementTypeBitWidth() / 8);
      bytes[48 + r] = int8_t(type.getDimSize(0));
    }
    return bytes;
  }

private:
  void unite(Value a, Value b) {
    if (isTile(a.getType()) && !isZero(a) && !isZero(b))
      classes.unionSets(a.getAsOpaquePointer(), b.getAsOpaquePointer());
  }

  LogicalResult join(func::FuncOp function) {
    WalkResult result = function.walk([&](Operation *op) {
      for (Value value : op->getResults())
        if (isTile(value.getType()) && !isZero(value))
          classes.insert(value.getAsOpaquePointer());
      if (auto product = dyn_cast<DotTileOp>(op)) {
        if (!isZero(product.getAcc()) && !product.getAcc().hasOneUse()) {
          product.emitOpError("expected a sum without another use: it is "
                              "added to in its register");
          return WalkResult::interrupt();
        }
        unite(product.getAcc(), product.getResult());
      } else if (auto loop = dyn_cast<scf::ForOp>(op)) {
        for (auto [init, argument, yielded, result] :
             llvm::zip_equal(loop.getInitArgs(), loop.getRegionIterArgs(),
                             loop.getYieldedValues(), loop.getResults())) {
          if (isTile(result.getType()))
            classes.insert(argument.getAsOpaquePointer());
          unite(argument, result);
          unite(init, result);
          unite(yielded, result);
        }
      }
      return WalkResult::advance();
    });
    return failure(result.wasInterrupted());
  }

  /// A value is needed until its last use; inside of a loop that it comes from
  /// outside of, until the loop's end.
  void number() {
    auto extend = [&](Value value) {
      Interval &at =
          intervals[classes.getLeaderValue(value.getAsOpaquePointer())];
      at.type = cast<VectorType>(value.getType());
      Operation *def = value.getDefiningOp();
      if (!def)
        def = value.getParentBlock()->getParentOp();
      at.isSum |= isa<DotTileOp>(def);
      at.begin = std::min(at.begin, order[def]);
      at.end = std::max(at.end, order[def]);
      for (Operation *user : value.getUsers()) {
        Operation *ancestor =
            value.getParentBlock()->findAncestorOpInBlock(*user);
        int64_t last = order[user];
        if (ancestor != user)
          ancestor->walk(
              [&](Operation *inner) { last = std::max(last, order[inner]); });
        at.end = std::max(at.end, last);
      }
    };
    for (const auto *member : classes)
      extend(Value::getFromOpaquePointer(member->getData()));
  }

  /// Sums come first, then what is loaded for them. Two registers for loads of
  /// a shape take turns, so that loads wait for no product; more only if all
  /// are in use.
  LogicalResult assign(func::FuncOp function) {
    SmallVector<Interval *> sorted;
    for (auto &entry : intervals)
      sorted.push_back(&entry.second);
    llvm::sort(sorted, [](Interval *a, Interval *b) {
      return std::tuple(!a->isSum, a->begin, a->end) <
             std::tuple(!b->isSum, b->begin, b->end);
    });
    std::array<SmallVector<Interval *>, kTileRegisters> held;
    for (Interval *at : sorted) {
      std::optional<unsigned> same, fresh;
      int64_t loads = 0;
      for (unsigned r = 0; r < kTileRegisters; ++r) {
        if (!shapes[r]) {
          fresh = fresh.value_or(r);
          continue;
        }
        if (!hasSameShape(shapes[r], at->type))
          continue;
        loads += llvm::none_of(held[r], [](Interval *i) { return i->isSum; });
        bool isFree = llvm::none_of(held[r], [&](Interval *i) {
          return i->begin <= at->end && at->begin <= i->end;
        });
        if (isFree && (!same || held[r].back()->end < held[*same].back()->end))
          same = r;
      }
      at->reg = same && (at->isSum || loads >= 2 || !fresh) ? same : fresh;
      if (!at->reg)
        return function.emitError("expected at most ")
               << kTileRegisters << " matrices at a time, of one "
               << "shape in each register, but found no register for one of "
               << at->type;
      shapes[*at->reg] = at->type;
      held[*at->reg].push_back(at);
    }
    return success();
  }

  static bool hasSameShape(VectorType a, VectorType b) {
    return a.getDimSize(0) == b.getDimSize(0) &&
           a.getDimSize(1) * a.getElementTypeBitWidth() ==
               b.getDimSize(1) * b.getElementTypeBitWidth();
  }

  DenseMap<Operation *, int64_t> order;
  llvm::EquivalenceClasses<const void *> classes;
  llvm::MapVector<const void *, Interval> intervals;
  std::array<VectorType, kTileRegisters> shapes;
};

/// Emits the instructions, then removes the matrices.
class TileWriter {
public:
  TileWriter(func::FuncOp function, const TileAllocation &registers)
      : function(function), registers(registers), b(function.getContext()) {}

  LogicalResult run() {
    SmallVector<Operation *> users;
    SmallVector<scf::ForOp> loops;
    function.walk([&](Operation *op) { // inner loops first
      if (auto loop = dyn_cast<scf::ForOp>(op)) {
        if (llvm::any_of(loop.getResultTypes(), isTile))
          loops.push_back(loop);
      } else if (!isa<scf::YieldOp>(op) &&
                 (llvm::any_of(op->getOperandTypes(), isTile) ||
                  llvm::any_of(op->getResultTypes(), isTile))) {
        users.push_back(op);
      }
    });
    for (Operation *op : users)
      if (failed(emit(op)))
        return failure();
    for (scf::ForOp loop : loops) {
      b.setInsertionPoint(loop);
      for (auto [init, result] :
           llvm::zip_equal(loop.getInitArgs(), loop.getResults()))
        clearIfZero(loop.getLoc(), init, result);
    }
    configure();
    for (scf::ForOp loop : loops) {
      auto yield = cast<scf::YieldOp>(loop.getBody()->getTerminator());
      yield->setOperands(getOthers(yield.getOperands()));
    }
    for (Operation *op : llvm::reverse(users)) {
      op->dropAllDefinedValueUses();
      op->erase();
    }
    for (scf::ForOp loop : loops)
      removeTiles(loop);
    return success();
  }

private:
  void call(Location loc, StringRef name, ValueRange operands = {}) {
    LLVM::CallIntrinsicOp::create(
        b, loc, b.getStringAttr(("llvm.x86." + name).str()), operands);
  }
  Value constant(Location loc, int64_t value, unsigned width) {
    return LLVM::ConstantOp::create(b, loc, b.getIntegerType(width), value);
  }
  Value reg(Value tile) {
    return constant(tile.getLoc(), registers.getRegister(tile), 8);
  }
  void clearIfZero(Location loc, Value start, Value sum) {
    if (isTile(start.getType()) && isZero(start))
      call(loc, "tilezero", {reg(sum)});
  }
  static SmallVector<Value> getOthers(ValueRange values) {
    return llvm::to_vector(llvm::make_filter_range(
        values, [](Value value) { return !isTile(value.getType()); }));
  }

  LogicalResult emit(Operation *op) {
    Location loc = op->getLoc();
    b.setInsertionPoint(op);
    if (auto read = dyn_cast<vector::TransferReadOp>(op)) {
      if (read.hasOutOfBoundsDim() || read.getMask() ||
          !read.getPermutationMap().isMinorIdentity())
        return read.emitOpError("expected whole rows in order");
      SmallVector<Value> operands{reg(read)};
      llvm::append_range(operands,
                         place(loc, read.getBase(), read.getIndices()));
      call(loc, "tileloadd64", operands);
      return success();
    }
    if (auto write = dyn_cast<vector::TransferWriteOp>(op)) {
      if (write.hasOutOfBoundsDim() || write.getMask() ||
          !write.getPermutationMap().isMinorIdentity() ||
          isZero(write.getValueToStore()))
        return write.emitOpError("expected whole rows of a sum in order");
      SmallVector<Value> operands{reg(write.getValueToStore())};
      llvm::append_range(operands,
                         place(loc, write.getBase(), write.getIndices()));
      call(loc, "tilestored64", operands);
      return success();
    }
    if (auto product = dyn_cast<DotTileOp>(op)) {
      clearIfZero(loc, product.getAcc(), product);
      bool isFloat = product.getType().getElementType().isF32();
      call(loc, isFloat ? "tdpbf16ps" : "tdpbusd",
           {reg(product), reg(product.getLhs()), reg(product.getRhs())});
      return success();
    }
    if (op->getNumResults() == 1 && isZero(op->getResult(0)))
      return success(); // where it is used
    return op->emitError("operation '")
           << op->getName() << "' cannot use tile registers";
  }

  /// Address of an element of `buffer` and the bytes between rows.
  SmallVector<Value> place(Location loc, Value buffer, ValueRange indices) {
    auto type = cast<MemRefType>(buffer.getType());
    int64_t bytes = type.getElementTypeBitWidth() / 8;
    auto parts = memref::ExtractStridedMetadataOp::create(b, loc, buffer);
    Value element = parts.getOffset();
    for (auto [index, stride] : llvm::zip_equal(indices, parts.getStrides()))
      element = arith::AddIOp::create(
          b, loc, element, arith::MulIOp::create(b, loc, index, stride));
    Value size = arith::ConstantIndexOp::create(b, loc, bytes);
    auto inBytes = [&](Value elements) -> Value {
      return arith::MulIOp::create(b, loc, elements, size);
    };
    Value base = memref::ExtractAlignedPointerAsIndexOp::create(b, loc, buffer);
    Value address = arith::AddIOp::create(b, loc, base, inBytes(element));
    Value stride = inBytes(parts.getStrides().drop_back().back());
    auto asI64 = [&](Value value) -> Value {
      return arith::IndexCastOp::create(b, loc, b.getI64Type(), value);
    };
    Value pointer = LLVM::IntToPtrOp::create(
        b, loc, LLVM::LLVMPointerType::get(b.getContext()), asI64(address));
    return {pointer, asI64(stride)};
  }

  /// One configuration for the function, given back at its end.
  void configure() {
    Location loc = function.getLoc();
    b.setInsertionPointToStart(&function.getBody().front());
    auto type = VectorType::get({64}, b.getI8Type());
    Value memory = LLVM::AllocaOp::create(
        b, loc, LLVM::LLVMPointerType::get(b.getContext()), type,
        constant(loc, 1, 64), /*alignment=*/64);
    std::array<int8_t, 64> bytes = registers.getConfiguration();
    Value value = LLVM::ConstantOp::create(
        b, loc, type, DenseElementsAttr::get(type, ArrayRef<int8_t>(bytes)));
    LLVM::StoreOp::create(b, loc, value, memory, /*alignment=*/64);
    call(loc, "ldtilecfg", {memory});
    function.walk([&](func::ReturnOp op) {
      b.setInsertionPoint(op);
      call(loc, "tilerelease");
    });
  }

  /// The same loop without matrices, of which only types are left.
  void removeTiles(scf::ForOp loop) {
    b.setInsertionPoint(loop);
    SmallVector<Value> inits, results = getOthers(loop.getResults());
    BitVector tiles(loop.getBody()->getNumArguments());
    for (auto [i, argument] : llvm::enumerate(loop.getRegionIterArgs()))
      if (isTile(argument.getType()))
        tiles.set(i + 1);
      else
        inits.push_back(loop.getInitArgs()[i]);
    auto smaller =
        scf::ForOp::create(b, loop.getLoc(), loop.getLowerBound(),
                           loop.getUpperBound(), loop.getStep(), inits);
    smaller->setDiscardableAttrs(llvm::to_vector(loop->getDiscardableAttrs()));
    smaller.getRegion().takeBody(loop.getRegion());
    smaller.getBody()->eraseArguments(tiles);
    for (auto [from, to] : llvm::zip_equal(results, smaller.getResults()))
      from.replaceAllUsesWith(to);
    loop.erase();
  }

  func::FuncOp function;
  const TileAllocation &registers;
  OpBuilder b;
};

struct LowerTiles : mpq::impl::LowerTilesPassBase<LowerTiles> {
  using LowerTilesPassBase::LowerTilesPassBase;

  void runOnOperation() override {
    DotTileOp first, firstHalf;
    getOperation()->walk([&](DotTileOp op) {
      (op.getType().getElementType().isF32() ? firstHalf : first) = op;
    });
    if (!first && !firstHalf)
      return;
    FailureOr<TargetInfo> target = TargetInfo::get(getOperation());
    if (failed(target))
      return signalPassFailure();
    if (first && !target->getTileUnit()) {
      first.emitOpError("needs a target with amx-tile and amx-int8");
      return signalPassFailure();
    }
    if (firstHalf && !target->getHalfTileUnit()) {
      firstHalf.emitOpError("needs a target with amx-tile and amx-bf16");
      return signalPassFailure();
    }
    TileAllocation registers(getOperation());
    if (failed(registers.run(getOperation())) ||
        failed(TileWriter(getOperation(), registers).run()))
      return signalPassFailure();
  }
};
} // namespace
