//===- WriteFile.cpp - files that appear complete or not at all ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// llvm::writeToOutput ends the process when the disk is full, and would replace
// a device by a file.
//
//===----------------------------------------------------------------------===//

#include "mpq/Support/WriteFile.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <filesystem>

using namespace llvm;

static Error cannotWrite(StringRef path, const Twine &why) {
  return createStringError("cannot write '" + path + "': " + why);
}

/// The file behind links, whether it exists or not.
static std::string followLinks(StringRef path) {
  SmallString<256> file(path);
  std::error_code error;
  for (int links = 0; links < 40; ++links) {
    auto target = std::filesystem::read_symlink(file.c_str(), error);
    if (error)
      break;
    // Relative to the link's folder.
    if (target.is_relative())
      sys::path::remove_filename(file);
    else
      file.clear();
    sys::path::append(file, target.native());
  }
  return file.str().str();
}

/// True for what has no contents to replace.
static bool isStream(StringRef path) {
  sys::fs::file_status status;
  return !sys::fs::status(path, status) && sys::fs::exists(status) &&
         status.type() != sys::fs::file_type::regular_file;
}

/// Writes everything and takes the stream's error out of it.
static std::error_code writeTo(raw_fd_ostream &os,
                               function_ref<void(raw_ostream &)> write) {
  write(os);
  os.flush();
  std::error_code error = os.error();
  os.clear_error();
  return error;
}

Error mpq::checkWritable(StringRef path) {
  if (path == "-" || (isStream(path) && !sys::fs::is_directory(path)))
    return Error::success();
  if (sys::fs::is_directory(path))
    return cannotWrite(path, "it is a directory");
  Expected<sys::fs::TempFile> probe =
      sys::fs::TempFile::create(followLinks(path) + ".%%%%%%");
  if (!probe)
    return cannotWrite(path, toString(probe.takeError()));
  return probe->discard();
}

Error mpq::writeFile(StringRef path, function_ref<void(raw_ostream &)> write) {
  if (sys::fs::is_directory(path))
    return cannotWrite(path, "it is a directory");
  if (path == "-" || isStream(path)) {
    std::error_code error;
    raw_fd_ostream os(path, error);
    if (!error)
      error = writeTo(os, write);
    return error ? cannotWrite(path, error.message()) : Error::success();
  }
  std::string target = followLinks(path);
  Expected<sys::fs::TempFile> temporary = sys::fs::TempFile::create(
      target + ".%%%%%%", sys::fs::all_read | sys::fs::all_write);
  if (!temporary)
    return cannotWrite(path, toString(temporary.takeError()));
  raw_fd_ostream os(temporary->FD, /*shouldClose=*/false);
  if (std::error_code error = writeTo(os, write)) {
    consumeError(temporary->discard());
    return cannotWrite(path, error.message());
  }
  if (Error error = temporary->keep(target))
    return cannotWrite(path, toString(std::move(error)));
  return Error::success();
}
