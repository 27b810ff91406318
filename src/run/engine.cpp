#include "run/engine.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <limits>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "base/checked.hpp"
#include "base/text.hpp"
#include "octet/error.hpp"
#include "quant/active_kernels.hpp"
#include "run/source_reader.hpp"
#include "run/steps.hpp"
#include "run/tile_work.hpp"

namespace octet::run {
namespace {

/// What the tiles of one split tensor have found so far. Each slot has one writer; readers come after `ranges_left` reached 0.
struct Split {
    std::vector<kernels::Range> ranges;
    std::vector<TileResult> results;
    std::atomic<std::uint64_t> ranges_left{0};
};

void merge(kernels::Range& range, const kernels::Range& other) {
    range.min = std::min(range.min, other.min);
    range.max = std::max(range.max, other.max);
    range.finite = range.finite && other.finite;
}

class Run {
  public:
    Run(std::span<TensorJob> jobs, unsigned workers, const Progress& progress)
        : jobs_(jobs),
          memory_(kBufferBytes / workers),
          plan_(cut_steps(jobs, memory_)),
          splits_(plan_.split_jobs.size()),
          reader_(jobs, workers),
          progress_(progress) {
        for (std::size_t i = 0; i < splits_.size(); ++i) {
            const TensorJob& job = jobs_[plan_.split_jobs[i]];
            const std::uint64_t tiles = divide_up(job.elements, tile_elements(job));
            splits_[i].ranges.assign(tiles, quant::empty_range());
            splits_[i].results.resize(tiles);
            splits_[i].ranges_left = tiles;
        }
        for (const TensorJob& job : jobs_) total_bytes_ += job.source_bytes();
    }

    void run(unsigned workers) {
        std::vector<std::jthread> others;
        for (unsigned i = 1; i < workers; ++i) others.emplace_back([this] { work(); });
        work();
        for (std::jthread& other : others) other.join();
        if (error_) std::rethrow_exception(error_);
        for (std::size_t i = 0; i < splits_.size(); ++i) settle_split(splits_[i], jobs_[plan_.split_jobs[i]]);
        if (progress_) progress_(total_bytes_, total_bytes_);
    }

  private:
    void work() {
        std::unique_ptr<std::byte[]> memory;
        for (;;) {
            const std::uint64_t number = next_step_.fetch_add(1);
            if (number >= plan_.steps.size()) return;
            const Step& step = plan_.steps[number];
            const bool wanted = number <= last_step_.load();
            try {
                if (wanted && !memory) memory = std::make_unique_for_overwrite<std::byte[]>(memory_);
                if (wanted) do_step(step, {memory.get(), memory_});
                if (wanted) report(step);
            } catch (...) {
                remember_error(number);
            }
            // Also when it failed or was left out: somebody may wait for it.
            if (step.kind == StepKind::kRange) finish_range(splits_[step.split]);
            if (!wanted) return;
        }
    }

    /// Keeps the error of the earliest step and lets only earlier steps start from now on.
    void remember_error(std::uint64_t number) {
        const std::lock_guard lock(error_mutex_);
        if (number > last_step_.load()) return;
        last_step_ = number;
        error_ = std::current_exception();
    }

    static void finish_range(Split& split) {
        if (split.ranges_left.fetch_sub(1) == 1) split.ranges_left.notify_all();
    }

    void do_step(const Step& step, Bytes memory) {
        switch (step.kind) {
            case StepKind::kBatch:
                return do_batch(step, memory);
            case StepKind::kRange:
                return do_range(step, memory);
            case StepKind::kTile:
                return do_tile(step, memory);
        }
    }

    void do_batch(const Step& step, Bytes memory) {
        const std::span<TensorJob> batch = jobs_.subspan(step.first_job, step.job_count);
        const TensorJob& front = batch.front();
        std::uint64_t source_bytes = 0;
        std::uint64_t target_bytes = 0;
        for (const TensorJob& job : batch) {
            source_bytes += job.source_bytes();
            target_bytes += job.target_bytes();
        }
        // Codes first: they stay at the same place from step to step, and with it in the cache.
        const Bytes target = memory.first(target_bytes);
        reader_.visit(*front.source, front.source_offset, source_bytes, memory.subspan(target_bytes),
                      [&](ConstBytes source) {
                          std::uint64_t source_at = 0;
                          std::uint64_t target_at = 0;
                          for (TensorJob& job : batch) {
                              encode_whole(job, source.subspan(source_at, job.source_bytes()),
                                           target.subspan(target_at, job.target_bytes()));
                              source_at += job.source_bytes();
                              target_at += job.target_bytes();
                          }
                      });
        if (target_bytes > 0) front.target->write_at(target, front.target_offset);
    }

    /// Calls visit(first element, count) for pieces of the step's tile that fit the memory, `each` bytes an element.
    template <typename Visit>
    static void for_each_piece(const Step& step, std::uint64_t memory, std::uint64_t each, Visit visit) {
        const std::uint64_t fitting = memory / each;
        const std::uint64_t piece = fitting - fitting % kernels::kFoldElements;
        for (std::uint64_t done = 0; done < step.elements; done += piece) {
            visit(step.first_element + done, std::min(piece, step.elements - done));
        }
    }

    void do_range(const Step& step, Bytes memory) {
        const TensorJob& job = jobs_[step.first_job];
        const std::uint64_t each = dtype_bits(job.source_dtype) / 8;
        kernels::Range range = quant::empty_range();
        for_each_piece(step, memory.size(), each, [&](std::uint64_t first, std::uint64_t count) {
            reader_.visit(*job.source, job.source_offset + first * each, count * each, memory,
                          [&](ConstBytes source) { add_range(job, source, first, range); });
        });
        splits_[step.split].ranges[step.first_element / tile_elements(job)] = range;
    }

    void do_tile(const Step& step, Bytes memory) {
        Split& split = splits_[step.split];
        const bool has_range = jobs_[step.first_job].codec == Codec::kQuantize;
        for (std::uint64_t left = split.ranges_left; has_range && left != 0; left = split.ranges_left) {
            split.ranges_left.wait(left);
        }
        if (last_step_.load() < static_cast<std::uint64_t>(&step - plan_.steps.data())) return;
        TensorJob job = jobs_[step.first_job];
        settle_from(split, job);
        const std::uint64_t source_each = dtype_bits(job.source_dtype) / 8;
        const std::uint64_t target_each = dtype_bits(job.target_dtype) / 8;
        TileResult& result = split.results[step.first_element / tile_elements(job)];
        for_each_piece(step, memory.size(), source_each + target_each, [&](std::uint64_t first, std::uint64_t count) {
            const Bytes target = memory.first(count * target_each);
            reader_.visit(*job.source, job.source_offset + first * source_each, count * source_each,
                          memory.subspan(target.size()),
                          [&](ConstBytes source) { encode(job, source, target, result); });
            job.target->write_at(target, job.target_offset + first * target_each);
        });
        add_tile(job, result);
    }

    /// Range and state of a split tensor, from its finished range tiles.
    static void settle_from(const Split& split, TensorJob& job) {
        if (job.codec != Codec::kQuantize && job.codec != Codec::kScan) return;
        job.range = quant::empty_range();
        for (const kernels::Range& range : split.ranges) merge(job.range, range);
        settle_range(job);
    }

    static void settle_split(const Split& split, TensorJob& job) {
        settle_from(split, job);
        for (const TileResult& result : split.results) add_tile(job, result);
    }

    /// Bytes count when they are through: range tiles of a tensor that comes again do not.
    void report(const Step& step) {
        if (!progress_) return;
        std::uint64_t bytes = 0;
        const TensorJob& job = jobs_[step.first_job];
        if (step.kind == StepKind::kTile || job.codec == Codec::kScan)
            bytes = step.elements * (dtype_bits(job.source_dtype) / 8);
        if (step.kind == StepKind::kBatch) {
            bytes = 0;
            for (const TensorJob& each : jobs_.subspan(step.first_job, step.job_count)) bytes += each.source_bytes();
        }
        const std::uint64_t done = done_bytes_.fetch_add(bytes) + bytes;
        const std::unique_lock lock(progress_mutex_, std::try_to_lock);
        if (lock.owns_lock()) progress_(done, total_bytes_);
    }

    std::span<TensorJob> jobs_;
    std::uint64_t memory_;
    StepPlan plan_;
    std::vector<Split> splits_;
    SourceReader reader_;
    const Progress& progress_;
    std::uint64_t total_bytes_ = 0;
    std::atomic<std::uint64_t> done_bytes_{0};
    std::atomic<std::uint64_t> next_step_{0};
    std::atomic<std::uint64_t> last_step_{std::numeric_limits<std::uint64_t>::max()};
    std::mutex progress_mutex_;
    std::mutex error_mutex_;
    std::exception_ptr error_;
};

}  // namespace

unsigned worker_count(unsigned threads) {
    constexpr unsigned kMostThreads = 1024;
    if (threads > kMostThreads)
        throw Error(ErrorCode::kUsage, "--threads", fmt::format("{} is more than {}", threads, kMostThreads));
    return threads != 0 ? threads : std::max(1U, std::thread::hardware_concurrency());
}

void run_jobs(std::span<TensorJob> jobs, unsigned threads, const Progress& progress) {
    quant::active_kernels();  // an unknown OCTET_ISA is refused here, not in a worker
    const unsigned workers = worker_count(threads);
    Run(jobs, workers, progress).run(workers);
}

}  // namespace octet::run
