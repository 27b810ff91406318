// Threads take the next number from a counter. After an error at step n only lower steps begin, so
// the error of the lowest step is the one that is thrown, whoever met it first.
#include "pipeline/workers.hpp"

#include <algorithm>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "io/tuning/large_buffer.hpp"
#include "io/tuning/processors.hpp"
#include "octet/error.hpp"

namespace octet::pipeline {

unsigned worker_count(unsigned threads) {
    constexpr unsigned kMostThreads = 1024;
    if (threads > kMostThreads) {
        throw Error(ErrorCode::kUsage, "--threads",
                    fmt::format("{} is more than {}", threads, kMostThreads));
    }
    return threads != 0 ? threads : std::max(1U, std::thread::hardware_concurrency());
}

Workers::Workers(unsigned workers, const std::function<bool()>& stop_requested,
                 std::uint64_t buffer_bytes, io::Pages pages)
    : workers_(workers),
      memory_bytes_(buffer_bytes / workers),
      pages_(pages),
      stop_requested_(stop_requested) {}

void Workers::run(std::uint64_t steps,
                  const std::function<void(std::uint64_t, std::span<std::byte>)>& do_step,
                  const std::function<void(std::uint64_t)>& settled) {
    steps_ = steps;
    do_step_ = &do_step;
    settled_ = &settled;
    next_step_ = 0;
    {
        std::vector<std::jthread> others;
        const std::uint64_t useful = std::min<std::uint64_t>(workers_, steps);
        for (std::uint64_t i = 1; i < useful; ++i) {
            if (!io::add_thread(others, [this] { work(); })) break;
            io::begin_elsewhere(others.back().native_handle(), static_cast<unsigned>(i));
        }
        work();
    }
    if (error_) std::rethrow_exception(error_);
}

void Workers::work() {
    io::LargeBuffer memory;
    for (;;) {
        const std::uint64_t number = next_step_.fetch_add(1);
        if (number >= steps_) return;
        const bool wanted = !is_futile(number);
        try {
            if (wanted && stop_requested_ && stop_requested_())
                throw Error(ErrorCode::kInterrupted, "interrupted; nothing was changed");
            if (wanted && memory.bytes().empty()) memory = io::LargeBuffer(memory_bytes_, pages_);
            if (wanted) (*do_step_)(number, memory.bytes());
        } catch (...) {
            remember_error(number);
        }
        if (*settled_) (*settled_)(number);
        if (!wanted) return;
    }
}

/// Keeps the error of the earliest step and lets only earlier steps start from now on.
void Workers::remember_error(std::uint64_t number) {
    const std::lock_guard lock(error_mutex_);
    if (is_futile(number)) return;
    last_step_ = number;
    error_ = std::current_exception();
}

void ProgressMeter::add(std::uint64_t bytes) {
    if (!progress_) return;
    done_bytes_ += bytes;
    const std::unique_lock lock(mutex_, std::try_to_lock);
    // Read under the lock: a sum from before it could be less than what another worker has told
    // since.
    if (lock.owns_lock()) progress_(done_bytes_.load(), total_bytes_);
}

void ProgressMeter::finish() {
    if (progress_) progress_(total_bytes_, total_bytes_);
}

}  // namespace octet::pipeline
