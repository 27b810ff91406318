// How the steps of a tensor done in blocks are shared out: a task is what one worker does in one go. Tasks depend on the memory at hand, steps
// and their sums do not.
#pragma once

#include <cstdint>
#include <vector>

#include "run/block_layout.hpp"

namespace octet::run {

/// Consecutive steps. `has_domains` says that they are whole domains, ranges and codes.
struct BlockTask {
    std::uint64_t first_step = 0;
    std::uint64_t steps = 1;
    bool has_domains = true;
};

/// Worker memory that the tiles of a layout need.
struct BlockNeeds {
    std::uint64_t elements = 0;      ///< of a tile
    std::uint64_t blocks = 0;        ///< of a domain
    std::uint64_t raw_bytes = 0;     ///< of a tile as it is stored, where that is not F32
    std::uint64_t domain_bytes = 0;  ///< of a domain of several tiles as it is stored, where it is kept; else 0
    std::uint64_t search_bytes =
        0;  ///< of 16 channels side by side, or of the values of a small tensor, while they are searched: outside of the
            ///< worker's own memory
    std::uint64_t state_bytes = 0;  ///< of all state tensors, where they are kept, or of runs of them; or 0

    std::uint64_t byte_count() const noexcept;
};

/// What the tiles need at least: nothing is kept.
BlockNeeds needs_of(const BlockLayout& layout);

/// Bytes of a domain of several tiles as the source stores it; 0 where every tile is a domain.
std::uint64_t domain_bytes_of(const BlockLayout& layout);

/// Shares out `steps` = block_steps(layout); `keeps_domains`: a worker has the memory to keep what a domain's codes are made of.
/// `alone`: the workers have nothing but this tensor, so tasks are as small as steps. A task's source is no more than `memory_bytes`, unless a
/// step's is.
std::vector<BlockTask> block_tasks(const BlockLayout& layout, const std::vector<BlockStep>& steps, bool keeps_domains,
                                   bool alone, std::uint64_t memory_bytes);

}  // namespace octet::run
