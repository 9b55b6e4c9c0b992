//===- Options.cpp - the table of options in C; errors; version ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LastError.h"

#include "mpq/Driver/CompileOptions.h"

#include <deque>

using namespace mpq;

static thread_local std::string lastError;

int mpq::setLastError(std::string text, int status) {
  lastError = std::move(text);
  return status;
}

const char *mpq_last_error() { return lastError.c_str(); }

const char *mpq_version() { return MPQ_VERSION_STRING; }

static const char *stringifyKind(OptionKind kind) {
  switch (kind) {
  case OptionKind::Text:
    return "text";
  case OptionKind::File:
    return "file";
  case OptionKind::Folder:
    return "folder";
  case OptionKind::Choice:
    return "choice";
  case OptionKind::Choices:
    return "choices";
  case OptionKind::Shapes:
    return "shapes";
  }
  llvm_unreachable("unknown kind of option");
}

namespace {
/// The table with C's strings.
class OptionTable {
public:
  OptionTable() {
    for (const OptionInfo &option : getCompileOptions()) {
      std::vector<const char *> &choices = choiceLists.emplace_back();
      for (auto [name, meaning] : option.choices)
        choices.push_back(keep(name));
      infos.push_back({keep(option.name), stringifyKind(option.kind),
                       keep(option.description), keep(option.defaultValue),
                       choices.data(), uint32_t(choices.size())});
    }
  }

  std::vector<mpq_option_info> infos;

private:
  const char *keep(llvm::StringRef text) {
    return strings.emplace_back(text.str()).c_str();
  }

  std::deque<std::string> strings;
  std::deque<std::vector<const char *>> choiceLists;
};
} // namespace

static const std::vector<mpq_option_info> &getInfos() {
  static const OptionTable table;
  return table.infos;
}

uint32_t mpq_num_options() { return getInfos().size(); }

const mpq_option_info *mpq_get_option(uint32_t index) {
  return index < getInfos().size() ? &getInfos()[index] : nullptr;
}
