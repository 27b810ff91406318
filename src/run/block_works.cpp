#include "run/block_works.hpp"

#include <algorithm>
#include <utility>

namespace octet::run {

BlockWorks::BlockWorks(std::span<TensorJob> jobs, const BlockRoad& road) : road_(road) {
    road_.kept_bytes = &kept_bytes_;
    const auto blocks =
        std::count_if(jobs.begin(), jobs.end(), [](const TensorJob& job) { return job.block != nullptr; });
    tasks_.reserve(static_cast<std::size_t>(blocks));
    ones_.reserve(static_cast<std::size_t>(blocks));
    for (TensorJob& job : jobs) {
        if (job.block == nullptr) continue;
        auto work = std::make_unique<BlockWork>(job, road_);
        tasks_.push_back(work->tasks());
        ones_.push_back({&job, tasks_.back() == 1 ? nullptr : std::move(work)});
    }
}

std::uint64_t BlockWorks::do_task(std::size_t index, std::uint64_t number, Bytes memory,
                                  const std::function<bool()>& is_futile) {
    One& one = ones_[index];
    if (one.work) return one.work->do_task(number, memory, is_futile);
    BlockWork work(*one.job, road_);
    const std::uint64_t bytes = work.do_task(number, memory, is_futile);
    work.finish();
    return bytes;
}

void BlockWorks::settled(std::size_t index, std::uint64_t number) {
    if (ones_[index].work) ones_[index].work->settled(number);  // nobody waits for an only task
}

void BlockWorks::finish() {
    for (One& one : ones_) {
        if (one.work) one.work->finish();
        one.work.reset();
    }
}

}  // namespace octet::run
