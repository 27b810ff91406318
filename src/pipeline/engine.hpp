// The bounded engine: takes tasks through their pieces, in order, on any number of threads.
//
// Memory is a fixed budget shared by the workers, whatever the number and size of the tensors.
// Small tasks that lie one behind the other in source and target are read together and written
// together. The first error in the order of the tasks wins, whatever thread found which error
// first. Nothing that comes out depends on the number of workers.
#pragma once

#include <memory>
#include <vector>

#include "octet/options.hpp"
#include "pipeline/file_hasher.hpp"
#include "pipeline/task.hpp"

namespace octet::pipeline {

using Tasks = std::vector<std::unique_ptr<TensorTask>>;

/// Runs all tasks, which are in the order of their files; each is deleted when it is finished. On
/// failure everything stops soon and the error of the first task is thrown: what tasks throw, kIo,
/// or kInterrupted when `options.stop_requested` says so. Of `options` threads, progress and
/// stop_requested count. Returns the checksums of the targets' pieces that were written in order,
/// one for each file.
std::vector<FileHasher> run_tasks(Tasks& tasks, const WriteOptions& options);

}  // namespace octet::pipeline
