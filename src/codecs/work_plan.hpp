// The work plan of a tensor that is quantized: its tiles make *steps* of about 2^20 elements, each
// with sums of its own, and steps make pieces, which a worker does in one go. Steps follow from the
// layout alone; pieces depend on the memory at hand, and nothing that comes out on them.
#pragma once

#include <cstdint>
#include <vector>

#include "codecs/block_layout.hpp"

namespace octet::codecs {

enum class StepKind : std::uint8_t {
    kWhole,  ///< whole domains: ranges, then codes
    kRange,  ///< the ranges of some tiles of one domain
    kCodes,  ///< the codes of some tiles of one domain, after all its range steps
};

struct Step {
    StepKind kind = StepKind::kWhole;
    std::uint64_t first_tile = 0;
    std::uint64_t tiles = 0;
    std::uint64_t domain = 0;  ///< the first one
};

/// Consecutive steps. `has_domains` says that they are whole domains, ranges and codes.
struct Piece {
    std::uint64_t first_step = 0;
    std::uint64_t steps = 1;
    bool has_domains = true;
};

/// Worker memory that the tiles of a layout need.
struct MemoryNeeds {
    std::uint64_t elements = 0;   ///< of a tile
    std::uint64_t blocks = 0;     ///< of a domain
    std::uint64_t raw_bytes = 0;  ///< of a tile as it is stored, where that is not F32
    std::uint64_t domain_bytes =
        0;  ///< of a domain of several tiles as it is stored, where it is kept; else 0
    /// Of 16 channels side by side, or of the values of a small tensor, while they are searched:
    /// outside of the worker's own memory.
    std::uint64_t search_bytes = 0;
    std::uint64_t state_bytes =
        0;  ///< of all state tensors, where they are kept, or of runs of them; or 0

    std::uint64_t byte_count() const noexcept;
};

/// What the tiles need at least: nothing is kept.
MemoryNeeds needs_of(const BlockLayout& layout);

/// Bytes of a domain of several tiles as the source stores it; 0 where every tile is a domain.
std::uint64_t domain_bytes_of(const BlockLayout& layout);

/// The steps of a tensor, in the order in which they are to be taken.
std::vector<Step> steps_of(const BlockLayout& layout);

/// How pieces are made of steps.
struct PieceOptions {
    bool keeps_domains =
        false;  ///< a worker has the memory to keep what a domain's codes are made of
    bool is_alone =
        false;  ///< workers may have nothing but this tensor: pieces are as small as steps
    std::uint64_t memory_bytes = 0;  ///< a piece's source is no more, unless a step's is
};

std::vector<Piece> pieces_of(const BlockLayout& layout, const std::vector<Step>& steps,
                             const PieceOptions& options);

}  // namespace octet::codecs
