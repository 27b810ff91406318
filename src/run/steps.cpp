#include "run/steps.hpp"

#include <algorithm>

#include "quant/checksum.hpp"

namespace octet::run {
namespace {

/// Small tensors are batched up to this many bytes, so that no worker is left with a long last step.
constexpr std::uint64_t kBatchBytes = 128U << 10U;

/// What is gone through once is cut finer than the memory asks for, so that the workers end together.
constexpr std::uint64_t kMostWholeBytes = 8U << 20U;

std::uint64_t memory_of(const TensorJob& job) {
    return job.source_bytes() + job.target_bytes();
}

/// `job` lies directly behind `before` in both files.
bool continues(const TensorJob& before, const TensorJob& job) {
    return job.block == nullptr && job.source == before.source && job.target == before.target &&
           job.source_offset == before.source_offset + before.source_bytes() &&
           (job.codec == Codec::kScan || job.target_offset == before.target_offset + before.target_bytes());
}

void add_tiles(StepPlan& plan, StepKind kind, std::uint32_t split, std::uint32_t job, std::uint64_t elements,
               std::uint64_t tile) {
    for (std::uint64_t first = 0; first < elements; first += tile) {
        plan.steps.push_back({kind, split, job, 1, first, std::min(tile, elements - first)});
    }
}

}  // namespace

std::uint64_t tile_elements(const TensorJob& job) noexcept {
    const unsigned widest = std::max(dtype_bits(job.source_dtype), dtype_bits(job.target_dtype));
    return kTileBytes / (widest / 8);
}

std::uint64_t piece_elements(const TensorJob& job) noexcept {
    // Codes are bytes: a piece of them takes several tiles of source.
    return job.codec == Codec::kQuantize ? quant::kPieceBytes : tile_elements(job);
}

StepPlan cut_steps(std::span<const TensorJob> jobs, std::uint64_t memory, std::span<const std::uint64_t> block_steps) {
    StepPlan plan;
    plan.steps.reserve(jobs.size());
    std::uint32_t block = 0;
    for (std::uint32_t i = 0; i < jobs.size();) {
        if (jobs[i].block != nullptr) {
            for (std::uint64_t n = 0; n < block_steps[block]; ++n)
                plan.steps.push_back({StepKind::kBlock, block, i, 1, n, 0});
            ++block;
            ++i;
            continue;
        }
        const bool needs_range = jobs[i].codec == Codec::kQuantize || jobs[i].codec == Codec::kScan;
        if (needs_range ? jobs[i].source_bytes() > memory : memory_of(jobs[i]) > std::min(memory, kMostWholeBytes)) {
            const auto split = static_cast<std::uint32_t>(plan.split_jobs.size());
            plan.split_jobs.push_back(i);
            if (needs_range) add_tiles(plan, StepKind::kRange, split, i, jobs[i].elements, tile_elements(jobs[i]));
            if (jobs[i].codec != Codec::kScan)
                add_tiles(plan, StepKind::kTile, split, i, jobs[i].elements, piece_elements(jobs[i]));
            ++i;
            continue;
        }
        std::uint32_t next = i + 1;
        const std::uint64_t limit = std::min(memory, kBatchBytes);
        std::uint64_t bytes = memory_of(jobs[i]);
        while (next < jobs.size() && continues(jobs[next - 1], jobs[next]) && bytes + memory_of(jobs[next]) <= limit) {
            bytes += memory_of(jobs[next]);
            ++next;
        }
        plan.steps.push_back({StepKind::kBatch, 0, i, next - i, 0, 0});
        i = next;
    }
    return plan;
}

}  // namespace octet::run
