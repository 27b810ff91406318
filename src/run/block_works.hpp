// The tensors of a run that are done in blocks. What a small one needs for its work lives no longer than its only task: a checkpoint may have
// a hundred thousand of them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "run/block_work.hpp"

namespace octet::run {

class BlockWorks {
  public:
    /// Of the jobs that have a block; they, and what `road` names, outlive this.
    BlockWorks(std::span<TensorJob> jobs, const BlockRoad& road);

    /// How many tasks each has.
    const std::vector<std::uint64_t>& tasks() const noexcept { return tasks_; }

    /// As those of BlockWork, of the one with that index.
    std::uint64_t do_task(std::size_t index, std::uint64_t number, Bytes memory,
                          const std::function<bool()>& is_futile);
    void settled(std::size_t index, std::uint64_t number);

    /// All tasks are done: fills in the jobs' results.
    void finish();

  private:
    struct One {
        TensorJob* job;
        std::unique_ptr<BlockWork> work;  ///< null where there is one task, which makes its own
    };

    BlockRoad road_;
    std::atomic<std::uint64_t> kept_bytes_{0};
    std::vector<One> ones_;
    std::vector<std::uint64_t> tasks_;
};

}  // namespace octet::run
