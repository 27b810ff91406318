// How a tensor is cut into tiles, the rectangles that are quantized together. Pure arithmetic: it
// follows from scheme, shape and dtype alone, never from the number of workers, so that sums are
// formed in one order.
//
// Tiles hold whole rows where those fit, else panels of columns that begin at whole groups and
// whole packed bytes; a plain tensor (quant::is_plain) is one long row. A batch is cut matrix by
// matrix. Tiles that share blocks (a tensor, a channel that does not fit) are a *domain*.
#pragma once

#include <cstdint>
#include <string_view>

#include "octet/dtype.hpp"
#include "quant/storage_layout.hpp"

namespace octet::codecs {

/// Elements that a tile has at most, and blocks.
inline constexpr std::uint64_t kMostTileElements = 256U << 10U;

/// What a tile of many short rows is filled up to: codes, values and parameters stay in the
/// second-level cache.
inline constexpr std::uint64_t kTargetTileElements = 64U << 10U;

/// The same of two levels down columns, whose tiles hold superblocks of a thousand rows, and of
/// channels down columns whose range is searched, or a percentile, and whose tiles hold all rows:
/// narrow panels of those would be read and written in many small pieces.
inline constexpr std::uint64_t kMostSuperblockTileElements = 1U << 20U;

inline constexpr std::uint64_t kMostSuperblockTileBlocks =
    kMostSuperblockTileElements / kLeastGroupSize;

/// Of that scheme's tiles.
std::uint64_t most_tile_elements(const Scheme& scheme) noexcept;
std::uint64_t most_tile_blocks(const Scheme& scheme) noexcept;
inline constexpr std::uint64_t kMostTileBlocks = 32U << 10U;

struct BlockLayout {
    Scheme scheme;
    Dtype dtype = Dtype::kF32;  ///< of the source
    quant::Matrix matrix;       ///< of a plain tensor: one row
    quant::BlockGrid grid;
    std::uint64_t tile_rows = 1;     ///< of a tile that is not cut short
    std::uint64_t tile_columns = 1;  ///< the matrix's, unless its rows are too long: then whole
                                     ///< groups, and whole bytes when packed
    std::uint64_t tiles_down = 0;    ///< of each matrix
    std::uint64_t tiles_across = 0;
    bool down_first = false;  ///< tiles are numbered down the first columns, then the next
    std::uint64_t tiles_per_domain =
        1;  ///< consecutive tiles that share blocks, and no other tile has them

    std::uint64_t tiles() const noexcept { return matrix.batch * tiles_down * tiles_across; }
};

/// The layout of a tensor. Throws kUsage where codes of fewer than 8 bits cannot be cut at whole
/// bytes: more than two dimensions, rows longer than a tile, and a last dimension that is no
/// multiple of 8 and too long for a tile to end with it and with a group. `name` stands in the
/// message.
BlockLayout layout_of(const Scheme& scheme, Dtype dtype, const Shape& shape, std::string_view name);

/// The same of a plain tensor that is one tile, at once.
BlockLayout one_tile_layout(const Scheme& scheme, Dtype dtype, std::uint64_t elements);

quant::TilePlace place_of(const BlockLayout& layout, std::uint64_t tile) noexcept;

}  // namespace octet::codecs
