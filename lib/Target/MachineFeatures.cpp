//===- MachineFeatures.cpp - what code asks of the machine it runs on ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Targets of this machine list dozens of features, of which most are system
// instructions that no model has: to ask for them would keep code from machines
// that can run it. The table has what instruction selection takes by itself for
// arithmetic, moves and bits. What every 64-bit x86 has, SSE2, is not in it.
// Bits are from Intel's Software Developer's Manual (volume 2, CPUID; volume 1,
// chapter 13) and AMD's (volume 3, appendix E).
//
//===----------------------------------------------------------------------===//

#include "mpq/Target/MachineFeatures.h"

#include "mpq/Codegen/TargetInfo.h"
#include "mpq/Target/Machine.h"

#include "llvm/MC/MCSubtargetInfo.h"

using namespace mlir;
using namespace mpq;

namespace {
enum Output : uint32_t { EAX, EBX, ECX, EDX };
} // namespace

/// Registers by their bits of XCR0: xmm and ymm; those with the masks, upper
/// halves and further registers of AVX-512; tiles; the general ones of APX.
static constexpr uint32_t kAVX = 0x6, kAVX512 = 0xe6, kTiles = 0x60000,
                          kAPX = 0x80000;

static constexpr mpq_cpu_feature bit(const char *name, uint32_t leaf,
                                     uint32_t subleaf, Output output,
                                     unsigned position, uint32_t states = 0) {
  uint32_t mask = 1u << position;
  return {name, leaf, subleaf, output, mask, mask, states};
}

static constexpr mpq_cpu_feature kFeatures[] = {
    bit("sse3", 1, 0, ECX, 0),
    bit("pclmul", 1, 0, ECX, 1),
    bit("ssse3", 1, 0, ECX, 9),
    bit("fma", 1, 0, ECX, 12, kAVX),
    bit("cx16", 1, 0, ECX, 13),
    bit("sse4.1", 1, 0, ECX, 19),
    bit("sse4.2", 1, 0, ECX, 20),
    bit("movbe", 1, 0, ECX, 22),
    bit("popcnt", 1, 0, ECX, 23),
    bit("avx", 1, 0, ECX, 28, kAVX),
    bit("f16c", 1, 0, ECX, 29, kAVX),
    bit("bmi", 7, 0, EBX, 3),
    bit("avx2", 7, 0, EBX, 5, kAVX),
    bit("bmi2", 7, 0, EBX, 8),
    bit("avx512f", 7, 0, EBX, 16, kAVX512),
    bit("avx512dq", 7, 0, EBX, 17, kAVX512),
    bit("avx512ifma", 7, 0, EBX, 21, kAVX512),
    bit("avx512cd", 7, 0, EBX, 28, kAVX512),
    bit("avx512bw", 7, 0, EBX, 30, kAVX512),
    bit("avx512vl", 7, 0, EBX, 31, kAVX512),
    bit("avx512vbmi", 7, 0, ECX, 1, kAVX512),
    bit("avx512vbmi2", 7, 0, ECX, 6, kAVX512),
    bit("gfni", 7, 0, ECX, 8),
    bit("vpclmulqdq", 7, 0, ECX, 10, kAVX),
    bit("avx512vnni", 7, 0, ECX, 11, kAVX512),
    bit("avx512bitalg", 7, 0, ECX, 12, kAVX512),
    bit("avx512vpopcntdq", 7, 0, ECX, 14, kAVX512),
    bit("amx-bf16", 7, 0, EDX, 22, kTiles),
    bit("avx512fp16", 7, 0, EDX, 23, kAVX512),
    bit("amx-tile", 7, 0, EDX, 24, kTiles),
    bit("amx-int8", 7, 0, EDX, 25, kTiles),
    bit("avxvnni", 7, 1, EAX, 4, kAVX),
    bit("avx512bf16", 7, 1, EAX, 5, kAVX512),
    bit("amx-fp16", 7, 1, EAX, 21, kTiles),
    bit("avxifma", 7, 1, EAX, 23, kAVX),
    bit("avxvnniint8", 7, 1, EDX, 4, kAVX),
    bit("avxneconvert", 7, 1, EDX, 5, kAVX),
    bit("avxvnniint16", 7, 1, EDX, 10, kAVX),
    bit("egpr", 7, 1, EDX, 21, kAPX),
    bit("push2pop2", 7, 1, EDX, 21, kAPX),
    bit("ppx", 7, 1, EDX, 21, kAPX),
    bit("ndd", 7, 1, EDX, 21, kAPX),
    bit("ccmp", 7, 1, EDX, 21, kAPX),
    bit("nf", 7, 1, EDX, 21, kAPX),
    bit("cf", 7, 1, EDX, 21, kAPX),
    bit("zu", 7, 1, EDX, 21, kAPX),
    // The version of AVX10, which counts up.
    {"avx10.1", 0x24, 0, EBX, 0xff, 1, kAVX512},
    {"avx10.2", 0x24, 0, EBX, 0xff, 2, kAVX512},
    bit("sahf", 0x80000001, 0, ECX, 0),
    bit("lzcnt", 0x80000001, 0, ECX, 5),
    bit("sse4a", 0x80000001, 0, ECX, 6),
    bit("prfchw", 0x80000001, 0, ECX, 8),
    bit("xop", 0x80000001, 0, ECX, 11, kAVX),
    bit("fma4", 0x80000001, 0, ECX, 16, kAVX),
    bit("tbm", 0x80000001, 0, ECX, 21),
};

SmallVector<mpq_cpu_feature> mpq::getRequiredFeatures(TargetAttr target) {
  std::unique_ptr<llvm::MCSubtargetInfo> machine = createSubtargetInfo(target);
  SmallVector<mpq_cpu_feature> required;
  if (!machine || !machine->getTargetTriple().isX86())
    return required;
  llvm::StringSet<> enabled;
  for (const llvm::SubtargetFeatureKV &feature :
       machine->getEnabledProcessorFeatures())
    enabled.insert(feature.Key);
  for (const mpq_cpu_feature &feature : kFeatures)
    if (enabled.contains(feature.name))
      required.push_back(feature);
  return required;
}

SmallVector<unsigned> mpq::sortByCapability(ArrayRef<TargetAttr> targets) {
  // More of each; who has all that another has is no less in any of them. The
  // text decides between equals, so that the order given never does.
  auto getRank = [](TargetAttr target) {
    TargetInfo info(target);
    return std::tuple(info.getTileUnit().has_value(), info.getVectorLanes32(),
                      info.getDotUnit() != DotUnit::PairwiseWords,
                      getRequiredFeatures(target).size(), target.getCpu(),
                      target.getFeatures());
  };
  SmallVector<unsigned> order = llvm::to_vector(
      llvm::seq<unsigned>(0, static_cast<unsigned>(targets.size())));
  llvm::sort(order, [&](unsigned a, unsigned b) {
    return getRank(targets[a]) > getRank(targets[b]);
  });
  return order;
}
