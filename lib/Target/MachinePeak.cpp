//===- MachinePeak.cpp - what this machine can do at most ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Data sheets do not know the clock of the moment, nor the neighbours of a
// virtual machine. Loops of nothing but the instructions that kernels are made
// of, with enough independent chains to hide latencies, do.
//
//===----------------------------------------------------------------------===//

#include "mpq/Target/MachinePeak.h"
#include "mpq/Codegen/TargetInfo.h"
#include "mpq/Target/Machine.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/TargetParser/Triple.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>

using namespace mpq;
using llvm::Error;
using llvm::Expected;
using llvm::formatv;
using llvm::StringRef;

/// Chains that do not wait for each other: latency times instructions a cycle.
static constexpr int kChains = 12;
static constexpr int kLoads = 8;
/// Sums in tile registers, of two left and two right sides; products of a step.
static constexpr int kTileSums = 4;
static constexpr int64_t kTileProducts = int64_t(16) * 16 * 64;
static constexpr int64_t kLargest = int64_t(64) << 20;

namespace {
/// The LLVM IR of one loop `i64 @name(i64 count, ptr data)`. It returns what it
/// computed, so that nothing is dead.
struct LoopText {
  std::string declarations, name;
  std::string vector; // type of the chains
  std::string zero = "zeroinitializer";
  /// Before the loop; may use %data.
  std::string setup;
  int chains;
  /// One step of chain {0}: from %a{0} to %n{0}; may use %i.
  std::string step;

  std::string print() const {
    std::string phis, steps, joined = "%n0";
    for (int i = 0; i < chains; ++i) {
      phis += formatv("  %a{0} = phi {1} [ {2}, %entry ], [ %n{0}, %loop ]\n",
                      i, vector, zero);
      steps += formatv(step.c_str(), i).str();
    }
    std::string bits =
        formatv("  %b0 = bitcast {0} %n0 to <N x i32>\n", vector);
    for (int i = 1; i < chains; ++i)
      bits += formatv("  %b{0} = bitcast {1} %n{0} to <N x i32>\n"
                      "  %s{0} = xor <N x i32> %{2}, %b{0}\n",
                      i, vector, i == 1 ? "b0" : formatv("s{0}", i - 1).str());
    return formatv("{0}define i64 @{1}(i64 %count, ptr %data) {{\nentry:\n{2}"
                   "  br label %loop\nloop:\n"
                   "  %i = phi i64 [ 0, %entry ], [ %next, %loop ]\n{3}{4}"
                   "  %next = add i64 %i, 1\n"
                   "  %more = icmp slt i64 %next, %count\n"
                   "  br i1 %more, label %loop, label %exit\nexit:\n{5}"
                   "  %first = extractelement <N x i32> %s{6}, i32 0\n"
                   "  %result = zext i32 %first to i64\n  ret i64 %result\n}\n",
                   declarations, name, setup, phis, steps, bits, chains - 1);
  }
};
} // namespace

/// The loops for one target. N stands for the 32-bit lanes of a vector, M for
/// its words and B for its bytes.
static std::string printLoops(const TargetInfo &target) {
  bool wide = target.getVectorLanes32() == 16;
  LoopText dot;
  dot.name = "peak_dot";
  dot.vector = "<N x i32>";
  dot.chains = kChains;
  dot.setup = "  %x = load <N x i32>, ptr %data, align 64\n";
  if (target.getDotUnit() == DotUnit::PairwiseWords) {
    std::string pairwise =
        wide ? "llvm.x86.avx512.pmaddw.d.512" : "llvm.x86.avx2.pmadd.wd";
    dot.declarations =
        formatv("declare <N x i32> @{0}(<M x i16>, <M x i16>)\n", pairwise);
    dot.setup += "  %w = bitcast <N x i32> %x to <M x i16>\n";
    dot.step = "  %h{0} = bitcast <N x i32> %a{0} to <M x i16>\n"
               "  %p{0} = call <N x i32> @" +
               pairwise +
               "(<M x i16> %h{0}, <M x i16> %w)\n"
               "  %n{0} = add <N x i32> %a{0}, %p{0}\n";
  } else {
    std::string name =
        formatv("llvm.x86.avx512.vpdpbusd.{0}",
                target.getDotUnit() == DotUnit::Vpdpbusd512 ? 512 : 256);
    dot.declarations = formatv(
        "declare <N x i32> @{0}(<N x i32>, <B x i8>, <B x i8>)\n", name);
    dot.setup = "  %x = load <B x i8>, ptr %data, align 64\n";
    dot.step = "  %n{0} = call <N x i32> @" + name +
               "(<N x i32> %a{0}, <B x i8> %x, <B x i8> %x)\n";
  }

  LoopText fma;
  fma.name = "peak_fma";
  fma.vector = "<N x float>";
  fma.chains = kChains;
  fma.declarations = "declare <N x float> @llvm.fma.vNf32(<N x float>, "
                     "<N x float>, <N x float>)\n";
  fma.setup = "  %x = load <N x float>, ptr %data, align 64\n";
  fma.step = "  %n{0} = call <N x float> @llvm.fma.vNf32(<N x float> %x, "
             "<N x float> %x, <N x float> %a{0})\n";

  // `count` groups of loads; the memory is as long as that.
  LoopText read;
  read.name = "peak_read";
  read.vector = "<N x i32>";
  read.chains = kLoads;
  read.step = formatv("  %o{{0} = mul i64 %i, {0}\n"
                      "  %q{{0} = add i64 %o{{0}, {{0}\n"
                      "  %d{{0} = getelementptr <N x i32>, ptr %data, i64 "
                      "%q{{0}\n"
                      "  %v{{0} = load <N x i32>, ptr %d{{0}, align 32\n"
                      "  %n{{0} = xor <N x i32> %a{{0}, %v{{0}\n",
                      kLoads);

  auto instantiate = [](std::string text, int lanes) {
    for (auto [from, to] : {std::pair<const char *, int>{"<N x", lanes},
                            {"<M x", 2 * lanes},
                            {"<B x", 4 * lanes},
                            {".vNf32", lanes}}) {
      StringRef pattern(from);
      std::string replacement = pattern == ".vNf32"
                                    ? formatv(".v{0}f32", to).str()
                                    : formatv("<{0} x", to).str();
      for (size_t at = 0; (at = text.find(from, at)) != std::string::npos;
           at += replacement.size())
        text.replace(at, pattern.size(), replacement);
    }
    return text;
  };
  int lanes = int(target.getVectorLanes32());
  int dotLanes = target.getDotUnit() == DotUnit::Vpdpbusd256 ? 8 : lanes;
  return instantiate(dot.print(), dotLanes) + instantiate(fma.print(), lanes) +
         instantiate(read.print(), lanes);
}

/// `count` steps of a matrix unit on all of its registers, which are zero.
static std::string printTileLoop(const TileUnit &unit) {
  std::string config = "i8 1", zeros, steps;
  for (int byte = 1; byte < 64; ++byte) {
    int64_t value = 0; // by the manual: bytes in a row, then rows
    if (byte >= 16 && byte < 32 && byte % 2 == 0)
      value = unit.bytes;
    else if (byte >= 48 && byte < 56)
      value = unit.rows;
    config += formatv(", i8 {0}", value);
  }
  for (int i = 0; i < 8; ++i)
    zeros += formatv("  call void @llvm.x86.tilezero(i8 {0})\n", i);
  for (int i = 0; i < kTileSums; ++i)
    steps += formatv("  call void @llvm.x86.tdpbusd(i8 {0}, i8 {1}, i8 {2})\n",
                     i, 4 + i / 2, 6 + i % 2);
  return formatv("declare void @llvm.x86.ldtilecfg(ptr)\n"
                 "declare void @llvm.x86.tilezero(i8)\n"
                 "declare void @llvm.x86.tdpbusd(i8, i8, i8)\n"
                 "declare void @llvm.x86.tilerelease()\n"
                 "define i64 @peak_tile(i64 %count, ptr %data) {{\nentry:\n"
                 "  %config = alloca <64 x i8>, align 64\n"
                 "  store <64 x i8> <{0}>, ptr %config, align 64\n"
                 "  call void @llvm.x86.ldtilecfg(ptr %config)\n{1}"
                 "  br label %loop\nloop:\n"
                 "  %i = phi i64 [ 0, %entry ], [ %next, %loop ]\n{2}"
                 "  %next = add i64 %i, 1\n"
                 "  %more = icmp slt i64 %next, %count\n"
                 "  br i1 %more, label %loop, label %exit\nexit:\n"
                 "  call void @llvm.x86.tilerelease()\n  ret i64 0\n}\n",
                 config, zeros, steps);
}

using Loop = int64_t (*)(int64_t count, const void *data);

namespace {
struct Rate {
  double best, median;
};
} // namespace

/// Calls of `run` a second, in many short measurements.
static Rate measureRate(llvm::function_ref<void()> run) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> rates;
  auto start = Clock::now();
  for (int rounds = 0;
       rounds < 5 || Clock::now() - start < std::chrono::milliseconds(20);
       ++rounds) {
    auto begin = Clock::now();
    run();
    std::chrono::duration<double> seconds = Clock::now() - begin;
    rates.push_back(1 / std::max(seconds.count(), 1e-9));
  }
  auto middle = rates.begin() + rates.size() / 2;
  std::nth_element(rates.begin(), middle, rates.end());
  return {*std::max_element(middle, rates.end()), *middle};
}

Expected<MachinePeaks> MachinePeaks::measure(StringRef targetText) {
  auto [triple, rest] = targetText.split(' ');
  auto [cpu, features] = rest.split(' ');
  if (!llvm::Triple(triple).isX86())
    return llvm::createStringError("peaks are measured on x86 only, got '" +
                                   triple + "'");
  mlir::MLIRContext mlirContext(mlir::MLIRContext::Threading::DISABLED);
  mlirContext.loadDialect<MPQDialect>();
  auto attr = TargetAttr::get(&mlirContext, triple, cpu, features);
  // Also initializes LLVM's targets.
  auto machine = createTargetMachine(mlir::UnknownLoc::get(&mlirContext), attr);
  if (mlir::failed(machine))
    return llvm::createStringError("LLVM knows no target '" + targetText + "'");
  TargetInfo target(attr);

  auto context = std::make_unique<llvm::LLVMContext>();
  llvm::SMDiagnostic diagnostic;
  std::string loops = printLoops(target);
  std::optional<TileUnit> unit = target.getTileUnit();
  if (unit && !mayUseTileRegisters())
    unit.reset();
  if (unit)
    loops += printTileLoop(*unit);
  std::unique_ptr<llvm::Module> module =
      llvm::parseAssemblyString(loops, diagnostic, *context);
  if (!module)
    return llvm::createStringError("cannot parse the loops of the peaks: " +
                                   diagnostic.getMessage());
  llvm::orc::JITTargetMachineBuilder builder{llvm::Triple(triple)};
  builder.setCPU(cpu.str());
  llvm::SmallVector<StringRef> list;
  features.split(list, ',', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  builder.addFeatures(std::vector<std::string>(list.begin(), list.end()));
  auto jit = llvm::orc::LLJITBuilder()
                 .setJITTargetMachineBuilder(std::move(builder))
                 .create();
  if (!jit)
    return jit.takeError();
  module->setDataLayout((*jit)->getDataLayout());
  if (Error error = (*jit)->addIRModule(
          llvm::orc::ThreadSafeModule(std::move(module), std::move(context))))
    return error;
  auto find = [&](StringRef name) -> Expected<Loop> {
    auto address = (*jit)->lookup(name);
    if (!address)
      return address.takeError();
    return address->toPtr<Loop>();
  };
  Expected<Loop> dot = find("peak_dot");
  if (!dot)
    return dot.takeError();
  Expected<Loop> fma = find("peak_fma");
  if (!fma)
    return fma.takeError();
  Expected<Loop> read = find("peak_read");
  if (!read)
    return read.takeError();

  std::unique_ptr<char, decltype(&std::free)> memory(
      static_cast<char *>(std::aligned_alloc(64, kLargest)), &std::free);
  if (!memory)
    return llvm::createStringError("no memory to measure its bandwidth");
  // Ones: sums of tiny numbers would be slow.
  std::fill_n(reinterpret_cast<float *>(memory.get()), kLargest / 4, 1.0f);

  volatile int64_t sink = 0;
  constexpr int64_t kSteps = 20000;
  MachinePeaks peaks;
  int64_t lanes = target.getVectorLanes32();
  // Products of one instruction.
  int64_t perDot = target.getDotUnit() == DotUnit::Vpdpbusd512   ? 64
                   : target.getDotUnit() == DotUnit::Vpdpbusd256 ? 32
                                                                 : 2 * lanes;
  // `products` are of one call; of two loops the faster counts.
  auto measureMACs = [&](Loop loop, int64_t products,
                         double MachinePeak::*rate) {
    Rate calls = measureRate([&] { sink = loop(kSteps, memory.get()); });
    peaks.best.*rate = std::max(peaks.best.*rate, products * calls.best);
    peaks.median.*rate = std::max(peaks.median.*rate, products * calls.median);
  };
  measureMACs(*dot, kSteps * kChains * perDot,
              &MachinePeak::integerMACsPerSecond);
  if (unit) {
    Expected<Loop> tile = find("peak_tile");
    if (!tile)
      return tile.takeError();
    measureMACs(*tile, kSteps * kTileSums * kTileProducts,
                &MachinePeak::integerMACsPerSecond);
  }
  measureMACs(*fma, kSteps * kChains * lanes, &MachinePeak::floatMACsPerSecond);
  for (int64_t bytes = int64_t(16) << 10; bytes <= kLargest; bytes *= 8) {
    // Small memory is read several times in one measurement.
    int64_t repeats = std::max<int64_t>(1, (int64_t(1) << 20) / bytes);
    Rate calls = measureRate([&] {
      for (int64_t i = 0; i < repeats; ++i)
        sink = (*read)(bytes / (kLoads * lanes * 4), memory.get());
    });
    peaks.best.bandwidths.push_back({bytes, bytes * repeats * calls.best});
    peaks.median.bandwidths.push_back({bytes, bytes * repeats * calls.median});
  }
  (void)sink;
  return peaks;
}

KernelFloor mpq::getKernelFloor(const mpq_kernel_work &work,
                                const MachinePeak &peak, unsigned threads) {
  KernelFloor floor;
  int64_t bytes = work.bytes_read + work.bytes_written;
  double bandwidth = 0;
  for (const MachinePeak::Bandwidth &measured : peak.bandwidths)
    if (measured.bytes <= bytes || bandwidth == 0)
      bandwidth = measured.bytesPerSecond;
  double integer = peak.integerMACsPerSecond > 0
                       ? double(work.integer_macs) / peak.integerMACsPerSecond
                       : 0;
  double floating = peak.floatMACsPerSecond > 0
                        ? double(work.float_macs) / peak.floatMACsPerSecond
                        : 0;
  floor.seconds = bandwidth > 0 ? double(bytes) / bandwidth : 0;
  if (integer + floating > floor.seconds) {
    floor.seconds = integer + floating;
    floor.bound = integer >= floating ? llvm::StringLiteral("integer")
                                      : llvm::StringLiteral("float");
  }
  floor.seconds /= std::max(threads, 1u);
  return floor;
}
