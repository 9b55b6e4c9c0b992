//===- PerfMap.cpp - names of JIT code for Linux perf ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// perf looks for the map by the process's number, and reads lines of
// "<start> <size> <name>" in hexadecimal. LLVM's listeners write jitdump files,
// which need an extra pass over the recording.
//
//===----------------------------------------------------------------------===//

#include "PerfMap.h"

#include "llvm/ExecutionEngine/JITLink/JITLink.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Process.h"

using namespace llvm;

namespace {
class PerfMapPlugin : public orc::ObjectLinkingLayer::Plugin {
public:
  void modifyPassConfig(orc::MaterializationResponsibility &,
                        jitlink::LinkGraph &,
                        jitlink::PassConfiguration &passes) override {
    // Code refers to its own functions by section: their names look unused.
    passes.PrePrunePasses.push_back([](jitlink::LinkGraph &graph) -> Error {
      for (jitlink::Symbol *symbol : graph.defined_symbols())
        if (symbol->isCallable() && symbol->hasName())
          symbol->setLive(true);
      return Error::success();
    });
    passes.PostFixupPasses.push_back([](jitlink::LinkGraph &graph) -> Error {
      std::string path =
          formatv("/tmp/perf-{0}.map", sys::Process::getProcessId());
      std::error_code error;
      raw_fd_ostream map(path, error, sys::fs::OF_Append);
      // Whoever profiles misses the names; the model is none the worse.
      if (error)
        return Error::success();
      for (jitlink::Symbol *symbol : graph.defined_symbols())
        if (symbol->isCallable() && symbol->hasName())
          map << formatv("{0:x-} {1:x-} {2}\n", symbol->getAddress().getValue(),
                         symbol->getSize(), *symbol->getName());
      map.close();
      if (map.has_error())
        map.clear_error();
      return Error::success();
    });
  }
  Error notifyFailed(orc::MaterializationResponsibility &) override {
    return Error::success();
  }
  Error notifyRemovingResources(orc::JITDylib &, orc::ResourceKey) override {
    return Error::success();
  }
  void notifyTransferringResources(orc::JITDylib &, orc::ResourceKey,
                                   orc::ResourceKey) override {}
};
} // namespace

void mpq::writePerfMap(orc::LLJIT &jit) {
  std::optional<std::string> wanted = sys::Process::GetEnv("MPQ_PERF_MAP");
  if (!wanted || wanted->empty() || *wanted == "0")
    return;
  if (auto *layer =
          dyn_cast<orc::ObjectLinkingLayer>(&jit.getObjLinkingLayer()))
    layer->addPlugin(std::make_shared<PerfMapPlugin>());
}
