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
#include "quant/values.hpp"
#include "run/steps.hpp"

namespace octet::run {
namespace {

using Bytes = std::span<std::byte>;
using ConstBytes = std::span<const std::byte>;

/// What the tiles of one split tensor have found so far. Each slot has one writer; readers come after `ranges_left` reached 0.
struct Split {
    std::vector<kernels::Range> ranges;
    std::vector<quant::ErrorSums> sums;
    std::vector<kernels::Narrowing> narrowings;
    std::atomic<std::uint64_t> ranges_left{0};
};

void merge(kernels::Range& range, const kernels::Range& other) {
    range.min = std::min(range.min, other.min);
    range.max = std::max(range.max, other.max);
    range.finite = range.finite && other.finite;
}

void merge(kernels::Narrowing& narrowing, const kernels::Narrowing& other) {
    narrowing.max_abs_difference = std::max(narrowing.max_abs_difference, other.max_abs_difference);
    narrowing.overflowed = narrowing.overflowed || other.overflowed;
}

[[noreturn]] void throw_not_finite(const TensorJob& job, ConstBytes source, std::uint64_t first_element) {
    const auto found = quant::first_non_finite(job.source_dtype, source);
    const std::string where =
        found ? fmt::format("{} at {}", found->value, index_text(first_element + found->element, *job.shape))
              : "a value";
    throw Error(
        ErrorCode::kBadInput, printable(job.source->name()),
        fmt::format("tensor {} holds {}, which is not a finite float32; --on-non-finite keep copies such tensors",
                    in_quotes(job.name), where));
}

/// The range is whole: makes the tensor's state, or refuses a range that float32 cannot hold.
void settle_range(TensorJob& job) {
    if (job.codec == Codec::kScan) return;
    if (quant::overflows(job.range)) {
        throw Error(
            ErrorCode::kBadInput, printable(job.source->name()),
            fmt::format(
                "tensor {} spans {} to {}, a range that overflows float32; --on-non-finite keep copies such tensors",
                in_quotes(job.name), job.range.min, job.range.max));
    }
    job.state = quant::affine_state(job.range);
}

void refuse_overflow(const TensorJob& job, const kernels::Narrowing& narrowing) {
    if (!narrowing.overflowed) return;
    throw Error(ErrorCode::kBadInput, printable(job.source->name()),
                fmt::format("tensor {} holds values that overflow {}; choose --dtype f32 or bf16", in_quotes(job.name),
                            dtype_name(job.target_dtype)));
}

/// Takes elements through the codec in memory. `lanes` gathers the statistics of the tile that the elements belong to.
void encode(const TensorJob& job, ConstBytes source, Bytes target, kernels::LaneSums& lanes, std::uint64_t& clipped,
            kernels::Narrowing& narrowing) {
    switch (job.codec) {
        case Codec::kQuantize:
            quant::quantize_values(job.source_dtype, source, quant::loop_parameters(job.state, job.range), job.rounding,
                                   target, lanes);
            if (quant::may_clip(job.state, job.range, job.rounding))
                clipped += quant::count_clipped(job.source_dtype, source, job.state, job.rounding);
            break;
        case Codec::kDequantize:
            quant::restore_values(source, job.state, job.target_dtype, target, narrowing);
            break;
        case Codec::kConvert:
            quant::convert_values(job.source_dtype, source, job.target_dtype, target, narrowing);
            break;
        case Codec::kCopy:
            std::copy(source.begin(), source.end(), target.begin());
            break;
        case Codec::kScan:
            break;
    }
}

class Run {
  public:
    Run(std::span<TensorJob> jobs, unsigned workers, const Progress& progress)
        : jobs_(jobs),
          memory_(kBufferBytes / workers),
          plan_(cut_steps(jobs, memory_)),
          splits_(plan_.split_jobs.size()),
          progress_(progress) {
        for (std::size_t i = 0; i < splits_.size(); ++i) {
            const TensorJob& job = jobs_[plan_.split_jobs[i]];
            const std::uint64_t tiles = divide_up(job.elements, tile_elements(job));
            splits_[i].ranges.assign(tiles, quant::empty_range());
            splits_[i].sums.resize(tiles);
            splits_[i].narrowings.resize(tiles);
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
        std::uint64_t source_bytes = 0;
        std::uint64_t target_bytes = 0;
        for (const TensorJob& job : batch) {
            source_bytes += job.source_bytes();
            target_bytes += job.target_bytes();
        }
        const Bytes source = memory.first(source_bytes);
        const Bytes target = memory.subspan(source_bytes, target_bytes);
        batch.front().source->read_at(source, batch.front().source_offset);
        std::uint64_t source_at = 0;
        std::uint64_t target_at = 0;
        for (TensorJob& job : batch) {
            do_whole(job, source.subspan(source_at, job.source_bytes()), target.subspan(target_at, job.target_bytes()));
            source_at += job.source_bytes();
            target_at += job.target_bytes();
        }
        if (target_bytes > 0) batch.front().target->write_at(target, batch.front().target_offset);
    }

    /// A tensor that lies in memory whole: both passes, tile by tile for the statistics.
    static void do_whole(TensorJob& job, ConstBytes source, Bytes target) {
        if (job.codec == Codec::kQuantize || job.codec == Codec::kScan) {
            job.range = quant::empty_range();
            quant::add_range(job.source_dtype, source, job.range);
            if (!job.range.finite && job.codec == Codec::kQuantize) throw_not_finite(job, source, 0);
            settle_range(job);
        }
        if (job.codec == Codec::kScan) return;
        const std::uint64_t source_each = dtype_bits(job.source_dtype) / 8;
        const std::uint64_t target_each = dtype_bits(job.target_dtype) / 8;
        const std::uint64_t tile = tile_elements(job);
        const kernels::Affine affine = quant::loop_parameters(job.state, job.range);
        for (std::uint64_t first = 0; first < job.elements; first += tile) {
            const std::uint64_t count = std::min(tile, job.elements - first);
            kernels::LaneSums lanes{};
            std::uint64_t clipped = 0;
            encode(job, source.subspan(first * source_each, count * source_each),
                   target.subspan(first * target_each, count * target_each), lanes, clipped, job.narrowing);
            quant::ErrorSums sums = quant::tile_sums(lanes, affine);
            sums.clipped = clipped;
            job.sums.merge(sums);
        }
        refuse_overflow(job, job.narrowing);
    }

    /// Calls visit(first element, count) for pieces of the step's tile that fit the memory, `each` bytes an element.
    template <typename Visit>
    static void for_each_piece(const Step& step, std::uint64_t memory, std::uint64_t each, Visit visit) {
        const std::uint64_t fitting = memory / each;
        const std::uint64_t piece = fitting - fitting % kernels::kFoldElements;
        for (std::uint64_t done = 0; done < step.elements; done += piece)
            visit(step.first_element + done, std::min(piece, step.elements - done));
    }

    void do_range(const Step& step, Bytes memory) {
        const TensorJob& job = jobs_[step.first_job];
        const std::uint64_t each = dtype_bits(job.source_dtype) / 8;
        kernels::Range range = quant::empty_range();
        for_each_piece(step, memory.size(), each, [&](std::uint64_t first, std::uint64_t count) {
            const Bytes source = memory.first(count * each);
            job.source->read_at(source, job.source_offset + first * each);
            quant::add_range(job.source_dtype, source, range);
            if (!range.finite && job.codec == Codec::kQuantize) throw_not_finite(job, source, first);
        });
        splits_[step.split].ranges[step.first_element / tile_elements(job)] = range;
    }

    void do_tile(const Step& step, Bytes memory) {
        Split& split = splits_[step.split];
        for (std::uint64_t left = split.ranges_left.load();
             left != 0 && jobs_[step.first_job].codec == Codec::kQuantize; left = split.ranges_left.load()) {
            split.ranges_left.wait(left);
        }
        if (last_step_.load() < static_cast<std::uint64_t>(&step - plan_.steps.data())) return;
        TensorJob job = jobs_[step.first_job];
        settle_from(split, job);
        const std::uint64_t source_each = dtype_bits(job.source_dtype) / 8;
        const std::uint64_t target_each = dtype_bits(job.target_dtype) / 8;
        const std::uint64_t slot = step.first_element / tile_elements(job);
        kernels::LaneSums lanes{};
        std::uint64_t clipped = 0;
        for_each_piece(step, memory.size(), source_each + target_each, [&](std::uint64_t first, std::uint64_t count) {
            const Bytes source = memory.first(count * source_each);
            const Bytes target = memory.subspan(count * source_each, count * target_each);
            job.source->read_at(source, job.source_offset + first * source_each);
            encode(job, source, target, lanes, clipped, split.narrowings[slot]);
            job.target->write_at(target, job.target_offset + first * target_each);
        });
        refuse_overflow(job, split.narrowings[slot]);
        split.sums[slot] = quant::tile_sums(lanes, quant::loop_parameters(job.state, job.range));
        split.sums[slot].clipped = clipped;
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
        for (const quant::ErrorSums& sums : split.sums) job.sums.merge(sums);
        for (const kernels::Narrowing& narrowing : split.narrowings) merge(job.narrowing, narrowing);
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
