//===- ThreadPool.h - the parallel hook of the project's own tools ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An artifact brings no threads of its own. Tools, JIT and Python give it this
// pool; other callers bring theirs.
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_RUNTIME_THREADPOOL_H
#define MPQ_RUNTIME_THREADPOOL_H

#include "mpq-runtime/context.h"

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

struct pthreadpool;

namespace mpq {

/// Threads for one model at a time.
class ThreadPool {
public:
  /// More would take seconds to start and help nobody.
  static constexpr size_t kMaxThreads = 1024;

  /// A pool of `threads`, the calling thread among them; 0: one per processor.
  explicit ThreadPool(size_t threads);

  size_t getNumThreads() const;

  /// The hook; its first argument is the ThreadPool.
  static void parallelFor(void *pool, int64_t n, mpq_range_fn fn, void *arg);

private:
  std::unique_ptr<pthreadpool, void (*)(pthreadpool *)> pool;
};

/// Threads for all models of a process that want equally many. Threads wait
/// awake for the next kernel for a while: models that run in turn share them
/// rather than get into each other's way, models that run at once have a pool
/// each.
class SharedThreads {
public:
  /// `threads` as for a ThreadPool. They end with the last owner.
  static std::shared_ptr<SharedThreads> get(size_t threads);

  size_t getNumThreads() const { return numThreads; }

  /// The hook; its first argument is the SharedThreads.
  static void parallelFor(void *shared, int64_t n, mpq_range_fn fn, void *arg);

private:
  explicit SharedThreads(size_t threads);

  size_t numThreads;
  std::mutex mutex;
  /// The one used last is the last: its threads are awake.
  std::vector<std::unique_ptr<ThreadPool>> idle;
};

} // namespace mpq

#endif // MPQ_RUNTIME_THREADPOOL_H
