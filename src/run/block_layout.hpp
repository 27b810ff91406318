// How a tensor is cut into the rectangles that are quantized together, and those into steps. Pure arithmetic: it follows from scheme,
// shape and dtype alone, never from the number of workers, so that sums are formed in one order.
#pragma once

#include <cstdint>
#include <vector>

#include "octet/dtype.hpp"
#include "quant/stored_form.hpp"

namespace octet::run {

/// Elements that a tile has at most, and blocks.
inline constexpr std::uint64_t kMostTileElements = 256U << 10U;

/// The same of two levels down columns, whose tiles hold superblocks of a thousand rows, and of channels down columns whose range is searched, or
/// a percentile, and whose tiles hold all rows: narrow panels of those would be read and written in many small pieces.
inline constexpr std::uint64_t kMostSuperblockTileElements = 1U << 20U;

inline constexpr std::uint64_t kMostSuperblockTileBlocks = kMostSuperblockTileElements / kLeastGroupSize;

/// Of that scheme's tiles.
std::uint64_t most_tile_elements(const Scheme& scheme) noexcept;
std::uint64_t most_tile_blocks(const Scheme& scheme) noexcept;
inline constexpr std::uint64_t kMostTileBlocks = 32U << 10U;

/// A rectangle of the matrix.
struct TilePlace {
    std::uint64_t row = 0;
    std::uint64_t column = 0;
    std::uint64_t rows = 0;
    std::uint64_t columns = 0;
};

struct BlockLayout {
    Scheme scheme;
    Dtype dtype = Dtype::kF32;  ///< of the source
    quant::Matrix matrix;
    quant::BlockGrid grid;
    std::uint64_t tile_rows = 1;  ///< of a tile that is not cut short
    std::uint64_t tile_columns =
        1;  ///< the matrix's, unless its rows are too long: then whole groups, and whole bytes when packed
    std::uint64_t tiles_down = 0;
    std::uint64_t tiles_across = 0;
    bool down_first = false;             ///< tiles are numbered down the first columns, then the next
    std::uint64_t tiles_per_domain = 1;  ///< consecutive tiles that share blocks, and no other tile has them

    std::uint64_t tiles() const noexcept { return tiles_down * tiles_across; }
};

/// The layout of a tensor. Throws kUsage where codes of fewer than 8 bits cannot be cut at whole bytes: more than two dimensions, rows longer than
/// a tile, and a last dimension that is no multiple of 8 and too long for a tile to end with it and with a group. `name` stands in the message.
BlockLayout layout_of(const Scheme& scheme, Dtype dtype, const Shape& shape, std::string_view name);

TilePlace place_of(const BlockLayout& layout, std::uint64_t tile) noexcept;

/// Where the codes of a tile begin, in bytes from the tensor's first; of a tile with whole rows, or with one row.
std::uint64_t code_offset_of(const BlockLayout& layout, const TilePlace& place) noexcept;

/// Bytes that the codes of such a tile take.
std::uint64_t packed_tile_bytes(const BlockLayout& layout, const TilePlace& place) noexcept;

enum class BlockStepKind : std::uint8_t {
    kWhole,  ///< whole domains: ranges, then codes
    kRange,  ///< the ranges of some tiles of one domain
    kCodes,  ///< the codes of some tiles of one domain, after all its range steps
};

struct BlockStep {
    BlockStepKind kind = BlockStepKind::kWhole;
    std::uint64_t first_tile = 0;
    std::uint64_t tiles = 0;
    std::uint64_t domain = 0;  ///< the first one
};

/// The steps of a tensor, about 2^20 elements each, in the order in which they are to be taken.
std::vector<BlockStep> block_steps(const BlockLayout& layout);

}  // namespace octet::run
