//===- ThreadPool.cpp - the parallel hook of the project's own tools ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// pthreadpool rather than OpenMP: two OpenMP runtimes in one process abort it.
//
//===----------------------------------------------------------------------===//

#include "mpq/Runtime/ThreadPool.h"

#include <pthreadpool.h>

#include <algorithm>
#include <map>

using namespace mpq;

ThreadPool::ThreadPool(size_t threads)
    : pool(pthreadpool_create(threads), pthreadpool_destroy) {}

size_t ThreadPool::getNumThreads() const {
  return pthreadpool_get_threads_count(pool.get());
}

void ThreadPool::parallelFor(void *self, int64_t n, mpq_range_fn fn,
                             void *arg) {
  if (n <= 0)
    return;
  auto *pool = static_cast<ThreadPool *>(self);
  int64_t threads = static_cast<int64_t>(pool->getNumThreads());
  if (threads == 1 || n == 1)
    return fn(arg, 0, n);
  // Four ranges per thread let a fast thread take from a slow one without many
  // more calls.
  int64_t range = std::max<int64_t>(1, n / (threads * 4));
  struct Job {
    mpq_range_fn fn;
    void *arg;
  } job{fn, arg};
  pthreadpool_parallelize_1d_tile_1d(
      pool->pool.get(),
      [](void *context, size_t begin, size_t count) {
        auto *job = static_cast<Job *>(context);
        job->fn(job->arg, static_cast<int64_t>(begin),
                static_cast<int64_t>(begin + count));
      },
      &job, static_cast<size_t>(n), static_cast<size_t>(range), /*flags=*/0);
}

SharedThreads::SharedThreads(size_t threads) {
  idle.push_back(std::make_unique<ThreadPool>(threads));
  numThreads = idle.back()->getNumThreads();
}

std::shared_ptr<SharedThreads> SharedThreads::get(size_t threads) {
  static std::mutex mutex;
  static std::map<size_t, std::weak_ptr<SharedThreads>> known;
  std::lock_guard<std::mutex> lock(mutex);
  std::weak_ptr<SharedThreads> &entry = known[threads];
  std::shared_ptr<SharedThreads> shared = entry.lock();
  if (!shared) {
    shared.reset(new SharedThreads(threads));
    entry = shared;
  }
  return shared;
}

void SharedThreads::parallelFor(void *self, int64_t n, mpq_range_fn fn,
                                void *arg) {
  auto *shared = static_cast<SharedThreads *>(self);
  std::unique_ptr<ThreadPool> pool;
  {
    std::lock_guard<std::mutex> lock(shared->mutex);
    if (!shared->idle.empty()) {
      pool = std::move(shared->idle.back());
      shared->idle.pop_back();
    }
  }
  if (!pool)
    pool = std::make_unique<ThreadPool>(shared->numThreads);
  ThreadPool::parallelFor(pool.get(), n, fn, arg);
  std::lock_guard<std::mutex> lock(shared->mutex);
  shared->idle.push_back(std::move(pool));
}
