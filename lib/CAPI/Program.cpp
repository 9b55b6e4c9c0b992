//===- Program.cpp - running compiled models from C ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A program is a loaded artifact with threads and a stock of workspaces: as
// many as there were runs at one time.
//
//===----------------------------------------------------------------------===//

#include "Blob.h"
#include "LastError.h"

#include "mpq/Runtime/ThreadPool.h"
#include "mpq/Target/Artifact.h"
#include "mpq/Target/KernelProfile.h"

#include "llvm/Support/Errno.h"
#include "llvm/Support/MathExtras.h"

#include <mutex>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace mpq;
using llvm::Error;
using llvm::Expected;

namespace {
struct AlignedFree {
  void operator()(void *memory) const { std::free(memory); }
};
using Workspace = std::unique_ptr<void, AlignedFree>;

/// A file that stays open while its library is loaded. The loader knows
/// libraries by their path: one with the file's number is no other's, also when
/// the file is written anew.
class OpenFile {
public:
  OpenFile() = default;
  OpenFile(OpenFile &&other) : fd(std::exchange(other.fd, -1)) {}
  OpenFile &operator=(OpenFile &&other) {
    std::swap(fd, other.fd);
    return *this;
  }
  ~OpenFile() {
    if (fd >= 0)
      close(fd);
  }

  static Expected<OpenFile> open(const char *path) {
    OpenFile file;
    file.fd = ::open(path, O_RDONLY | O_CLOEXEC);
    if (file.fd < 0)
      return llvm::createStringError("cannot load '" + llvm::Twine(path) +
                                     "': " + llvm::sys::StrError());
    return file;
  }

  /// Without a place in the file system.
  static Expected<OpenFile> create(const char *data, size_t size) {
    OpenFile file;
    file.fd = memfd_create("mpq-program", MFD_CLOEXEC);
    while (file.fd >= 0 && size > 0) {
      ssize_t written = write(file.fd, data, size);
      if (written < 0 && errno == EINTR)
        continue;
      if (written < 0)
        break;
      data += written;
      size -= written;
    }
    if (file.fd < 0 || size > 0)
      return llvm::createStringError(
          std::error_code(errno, std::generic_category()),
          "cannot keep the program in memory");
    return file;
  }

  std::string getPath() const { return "/proc/self/fd/" + std::to_string(fd); }

private:
  int fd = -1;
};
} // namespace

struct mpq_program {
  explicit mpq_program(uint32_t threads)
      : threads(SharedThreads::get(threads)) {}

  Error open(std::string file) {
    path = std::move(file);
    Expected<std::unique_ptr<Artifact>> opened = Artifact::open(path);
    if (!opened)
      return opened.takeError();
    artifact = std::move(*opened);
    return artifact->create(getOptions());
  }

  mpq_options getOptions() {
    mpq_options options = {};
    options.caller_workspace = 1;
    options.pool = threads.get();
    if (threads->getNumThreads() > 1)
      options.parallel_for = SharedThreads::parallelFor;
    return options;
  }

  Expected<Workspace> takeWorkspace() {
    {
      std::lock_guard<std::mutex> lock(mutex);
      if (!workspaces.empty()) {
        Workspace workspace = std::move(workspaces.back());
        workspaces.pop_back();
        return workspace;
      }
    }
    uint64_t bytes = artifact->getInfo().workspace_bytes;
    Workspace workspace(std::aligned_alloc(
        MPQ_WORKSPACE_ALIGNMENT,
        llvm::alignTo(std::max<uint64_t>(bytes, 1), MPQ_WORKSPACE_ALIGNMENT)));
    if (!workspace)
      return llvm::createStringError("out of memory: the workspace takes " +
                                     std::to_string(bytes) + " bytes");
    return workspace;
  }

  void giveBack(Workspace workspace) {
    std::lock_guard<std::mutex> lock(mutex);
    workspaces.push_back(std::move(workspace));
  }

  Error run(Artifact &model, const mpq_tensor *inputs, mpq_tensor *outputs) {
    Expected<Workspace> workspace = takeWorkspace();
    if (!workspace)
      return workspace.takeError();
    Error error = model.run(inputs, outputs, workspace->get());
    giveBack(std::move(*workspace));
    return error;
  }

  // Declared in the order in which they need each other.
  OpenFile file;
  std::string path;
  std::shared_ptr<SharedThreads> threads;
  std::unique_ptr<Artifact> artifact;
  std::mutex mutex;
  std::vector<Workspace> workspaces;
};

static Error checkThreads(uint32_t threads) {
  if (threads <= ThreadPool::kMaxThreads)
    return Error::success();
  return llvm::createStringError("expected at most " +
                                 std::to_string(ThreadPool::kMaxThreads) +
                                 " threads but got " + std::to_string(threads));
}

/// Loads `file`, which errors call `name`.
static int load(Expected<OpenFile> file, const std::string &name,
                uint32_t threads, mpq_program **program) {
  *program = nullptr;
  if (!file)
    return toStatus(file.takeError());
  if (Error error = checkThreads(threads))
    return toStatus(std::move(error));
  auto loaded = std::make_unique<mpq_program>(threads);
  loaded->file = std::move(*file);
  if (Error error = loaded->open(loaded->file.getPath())) {
    std::string text = llvm::toString(std::move(error));
    std::string path = "'" + loaded->file.getPath() + "'";
    for (size_t at; (at = text.find(path)) != std::string::npos;)
      text.replace(at, path.size(), name);
    return setLastError(std::move(text));
  }
  *program = loaded.release();
  return MPQ_OK;
}

int mpq_program_load(const char *path, uint32_t threads,
                     mpq_program **program) {
  return load(OpenFile::open(path), "'" + std::string(path) + "'", threads,
              program);
}

int mpq_program_load_from_memory(const void *data, size_t size,
                                 uint32_t threads, mpq_program **program) {
  return load(OpenFile::create(static_cast<const char *>(data), size),
              "the program", threads, program);
}

void mpq_program_destroy(mpq_program *program) { delete program; }

const mpq_model_info *mpq_program_info(const mpq_program *program) {
  return &program->artifact->getInfo();
}

int mpq_program_run(mpq_program *program, const mpq_tensor *inputs,
                    mpq_tensor *outputs) {
  return toStatus(program->run(*program->artifact, inputs, outputs));
}

int mpq_program_profile(mpq_program *program, const mpq_tensor *inputs,
                        mpq_tensor *outputs, uint32_t runs,
                        mpq_profile_kind kind, mpq_blob **profile) {
  *profile = nullptr;
  // A model of its own: others may run this one meanwhile.
  Expected<std::unique_ptr<Artifact>> measured = Artifact::open(program->path);
  if (!measured)
    return toStatus(measured.takeError());
  const mpq_model_info &info = (*measured)->getInfo();
  KernelProfile kernels(info, program->threads->getNumThreads(),
                        /*keepEvents=*/kind == MPQ_PROFILE_TRACE);
  mpq_options options = program->getOptions();
  options.profile = KernelProfile::hook;
  options.profiler = &kernels;
  if (Error error = (*measured)->create(options))
    return toStatus(std::move(error));
  for (uint32_t run = 0; run <= runs; ++run) {
    if (run == 1)
      kernels.clear();
    if (Error error = program->run(**measured, inputs, outputs))
      return toStatus(std::move(error));
    if (run > 0)
      kernels.finishRun();
  }
  auto blob = std::make_unique<mpq_blob>();
  llvm::raw_svector_ostream os(blob->data);
  if (kind == MPQ_PROFILE_TRACE) {
    kernels.writeTrace(os);
  } else {
    // Without floors where the peak cannot be measured.
    if (kernels.knowsWork()) {
      Expected<MachinePeaks> peaks = MachinePeaks::measure(info.target);
      if (peaks)
        kernels.setPeaks(std::move(*peaks));
      else
        llvm::consumeError(peaks.takeError());
    }
    kernels.writeJSON(os);
  }
  *profile = blob.release();
  return MPQ_OK;
}
