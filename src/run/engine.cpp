#include "run/engine.hpp"

#include <algorithm>
#include <atomic>
#include <vector>

#include "base/checked.hpp"
#include "quant/active_kernels.hpp"
#include "run/block_works.hpp"
#include "run/output_queue.hpp"
#include "run/source_reader.hpp"
#include "run/steps.hpp"
#include "run/tile_work.hpp"
#include "run/wide_states.hpp"
#include "run/workers.hpp"

namespace octet::run {
namespace {

/// Of kBufferBytes, what finished output waits in.
constexpr std::uint64_t kChunkMemoryBytes = 10U << 20U;

/// What the tiles of one split tensor have found so far. Each slot has one writer; readers come after `ranges_left` reached 0.
struct Split {
    std::vector<kernels::Range> ranges;
    std::vector<TileResult> results;
    std::vector<std::vector<Checksum>> source_pieces;  // a range step each
    std::vector<std::vector<Checksum>> stored_pieces;  // a tile step each
    std::atomic<std::uint64_t> ranges_left{0};
};

bool has_large(std::span<const TensorJob> jobs) {
    constexpr std::uint64_t kLargeBytes = 4U << 20U;
    return std::any_of(jobs.begin(), jobs.end(),
                       [](const TensorJob& job) { return job.source_bytes() >= kLargeBytes; });
}

/// Huge pages pay where whole tensors are read into the buffers.
io::Pages pages_for(std::span<const TensorJob> jobs, const SourceReader& reader) {
    return has_large(jobs) && !reader.maps() ? io::Pages::kHuge : io::Pages::kSmall;
}

void merge(kernels::Range& range, const kernels::Range& other) {
    range.min = std::min(range.min, other.min);
    range.max = std::max(range.max, other.max);
    range.finite = range.finite && other.finite;
}

class Run {
  public:
    Run(std::span<TensorJob> jobs, unsigned workers, const WriteOptions& options)
        : jobs_(jobs),
          reader_(jobs, workers),
          workers_(fitting_workers(jobs, workers), options.stop_requested, kBufferBytes - kChunkMemoryBytes,
                   pages_for(jobs, reader_)),
          output_(jobs, kChunkMemoryBytes, has_large(jobs) ? io::Pages::kHuge : io::Pages::kSmall),
          blocks_(jobs, {reader_, output_, workers_.memory_bytes()}),
          plan_(cut_steps(jobs, workers_.memory_bytes(), blocks_.tasks())),
          splits_(plan_.split_jobs.size()),
          progress_(options.progress, total_source_bytes(jobs)) {
        for (std::size_t i = 0; i < splits_.size(); ++i) {
            const TensorJob& job = jobs_[plan_.split_jobs[i]];
            const std::uint64_t tiles = divide_up(job.elements, tile_elements(job));
            splits_[i].ranges.assign(tiles, quant::empty_range());
            splits_[i].results.resize(tiles);
            splits_[i].source_pieces.resize(tiles);
            splits_[i].stored_pieces.resize(divide_up(job.elements, piece_elements(job)));
            splits_[i].ranges_left = tiles;
        }
    }

    void run() {
        const auto do_one = [this](std::uint64_t number, Bytes memory) {
            do_step(plan_.steps[number], memory);
            report(plan_.steps[number]);
        };
        // Also when a range step failed or was left out: somebody may wait for it.
        const auto settled = [this](std::uint64_t number) {
            const Step& step = plan_.steps[number];
            if (step.kind == StepKind::kRange) finish_range(splits_[step.split]);
            if (step.kind == StepKind::kBlock) blocks_.settled(step.split, step.first_element);
        };
        workers_.run(plan_.steps.size(), do_one, settled);
        output_.finish();
        for (std::size_t i = 0; i < splits_.size(); ++i) settle_split(splits_[i], jobs_[plan_.split_jobs[i]]);
        blocks_.finish();
        progress_.finish();
    }

    std::vector<FileHasher> take_hashers() noexcept { return output_.take_hashers(); }

  private:
    /// So many workers that each has the memory which the tensors done in blocks need: their tiles do not depend on it.
    static unsigned fitting_workers(std::span<const TensorJob> jobs, unsigned workers) {
        std::uint64_t needed = 1;
        for (const TensorJob& job : jobs) {
            if (job.block != nullptr) needed = std::max(needed, BlockWork::memory_bytes(job));
        }
        return static_cast<unsigned>(std::min<std::uint64_t>(workers, (kBufferBytes - kChunkMemoryBytes) / needed));
    }

    static std::uint64_t total_source_bytes(std::span<const TensorJob> jobs) {
        std::uint64_t total = 0;
        for (const TensorJob& job : jobs) total += job.source_bytes();
        return total;
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
            case StepKind::kBlock: {
                const auto number = static_cast<std::uint64_t>(&step - plan_.steps.data());
                const auto is_futile = [&] { return workers_.is_futile(number); };
                return progress_.add(blocks_.do_task(step.split, step.first_element, memory, is_futile));
            }
        }
    }

    void do_batch(const Step& step, Bytes memory) {
        const std::span<TensorJob> batch = jobs_.subspan(step.first_job, step.job_count);
        const TensorJob& front = batch.front();
        Hashers hashers;
        OutputStream output(output_, front.target, front.target_offset);
        reader_.visit(*front.source, front.source_offset, total_source_bytes(batch), memory, [&](SourceBytes& source) {
            std::uint64_t from = 0;
            for (TensorJob& job : batch) {
                encode_whole(job, source, from, output, hashers);
                from += job.source_bytes();
            }
        });
        output.finish();
    }

    /// Calls visit(first element, count) for parts of at most `fitting` elements, whole folding blocks but for the last.
    template <typename Visit>
    static void for_each_part(std::uint64_t first, std::uint64_t elements, std::uint64_t fitting, Visit visit) {
        const std::uint64_t part = fitting - fitting % kernels::kFoldElements;
        for (std::uint64_t done = 0; done < elements; done += part)
            visit(first + done, std::min(part, elements - done));
    }

    void do_range(const Step& step, Bytes memory) {
        const TensorJob& job = jobs_[step.first_job];
        const std::uint64_t each = dtype_bits(job.source_dtype) / 8;
        kernels::Range range = quant::empty_range();
        quant::PieceHasher hasher;
        for_each_part(
            step.first_element, step.elements, memory.size() / each, [&](std::uint64_t first, std::uint64_t count) {
                reader_.visit(
                    *job.source, job.source_offset + first * each, count * each, memory,
                    [&](SourceBytes& source) { add_range(job, source, 0, source.size(), first, range, hasher); });
            });
        const std::uint64_t tile = step.first_element / tile_elements(job);
        splits_[step.split].ranges[tile] = range;
        splits_[step.split].source_pieces[tile] = hasher.take_pieces();
    }

    void do_tile(const Step& step, Bytes memory) {
        Split& split = splits_[step.split];
        const bool has_range = jobs_[step.first_job].codec == Codec::kQuantize;
        for (std::uint64_t left = split.ranges_left; has_range && left != 0; left = split.ranges_left) {
            split.ranges_left.wait(left);
        }
        if (workers_.is_futile(static_cast<std::uint64_t>(&step - plan_.steps.data()))) return;
        TensorJob job = jobs_[step.first_job];
        settle_from(split, job);
        const std::uint64_t target_each = dtype_bits(job.target_dtype) / 8;
        OutputStream output(output_, job.target, job.target_offset + step.first_element * target_each);
        quant::PieceHasher hasher;
        for_each_part(step.first_element, step.elements, tile_elements(job),
                      [&](std::uint64_t first, std::uint64_t count) {
                          TileResult& result = split.results[first / tile_elements(job)];
                          encode_tile(job, first, count, memory, result, output, hasher);
                          add_tile(job, result);
                      });
        output.finish();
        split.stored_pieces[step.first_element / piece_elements(job)] = hasher.take_pieces();
    }

    void encode_tile(const TensorJob& job, std::uint64_t tile_first, std::uint64_t tile_count, Bytes memory,
                     TileResult& result, OutputStream& output, quant::PieceHasher& hasher) {
        const std::uint64_t source_each = dtype_bits(job.source_dtype) / 8;
        const std::uint64_t target_each = dtype_bits(job.target_dtype) / 8;
        const std::uint64_t part = part_elements(job);
        for_each_part(tile_first, tile_count, memory.size() / source_each,
                      [&](std::uint64_t first, std::uint64_t count) {
                          const auto encode_chunks = [&](SourceBytes& source) {
                              for (std::uint64_t done = 0; done < count; done += part) {
                                  const std::uint64_t size = std::min(part, count - done);
                                  const Bytes target = output.next(size * target_each);
                                  encode(job, source.part(done * source_each, size * source_each), target, result);
                                  if (makes_checksums(job)) hasher.add(target);
                              }
                          };
                          reader_.visit(*job.source, job.source_offset + first * source_each, count * source_each,
                                        memory, encode_chunks);
                      });
        if (!needs_exact_sums(job, result, tile_count)) return;
        for_each_part(
            tile_first, tile_count, memory.size() / source_each, [&](std::uint64_t first, std::uint64_t count) {
                reader_.visit(*job.source, job.source_offset + first * source_each, count * source_each, memory,
                              [&](SourceBytes& source) { add_exact_sums(job, source.part(0, source.size()), result); });
            });
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
        if (!makes_checksums(job)) return;
        job.stored_checksum = joined(split.stored_pieces);
        job.source_checksum = job.codec == Codec::kCopy ? job.stored_checksum : joined(split.source_pieces);
    }

    static Checksum joined(const std::vector<std::vector<Checksum>>& steps) {
        std::vector<Checksum> pieces;
        for (const auto& step : steps) pieces.insert(pieces.end(), step.begin(), step.end());
        return quant::checksum_of_pieces(pieces);
    }

    /// Bytes count when they are through: range tiles of a tensor that comes again do not.
    void report(const Step& step) {
        const TensorJob& job = jobs_[step.first_job];
        std::uint64_t bytes = 0;
        if (step.kind == StepKind::kBatch) {
            bytes = total_source_bytes(jobs_.subspan(step.first_job, step.job_count));
        } else if (step.kind == StepKind::kTile || job.codec == Codec::kScan) {
            bytes = step.elements * (dtype_bits(job.source_dtype) / 8);
        }
        progress_.add(bytes);
    }

    std::span<TensorJob> jobs_;
    SourceReader reader_;
    Workers workers_;
    OutputQueue output_;
    BlockWorks blocks_;
    StepPlan plan_;
    std::vector<Split> splits_;
    ProgressMeter progress_;
};

}  // namespace

std::vector<FileHasher> run_jobs(std::span<TensorJob> jobs, const WriteOptions& options) {
    quant::active_kernels();  // an unknown OCTET_ISA is refused here, not in a worker
    WriteOptions rest = options;
    rest.progress = find_wide_states(jobs, options);
    Run run(jobs, worker_count(options.threads), rest);
    run.run();
    return run.take_hashers();
}

}  // namespace octet::run
