// How the jobs of a run are cut into steps. Pure arithmetic on sizes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "run/engine.hpp"

namespace octet::run {

enum class StepKind : std::uint8_t {
    kBatch,  ///< whole tensors that lie one behind the other in source and target: one read, one write
    kRange,  ///< first pass over one tile
    kTile,  ///< the codec of one or more tiles, a whole piece of output; after all range steps of its tensor, if it has any
    kBlock,  ///< a step of run/block_work
};

struct Step {
    StepKind kind = StepKind::kBatch;
    std::uint32_t split = 0;  ///< of a tile: which split tensor; of a block step: which of the tensors done in blocks
    std::uint32_t first_job = 0;
    std::uint32_t job_count = 1;      ///< of a batch
    std::uint64_t first_element = 0;  ///< of a tile; of a block step: its number
    std::uint64_t elements = 0;       ///< of a tile
};

/// Elements of one tile of the job: a multiple of 16 lanes and of the folding block.
std::uint64_t tile_elements(const TensorJob& job) noexcept;

/// Elements of one kTile step: whole tiles, and, where the job makes checksums, a whole piece of its output.
std::uint64_t piece_elements(const TensorJob& job) noexcept;

struct StepPlan {
    std::vector<Step> steps;                ///< in file order
    std::vector<std::uint32_t> split_jobs;  ///< the job of each split tensor
};

/// Cuts the jobs for workers with `memory` bytes each. `block_steps`: the steps of each job that is done in blocks, in order.
StepPlan cut_steps(std::span<const TensorJob> jobs, std::uint64_t memory,
                   std::span<const std::uint64_t> block_steps = {});

}  // namespace octet::run
