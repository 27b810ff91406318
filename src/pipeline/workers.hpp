// Runs numbered steps on several threads, in order of their numbers, and stops early and
// predictably: of several errors the one of the lowest step is thrown, whoever met it first.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <mutex>
#include <span>

#include "io/tuning/large_buffer.hpp"

namespace octet::pipeline {

/// Bytes of tensor data in memory at once, over all workers.
inline constexpr std::uint64_t kBufferBytes = 40U << 20U;

/// The number of workers that `threads` asks for: 0 means one a core. More than 1024: kUsage.
unsigned worker_count(unsigned threads);

class Workers {
  public:
    /// Each of `workers` gets an equal share of `buffer_bytes`. `stop_requested` (may be empty) is
    /// asked before every step; when it answers true the run ends with kInterrupted.
    Workers(unsigned workers, const std::function<bool()>& stop_requested,
            std::uint64_t buffer_bytes = kBufferBytes, io::Pages pages = io::Pages::kSmall);

    /// Bytes that each worker owns.
    std::uint64_t memory_bytes() const noexcept { return memory_bytes_; }

    /// Calls do_step(number, memory) for every number below `steps`, then settled(number) for each
    /// that was taken, done or not. Throws the error of the lowest step. One worker runs on the
    /// calling thread, and does the others' work where the system has no threads for them.
    void run(std::uint64_t steps,
             const std::function<void(std::uint64_t, std::span<std::byte>)>& do_step,
             const std::function<void(std::uint64_t)>& settled = {});

    /// True once a step below `number` has failed: its result will not be used.
    bool is_futile(std::uint64_t number) const noexcept { return last_step_.load() < number; }

  private:
    void work();
    void remember_error(std::uint64_t number);

    unsigned workers_;
    std::uint64_t memory_bytes_;
    io::Pages pages_;
    const std::function<bool()>& stop_requested_;
    std::uint64_t steps_ = 0;
    const std::function<void(std::uint64_t, std::span<std::byte>)>* do_step_ = nullptr;
    const std::function<void(std::uint64_t)>* settled_ = nullptr;
    std::atomic<std::uint64_t> next_step_{0};
    std::atomic<std::uint64_t> last_step_{std::numeric_limits<std::uint64_t>::max()};
    std::mutex error_mutex_;
    std::exception_ptr error_;
};

/// Progress of one part of a longer run: bytes `before` it are through, `total` are to come in all.
inline std::function<void(std::uint64_t, std::uint64_t)> part_of(
    const std::function<void(std::uint64_t, std::uint64_t)>& progress, std::uint64_t before,
    std::uint64_t total) {
    if (!progress) return {};
    return [&progress, before, total](std::uint64_t done, std::uint64_t) {
        progress(before + done, total);
    };
}

/// Tells a progress callback how far a run is; never from two threads at once.
class ProgressMeter {
  public:
    ProgressMeter(const std::function<void(std::uint64_t, std::uint64_t)>& progress,
                  std::uint64_t total_bytes)
        : progress_(progress), total_bytes_(total_bytes) {}

    /// That many more bytes are through.
    void add(std::uint64_t bytes);

    /// Everything is through.
    void finish();

  private:
    const std::function<void(std::uint64_t, std::uint64_t)>& progress_;
    std::uint64_t total_bytes_;
    std::atomic<std::uint64_t> done_bytes_{0};
    std::mutex mutex_;
};

}  // namespace octet::pipeline
