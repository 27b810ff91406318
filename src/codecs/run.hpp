// Runs tasks of any codec: what a codec needs done before the others, then all of them through the
// engine.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "codecs/block_task.hpp"
#include "pipeline/engine.hpp"

namespace octet::codecs {

/// The tasks of a run, in the order of their files.
class TaskList {
  public:
    void reserve(std::size_t count) { tasks_.reserve(count); }
    pipeline::TensorTask& front() { return *tasks_.front(); }

    template <typename Task, typename... Arguments>
    void add(Arguments&&... arguments) {
        auto task = std::make_unique<Task>(std::forward<Arguments>(arguments)...);
        if constexpr (std::is_base_of_v<BlockTask, Task>) {
            if (task->searches_ahead()) searched_.push_back(task.get());
        }
        tasks_.push_back(std::move(task));
    }

    /// As pipeline::run_tasks(). An unknown OCTET_ISA is kUsage here rather than in a worker.
    std::vector<pipeline::FileHasher> run(const WriteOptions& options);

  private:
    pipeline::Tasks tasks_;
    std::vector<BlockTask*> searched_;  ///< those whose states are found before anything else
};

}  // namespace octet::codecs
