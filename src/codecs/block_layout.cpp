// Whole rows where 64 Ki elements hold some, of searches 16 where a tile can; panels of columns
// where rows are longer, which begin at whole groups and whole packed bytes.
#include "codecs/block_layout.hpp"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "base/checked.hpp"
#include "base/text.hpp"
#include "octet/error.hpp"
#include "quant/search_tile.hpp"

namespace octet::codecs {
namespace {

/// Searches take so many outputs at a time.
constexpr std::uint64_t kSearchedTogether = kernels::kBlockColumns;
static_assert(quant::kMostColumnInputs * kSearchedTogether <= kMostSuperblockTileElements);

std::uint64_t rounded_to(std::uint64_t value, std::uint64_t multiple) {
    return divide_up(value, multiple) * multiple;
}

/// True where a tile has to hold the columns of channels whole.
bool has_whole_columns(const Scheme& scheme) {
    return quant::searches_channels(scheme) && scheme.axis == OutputAxis::k1;
}

bool has_tall_tiles(const Scheme& scheme) {
    return (scheme.scale_dtype == ScaleDtype::kTwoLevel && scheme.axis == OutputAxis::k1) ||
           has_whole_columns(scheme);
}

/// Columns of a tile where whole rows are too long: panels of about equal width.
std::uint64_t panel_columns(std::uint64_t columns, std::uint64_t most, std::uint64_t alignment) {
    const std::uint64_t aligned = most - most % alignment;
    return rounded_to(divide_up(columns, divide_up(columns, aligned)), alignment);
}

/// Rows of a tile: of a search along rows as many as go together, where that many fit.
std::uint64_t whole_searches(const Scheme& scheme, bool by_columns, std::uint64_t rows,
                             std::uint64_t columns) {
    if (!quant::needs_search(scheme) || by_columns) return rows;
    if (rows >= kSearchedTogether) return rows - rows % kSearchedTogether;
    return columns <= kMostTileElements / kSearchedTogether ? kSearchedTogether : rows;
}

}  // namespace

BlockLayout layout_of(const Scheme& scheme, Dtype dtype, const Shape& shape,
                      std::string_view name) {
    BlockLayout layout;
    layout.scheme = scheme;
    layout.dtype = dtype;
    layout.matrix = quant::matrix_of(scheme, shape);
    const bool is_one_row = quant::is_plain(scheme) && layout.matrix.rows > 0;
    if (is_one_row) {
        const std::uint64_t elements = layout.matrix.rows * layout.matrix.columns;
        layout.matrix = {1, elements, elements};
    }
    layout.grid = quant::grid_of(scheme, layout.matrix);
    const auto& [rows, columns, packed_row, batch] = layout.matrix;
    if (rows == 0) return layout;
    if (is_one_row) {
        layout.tile_columns = std::min(columns, kTargetTileElements);
        layout.tiles_down = 1;
        layout.tiles_across = layout.tiles_per_domain = divide_up(columns, layout.tile_columns);
        return layout;
    }
    quant::check_columns(scheme, layout.matrix, name);
    const bool channels_whole = has_whole_columns(scheme);
    const bool groups = scheme.granularity == Granularity::kGroup || channels_whole;
    const bool by_columns =
        scheme.granularity != Granularity::kTensor && scheme.axis == OutputAxis::k1;
    // What a tile holds whole, across and down: groups, or superblocks.
    const bool two_levels = scheme.scale_dtype == ScaleDtype::kTwoLevel;
    const quant::BlockGrid unit =
        two_levels ? quant::super_grid_of(scheme, layout.grid) : layout.grid;
    const std::uint64_t unit_rows =
        groups ? std::min(unit.rows_each, rounded_to(rows, layout.grid.rows_each)) : 1;
    const std::uint64_t block_columns = groups || by_columns ? layout.grid.columns_each : columns;
    const std::uint64_t most_columns =
        std::min(most_tile_elements(scheme) / unit_rows,
                 kMostTileBlocks * std::min(block_columns, kMostTileElements));
    layout.tile_columns = columns;
    if (columns > most_columns) {
        std::uint64_t alignment = groups && !by_columns ? 8 * unit.columns_each
                                  : channels_whole      ? kSearchedTogether
                                                        : 64;
        // Where packed rows end within a byte, panels begin with one of them.
        if (scheme.bits < 8 && packed_row != columns && packed_row % 8 != 0)
            alignment = packed_row > most_columns ? packed_row : std::lcm(alignment, packed_row);
        if (alignment > most_columns)
            throw Error(
                ErrorCode::kUsage, "tensor " + in_quotes(name),
                fmt::format(
                    "has rows of {} elements in packed rows of {}, which {} bits can only cut at "
                    "multiples of {}, more than the {} of a tile; choose 8 bits or keep it",
                    with_commas(columns), with_commas(packed_row), scheme.bits,
                    with_commas(alignment), with_commas(most_columns)));
        layout.tile_columns = panel_columns(columns, most_columns, alignment);
    }
    const std::uint64_t blocks_each =
        scheme.granularity == Granularity::kTensor || (by_columns && !groups)
            ? 0
            : divide_up(layout.tile_columns, block_columns);
    std::uint64_t units =
        std::max<std::uint64_t>(kTargetTileElements / (unit_rows * layout.tile_columns), 1);
    units = whole_searches(scheme, by_columns, units, layout.tile_columns);
    if (blocks_each > 0)
        units = std::min(units, std::max<std::uint64_t>(kMostTileBlocks / blocks_each, 1));
    layout.tile_rows = std::min(units * unit_rows, rounded_to(rows, unit_rows));
    layout.tiles_down = divide_up(rows, layout.tile_rows);
    layout.tiles_across = divide_up(columns, layout.tile_columns);
    if (groups) return layout;
    layout.down_first = by_columns;
    layout.tiles_per_domain = scheme.granularity == Granularity::kTensor ? layout.tiles()
                              : by_columns                               ? layout.tiles_down
                                                                         : layout.tiles_across;
    return layout;
}

BlockLayout one_tile_layout(const Scheme& scheme, Dtype dtype, std::uint64_t elements) {
    BlockLayout layout;
    layout.scheme = scheme;
    layout.dtype = dtype;
    layout.matrix = {1, elements, elements};
    layout.grid = {1, elements, 1, 1};
    layout.tile_columns = elements;
    layout.tiles_down = layout.tiles_across = 1;
    return layout;
}

quant::TilePlace place_of(const BlockLayout& layout, std::uint64_t tile) noexcept {
    const std::uint64_t tiles_each = layout.tiles_down * layout.tiles_across;
    const std::uint64_t matrix = layout.matrix.batch == 1 ? 0 : tile / tiles_each;
    tile -= matrix * tiles_each;
    const std::uint64_t down =
        layout.down_first ? tile % layout.tiles_down : tile / layout.tiles_across;
    const std::uint64_t across =
        layout.down_first ? tile / layout.tiles_down : tile % layout.tiles_across;
    quant::TilePlace place;
    place.row = down * layout.tile_rows;
    place.column = across * layout.tile_columns;
    place.rows = std::min(layout.tile_rows, layout.matrix.rows - place.row);
    place.columns = std::min(layout.tile_columns, layout.matrix.columns - place.column);
    place.row += matrix * layout.matrix.rows;
    return place;
}

std::uint64_t most_tile_elements(const Scheme& scheme) noexcept {
    return has_tall_tiles(scheme) ? kMostSuperblockTileElements : kMostTileElements;
}

std::uint64_t most_tile_blocks(const Scheme& scheme) noexcept {
    return has_tall_tiles(scheme) ? kMostSuperblockTileBlocks : kMostTileBlocks;
}

}  // namespace octet::codecs
