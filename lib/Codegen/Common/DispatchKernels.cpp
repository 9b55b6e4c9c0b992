//===- DispatchKernels.cpp - the entry function and its hooks ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// On the LLVM dialect. The entry unpacks the arrays of pointers; each kernel
// call becomes a call of one dispatcher that profiles it and hands its work
// items to the parallel hook (include/mpq-runtime/context.h). Arguments travel
// in an array on the stack, which every thread reads through the kernel's
// trampoline.
//
//===----------------------------------------------------------------------===//

#include "mpq/Codegen/KernelGroup.h"
#include "mpq/Codegen/ModuleInfo.h"
#include "mpq/Codegen/Passes.h"
#include "mpq/Dialect/MPQDialect.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"

namespace mpq {
#define GEN_PASS_DEF_DISPATCHKERNELSPASS
#include "mpq/Codegen/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

/// The dispatcher, by the offsets of mpq_context.
static constexpr StringLiteral kDispatcher = R"mlir(
llvm.func internal @mpq_dispatch(%context: !llvm.ptr, %kernel: i64, %items: i64, %function: !llvm.ptr, %arguments: !llvm.ptr) attributes {no_inline} {
  %null = llvm.mlir.zero : !llvm.ptr
  %zero = llvm.mlir.constant(0 : i64) : i64
  %one = llvm.mlir.constant(1 : i64) : i64
  %begin = llvm.mlir.constant(1 : i32) : i32
  %end = llvm.mlir.constant(0 : i32) : i32
  %profile_address = llvm.getelementptr %context[16] : (!llvm.ptr) -> !llvm.ptr, i8
  %profile = llvm.load %profile_address : !llvm.ptr -> !llvm.ptr
  %profiler_address = llvm.getelementptr %context[24] : (!llvm.ptr) -> !llvm.ptr, i8
  %profiler = llvm.load %profiler_address : !llvm.ptr -> !llvm.ptr
  %profiles = llvm.icmp "ne" %profile, %null : !llvm.ptr
  llvm.cond_br %profiles, ^profile_begin, ^run
^profile_begin:
  llvm.call %profile(%profiler, %kernel, %begin) : !llvm.ptr, (!llvm.ptr, i64, i32) -> ()
  llvm.br ^run
^run:
  %many = llvm.icmp "sgt" %items, %one : i64
  llvm.cond_br %many, ^parallel, ^alone
^parallel:
  %parallel_for = llvm.load %context : !llvm.ptr -> !llvm.ptr
  %pool_address = llvm.getelementptr %context[8] : (!llvm.ptr) -> !llvm.ptr, i8
  %pool = llvm.load %pool_address : !llvm.ptr -> !llvm.ptr
  llvm.call %parallel_for(%pool, %items, %function, %arguments) : !llvm.ptr, (!llvm.ptr, i64, !llvm.ptr, !llvm.ptr) -> ()
  llvm.br ^done
^alone:
  llvm.call %function(%arguments, %zero, %items) : !llvm.ptr, (!llvm.ptr, i64, i64) -> ()
  llvm.br ^done
^done:
  llvm.cond_br %profiles, ^profile_end, ^exit
^profile_end:
  llvm.call %profile(%profiler, %kernel, %end) : !llvm.ptr, (!llvm.ptr, i64, i32) -> ()
  llvm.br ^exit
^exit:
  llvm.return
}
llvm.func internal @mpq_observe(%context: !llvm.ptr, %index: i64, %data: !llvm.ptr, %count: i64) attributes {no_inline} {
  %null = llvm.mlir.zero : !llvm.ptr
  %observe_address = llvm.getelementptr %context[32] : (!llvm.ptr) -> !llvm.ptr, i8
  %observe = llvm.load %observe_address : !llvm.ptr -> !llvm.ptr
  %observer_address = llvm.getelementptr %context[40] : (!llvm.ptr) -> !llvm.ptr, i8
  %observer = llvm.load %observer_address : !llvm.ptr -> !llvm.ptr
  %observes = llvm.icmp "ne" %observe, %null : !llvm.ptr
  llvm.cond_br %observes, ^call, ^exit
^call:
  llvm.call %observe(%observer, %index, %data, %count) : !llvm.ptr, (!llvm.ptr, i64, !llvm.ptr, i64) -> ()
  llvm.br ^exit
^exit:
  llvm.return
}
)mlir";

/// The name of the value a kernel computes: the last one among fused locations.
static std::string getLocationName(Location loc) {
  std::string name;
  loc->walk([&](Location inner) {
    if (auto named = dyn_cast<NameLoc>(inner)) {
      name = named.getName().str();
      return WalkResult::skip();
    }
    return WalkResult::advance();
  });
  return name;
}

/// A name that every assembler and profiler takes: values are named by whoever
/// made the model.
static std::string makeSymbolName(StringRef kernel, StringRef value) {
  if (value.empty())
    return (kernel + "_items").str();
  constexpr size_t kLongest = 80;
  std::string name = (kernel + "." + value.take_front(kLongest)).str();
  for (char &c : name)
    if (!llvm::isAlnum(c) && c != '.' && c != '_')
      c = '_';
  return name;
}

namespace {
class Dispatcher {
public:
  Dispatcher(ModuleOp module, const ModuleInfo &info)
      : module(module), info(info), b(module.getContext()), symbols(module),
        pointer(LLVM::LLVMPointerType::get(module.getContext())) {}

  LogicalResult run() {
    auto main = symbols.lookup<LLVM::LLVMFuncOp>(info.model);
    if (!main)
      return module.emitError("expected the function '")
             << info.model << "' in the LLVM dialect";
    ParserConfig config(module.getContext());
    OwningOpRef<ModuleOp> parsed =
        parseSourceString<ModuleOp>(kDispatcher, config);
    if (!parsed)
      return failure();
    for (Operation &op : llvm::make_early_inc_range(*parsed->getBody())) {
      op.remove();
      symbols.insert(&op, module.getBody()->end());
    }
    return makeEntry(main);
  }

  SmallVector<std::string> kernels;
  SmallVector<KernelWork> work; // of those whose function says it

private:
  Value constant(Location loc, int64_t value) {
    return LLVM::ConstantOp::create(b, loc, b.getI64Type(), value);
  }
  Value element(Location loc, Value array, int64_t index) {
    return LLVM::GEPOp::create(b, loc, pointer, pointer, array,
                               ArrayRef<LLVM::GEPArg>{int32_t(index)});
  }

  /// `<model>_main(inputs, outputs, weights, workspace, context)`.
  LogicalResult makeEntry(LLVM::LLVMFuncOp main) {
    Location loc = main.getLoc();
    auto type = LLVM::LLVMFunctionType::get(
        LLVM::LLVMVoidType::get(module.getContext()),
        SmallVector<Type>(5, pointer));
    b.setInsertionPoint(main);
    auto entry = LLVM::LLVMFuncOp::create(b, loc, info.getEntryName(), type);
    Block *block = entry.addEntryBlock(b);
    b.setInsertionPointToStart(block);
    SmallVector<Value> arguments;
    for (size_t i = 0; i < info.inputs.size(); ++i)
      arguments.push_back(LLVM::LoadOp::create(
          b, loc, pointer, element(loc, block->getArgument(0), i)));
    for (size_t i = 0; i < info.outputs.size(); ++i)
      arguments.push_back(LLVM::LoadOp::create(
          b, loc, pointer, element(loc, block->getArgument(1), i)));
    arguments.push_back(block->getArgument(2));
    arguments.push_back(block->getArgument(3));
    context = block->getArgument(4);
    if (!main.getBody().hasOneBlock() ||
        main.getNumArguments() != arguments.size())
      return main.emitError("expected a straight line of kernel calls on ")
             << arguments.size() << " pointers";
    Block &old = main.getBody().front();
    for (auto [argument, value] : llvm::zip(old.getArguments(), arguments))
      argument.replaceAllUsesWith(value);
    block->getOperations().splice(block->end(), old.getOperations());
    main.erase();

    SmallVector<LLVM::CallOp> calls(block->getOps<LLVM::CallOp>());
    unsigned most = 1;
    for (LLVM::CallOp call : calls)
      most = std::max<unsigned>(most, call.getNumOperands());
    b.setInsertionPointToStart(block);
    slots =
        LLVM::AllocaOp::create(b, loc, pointer, pointer, constant(loc, most),
                               /*alignment=*/8);
    for (LLVM::CallOp call : calls)
      if (failed(rewrite(call)))
        return failure();
    SmallVector<LLVM::LLVMFuncOp> declarations;
    for (auto function : module.getOps<LLVM::LLVMFuncOp>())
      if (function.getName().starts_with(kObserverPrefix))
        declarations.push_back(function);
    for (LLVM::LLVMFuncOp declaration : declarations)
      declaration.erase();
    return success();
  }

  LogicalResult rewrite(LLVM::CallOp call) {
    Location loc = call.getLoc();
    auto callee = call.getCallee()
                      ? symbols.lookup<LLVM::LLVMFuncOp>(*call.getCallee())
                      : LLVM::LLVMFuncOp();
    if (!callee)
      return call.emitError("expected a direct call of a kernel");
    b.setInsertionPoint(call);
    StringRef name = callee.getName();
    if (name.consume_front(kObserverPrefix)) {
      int64_t index;
      name.getAsInteger(10, index);
      int64_t count =
          callee->getAttrOfType<IntegerAttr>(kObservedCountAttr).getInt();
      LLVM::CallOp::create(b, loc, TypeRange(), "mpq_observe",
                           ValueRange{context, constant(loc, index),
                                      call.getOperand(0),
                                      constant(loc, count)});
      call.erase();
      return success();
    }
    auto items =
        callee->getAttrOfType<IntegerAttr>(MPQDialect::getWorkItemsAttrName());
    if (!items)
      return call.emitError("calls '")
             << callee.getName() << "', which is no kernel with work items";
    for (auto [i, operand] : llvm::enumerate(call.getOperands().drop_back(2)))
      LLVM::StoreOp::create(b, loc, operand, element(loc, slots, i));
    Value function = LLVM::AddressOfOp::create(
        b, loc, pointer, getTrampoline(callee, getLocationName(loc)).getName());
    LLVM::CallOp::create(b, loc, TypeRange(), "mpq_dispatch",
                         ValueRange{context, constant(loc, kernels.size()),
                                    constant(loc, items.getInt()), function,
                                    slots});
    kernels.push_back(getLocationName(loc));
    if (auto counts = callee->getAttrOfType<DenseI64ArrayAttr>(
            MPQDialect::getKernelWorkAttrName());
        counts && counts.size() == 4)
      work.push_back({counts[0], counts[1], counts[2], counts[3]});
    call.erase();
    return success();
  }

  /// `void @<kernel>.<value>(arguments, begin, end)`: what the parallel hook
  /// calls, and what profilers show, because the kernel becomes part of it.
  /// `value` is what the first call computes.
  LLVM::LLVMFuncOp getTrampoline(LLVM::LLVMFuncOp kernel, StringRef value) {
    LLVM::LLVMFuncOp &known = trampolines[kernel];
    if (known)
      return known;
    std::string name = makeSymbolName(kernel.getName(), value);
    OpBuilder::InsertionGuard guard(b);
    Location loc = kernel.getLoc();
    Type i64 = b.getI64Type();
    auto type = LLVM::LLVMFunctionType::get(
        LLVM::LLVMVoidType::get(module.getContext()), {pointer, i64, i64});
    b.setInsertionPointAfter(kernel);
    auto trampoline =
        LLVM::LLVMFuncOp::create(b, loc, name, type, LLVM::Linkage::Internal);
    symbols.insert(trampoline);
    Block *block = trampoline.addEntryBlock(b);
    b.setInsertionPointToStart(block);
    SmallVector<Value> operands;
    for (unsigned i = 0; i + 2 < kernel.getNumArguments(); ++i)
      operands.push_back(LLVM::LoadOp::create(
          b, loc, pointer, element(loc, block->getArgument(0), i)));
    operands.push_back(block->getArgument(1));
    operands.push_back(block->getArgument(2));
    LLVM::CallOp::create(b, loc, kernel, operands);
    // Its only caller: it becomes part of it, in memory as in a library.
    kernel.setLinkage(LLVM::Linkage::Internal);
    LLVM::ReturnOp::create(b, loc, ValueRange());
    known = trampoline;
    return trampoline;
  }

  ModuleOp module;
  const ModuleInfo &info;
  OpBuilder b;
  SymbolTable symbols;
  Type pointer;
  DenseMap<Operation *, LLVM::LLVMFuncOp> trampolines;
  Value context, slots;
};

struct DispatchKernels : mpq::impl::DispatchKernelsPassBase<DispatchKernels> {
  using DispatchKernelsPassBase::DispatchKernelsPassBase;

  void runOnOperation() override {
    FailureOr<ModuleInfo> info = ModuleInfo::get(getOperation());
    if (failed(info))
      return signalPassFailure();
    Dispatcher dispatcher(getOperation(), *info);
    if (failed(dispatcher.run()))
      return signalPassFailure();
    info->kernels = dispatcher.kernels;
    info->kernelWork.clear();
    if (dispatcher.work.size() == dispatcher.kernels.size())
      info->kernelWork = dispatcher.work;
    info->set(getOperation());
  }
};
} // namespace
