// Tiles are given to the loops by rows, by runs or, where blocks are neither, in chunks with the
// parameters of each element copied out. Sums that the loops could not hold (quant/exact_sums) are
// formed once more.
#include "quant/block_codec.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <vector>

#include "base/checked.hpp"
#include "quant/active_kernels.hpp"
#include "quant/exact_sums.hpp"
#include "quant/order_statistics.hpp"
#include "quant/point_search.hpp"
#include "quant/search_tile.hpp"

namespace octet::quant {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Elements that one call of a loop takes: their parameters stay in the first-level cache. A
/// multiple of kFoldElements.
constexpr std::uint64_t kChunk = 2048;
static_assert(kChunk % kernels::kFoldElements == 0);

/// Scale and zero point of each element of a chunk where blocks are no runs that the loops know:
/// copied out.
class ChunkParameters {
  public:
    explicit ChunkParameters(const Blocks& blocks) : blocks_(blocks) {}

    void take(std::uint64_t row, std::uint64_t column, std::uint64_t count,
              kernels::BlockLoop& loop) {
        const std::uint64_t first =
            row / blocks_.rows_each * blocks_.across + column / blocks_.columns_each;
        loop.scale = scale_;
        loop.zero_point = zero_point_;
        std::uint64_t done = 0;
        for (std::uint64_t block = first; done < count; ++block) {
            const std::uint64_t stop =
                ((column + done) / blocks_.columns_each + 1) * blocks_.columns_each - column;
            const std::uint64_t end = std::min(count, stop);
            std::fill(scale_ + done, scale_ + end, blocks_.scale[block]);
            std::fill(zero_point_ + done, zero_point_ + end, blocks_.zero_point[block]);
            done = end;
        }
    }

  private:
    const Blocks& blocks_;
    alignas(64) float scale_[kChunk];
    alignas(64) float zero_point_[kChunk];
};

/// Exact order statistics of a block that the tile holds whole.
class PercentileRange {
  public:
    PercentileRange(const Scheme& scheme, const Tile& tile, const Blocks& blocks)
        : scheme_(scheme),
          tile_(tile),
          blocks_(blocks),
          values_(blocks.rows_each * (blocks.columns_each == 1 ? kTogether : blocks.columns_each)) {
    }

    kernels::Range of(std::uint64_t block) {
        const std::uint64_t row = block / blocks_.across * blocks_.rows_each;
        const std::uint64_t column = block % blocks_.across * blocks_.columns_each;
        const std::uint64_t rows = std::min(blocks_.rows_each, tile_.rows - row);
        const std::uint64_t columns = std::min(blocks_.columns_each, tile_.columns - column);
        const PercentilePlaces places = percentile_places(scheme_, rows * columns);
        if (places.high + 1 == rows * columns && (scheme_.symmetric || places.low == 0))
            return whole(block);
        const std::span<float> values = gathered(row, column, rows, columns);
        if (scheme_.symmetric) {
            for (float& value : values) value = std::fabs(value);
        }
        const float low = nth(values, places.low);
        return percentile_range(scheme_, low, nth(values, places.high));
    }

  private:
    /// Neighbouring columns are taken out together: a row of them is a cache line.
    static constexpr std::uint64_t kTogether = 16;

    /// Where nothing lies outside.
    kernels::Range whole(std::uint64_t block) const {
        const float magnitude =
            std::max(std::fabs(blocks_.min[block]), std::fabs(blocks_.max[block]));
        return scheme_.symmetric ? kernels::Range{-magnitude, magnitude, true}
                                 : kernels::Range{blocks_.min[block], blocks_.max[block], true};
    }

    /// The values of a block, which come in order of blocks.
    std::span<float> gathered(std::uint64_t row, std::uint64_t column, std::uint64_t rows,
                              std::uint64_t columns) {
        const auto* const tile =
            static_cast<const float*>(tile_.values) + row * tile_.columns + column;
        if (blocks_.columns_each > 1) {
            for (std::uint64_t r = 0; r < rows; ++r)
                std::copy_n(tile + r * tile_.columns, columns, values_.data() + r * columns);
            return {values_.data(), rows * columns};
        }
        const std::uint64_t together = std::min(kTogether, tile_.columns - column);
        for (std::uint64_t r = 0; r < rows && column % kTogether == 0; ++r) {
            for (std::uint64_t c = 0; c < together; ++c)
                values_[c * rows + r] = tile[r * tile_.columns + c];
        }
        return {values_.data() + column % kTogether * rows, rows};
    }

    static float nth(std::span<float> values, std::uint64_t n) {
        const auto place = values.begin() + static_cast<std::ptrdiff_t>(n);
        std::nth_element(values.begin(), place, values.end());
        return *place;
    }

    const Scheme& scheme_;
    const Tile& tile_;
    const Blocks& blocks_;
    std::vector<float> values_;
};

const void* element(const Tile& tile, std::uint64_t row, std::uint64_t column) {
    return static_cast<const std::byte*>(tile.values) +
           (row * tile.columns + column) * sizeof(float);
}

bool percentile_states(const Scheme& scheme, const Tile& tile, const Blocks& blocks,
                       std::uint64_t& overflowed) {
    PercentileRange percentiles(scheme, tile, blocks);
    for (std::uint64_t i = 0; i < blocks.count; ++i) {
        const BlockState state = block_state(scheme, percentiles.of(i));
        blocks.scale[i] = state.scale;
        blocks.zero_point[i] = state.zero_point;
        if (!std::isinf(state.scale)) continue;
        overflowed = i;
        return false;
    }
    return true;
}

/// What numbers of up to that magnitude are multiplied with before they are squared in float32: 1,
/// which the loops need not do, or where squares could overflow or vanish a power of two that
/// brings `magnitude` into [1, 2), as far as float32's normal exponents reach.
float factor_for_squares(float magnitude) {
    constexpr int kHarmless =
        31;  // 2^64 times the elements of a fold is far from overflowing, 2^-62 from vanishing
    if (magnitude == 0.0F || std::isinf(magnitude) || std::abs(std::ilogb(magnitude)) <= kHarmless)
        return 1.0F;
    return std::ldexp(1.0F, std::clamp(-std::ilogb(magnitude), -126, 127));
}

/// A part of a tile: whole rows, or a part of one.
struct TilePart {
    std::uint64_t row;
    std::uint64_t column;
    std::uint64_t rows;
    std::uint64_t columns;
};

/// Codes and sums of a part; of float64 sources the error is counted in float64.
void quantize_rows(const Tile& tile, const TilePart& part, kernels::BlockLoop loop,
                   std::uint8_t* codes, kernels::BlockSums& sums) {
    const kernels::Kernels& k = active_kernels();
    const void* const values = element(tile, part.row, part.column);
    if (tile.exact == nullptr)
        return k.quantize_block(values, part.rows, part.columns, loop, codes, sums);
    kernels::BlockSums narrowed = {};
    k.quantize_block(values, part.rows, part.columns, loop, codes, narrowed);
    sums.clipped += narrowed.clipped;
    const auto* const exact = static_cast<const std::byte*>(tile.exact);
    for (std::uint64_t row = 0; row < part.rows; ++row) {
        const std::uint64_t at = (part.row + row) * tile.columns + part.column;
        k.block_error_f64(exact + at * sizeof(double), codes + row * part.columns, part.columns,
                          loop, sums.lanes);
        loop.scale += loop.row_step;
        loop.zero_point += loop.row_step;
    }
}

/// The error sums of codes already made, where the loops' own squares overflowed or vanished.
ErrorSums exact_sums_of(const Tile& tile, const Blocks& blocks, kernels::BlockLoop loop,
                        const std::uint8_t* codes) {
    const kernels::Kernels& k = active_kernels();
    ChunkParameters parameters(blocks);
    ExactSums sums;
    loop.run = 1;
    for (std::uint64_t row = 0; row < tile.rows; ++row) {
        for (std::uint64_t column = 0; column < tile.columns; column += kChunk) {
            const std::uint64_t count = std::min(kChunk, tile.columns - column);
            const std::uint64_t at = row * tile.columns + column;
            parameters.take(row, column, count, loop);
            float restored[kChunk];
            k.restore_block(codes + at, count, loop, restored);
            if (tile.exact == nullptr) {
                float values[kChunk];
                std::memcpy(values, element(tile, row, column), count * sizeof(float));
                sums.add(std::span<const float>(values, count), {restored, count});
            } else {
                double values[kChunk];
                std::memcpy(values, static_cast<const std::byte*>(tile.exact) + at * sizeof(double),
                            count * sizeof(double));
                sums.add(std::span<const double>(values, count), {restored, count});
            }
        }
    }
    return sums.sums();
}

}  // namespace

Blocks blocks_of(const BlockGrid& grid, std::uint64_t rows, std::uint64_t columns) noexcept {
    Blocks blocks;
    blocks.rows_each = grid.rows_each;
    blocks.columns_each = grid.columns_each;
    blocks.across = divide_up(columns, grid.columns_each);
    blocks.count = blocks.across * divide_up(rows, grid.rows_each);
    return blocks;
}

void clear_ranges(const Blocks& blocks) {
    std::fill_n(blocks.min, blocks.count, kInfinity);
    std::fill_n(blocks.max, blocks.count, -kInfinity);
}

bool add_ranges(const Tile& tile, const Blocks& blocks) {
    const kernels::Kernels& k = active_kernels();
    const bool by_columns = blocks.columns_each == 1;
    // Rows that end where their blocks end are one long row.
    if (!by_columns && blocks.rows_each == 1 && tile.columns % blocks.columns_each == 0)
        return k.row_ranges(tile.values, tile.rows * tile.columns, blocks.columns_each, blocks.min,
                            blocks.max);
    const std::uint64_t rows_at_once = by_columns ? blocks.rows_each : 1;
    bool finite = true;
    for (std::uint64_t row = 0; row < tile.rows; row += rows_at_once) {
        const void* const values = element(tile, row, 0);
        const std::uint64_t first = row / blocks.rows_each * blocks.across;
        float* const min = blocks.min + first;
        float* const max = blocks.max + first;
        const std::uint64_t rows = std::min(rows_at_once, tile.rows - row);
        finite = (by_columns ? k.column_ranges(values, rows, tile.columns, min, max)
                             : k.row_ranges(values, tile.columns, blocks.columns_each, min, max)) &&
                 finite;
    }
    return finite;
}

bool make_states(const Scheme& scheme, const Tile& tile, const float* weights, const Blocks& blocks,
                 std::uint64_t& overflowed) {
    if (scheme.granularity == Granularity::kTensor && scheme.range == RangeSearch::kMse) {
        const BlockState state = search_points(scheme, tile, {blocks.min[0], blocks.max[0], true});
        blocks.scale[0] = state.scale;
        blocks.zero_point[0] = state.zero_point;
        overflowed = 0;
        return !std::isinf(state.scale);
    }
    if (needs_search(scheme)) {
        search_states(scheme, tile, weights, blocks);
        if (scheme.scale_dtype == ScaleDtype::kTwoLevel ||
            block_kind(scheme) != kernels::BlockKind::kReal)
            return true;
        for (overflowed = 0; overflowed < blocks.count; ++overflowed) {
            if (std::isinf(blocks.max[overflowed] - blocks.min[overflowed]) &&
                blocks.max[overflowed] > blocks.min[overflowed])
                return false;
        }
        return true;
    }
    if (scheme.range == RangeSearch::kPercentile)
        return percentile_states(scheme, tile, blocks, overflowed);
    const std::uint64_t found = block_states(
        scheme, {blocks.min, blocks.max, blocks.scale, blocks.zero_point}, blocks.count);
    overflowed = found;
    return found == blocks.count;
}

SumFactors sum_factors(const Blocks& blocks) {
    kernels::LargestNumbers largest;
    active_kernels().largest_numbers(blocks.min, blocks.max, blocks.scale, blocks.count, largest);
    return {factor_for_squares(largest.magnitude), factor_for_squares(largest.scale),
            largest.least_scale >= std::numeric_limits<float>::min(), largest.magnitude,
            largest.scale};
}

ErrorSums quantize_tile(const Scheme& scheme, const Tile& tile, const Blocks& blocks,
                        SumFactors factors, std::uint8_t* codes) {
    kernels::BlockLoop loop{block_kind(scheme),
                            scheme.rounding == Rounding::kTruncate,
                            largest_code(scheme),
                            factors.signal,
                            factors.noise,
                            nullptr,
                            nullptr};
    loop.ahead = tile.ahead;
    // A normal scale is at most half an ulp below range / largest code, so that no quotient reaches
    // half a code more.
    loop.is_plain = factors.has_normal_scales && scheme.range == RangeSearch::kMinMax &&
                    scheme.scale_dtype != ScaleDtype::kTwoLevel;
    kernels::BlockSums sums = {};
    const bool by_columns = blocks.columns_each == 1;
    const bool has_runs =
        blocks.columns_each % kernels::kLanes == 0 || blocks.columns_each >= tile.columns;
    if (by_columns || has_runs) {
        loop.run = by_columns ? 1 : blocks.columns_each;
        loop.row_step = blocks.rows_each == 1 ? blocks.across : 0;
        const std::uint64_t rows_at_once = blocks.rows_each == 1 ? tile.rows : blocks.rows_each;
        for (std::uint64_t row = 0; row < tile.rows; row += rows_at_once) {
            const std::uint64_t rows = std::min(rows_at_once, tile.rows - row);
            loop.scale = blocks.scale + row / blocks.rows_each * blocks.across;
            loop.zero_point = blocks.zero_point + row / blocks.rows_each * blocks.across;
            quantize_rows(tile, {row, 0, rows, tile.columns}, loop, codes + row * tile.columns,
                          sums);
        }
    } else {
        ChunkParameters parameters(blocks);
        for (std::uint64_t row = 0; row < tile.rows; ++row) {
            for (std::uint64_t column = 0; column < tile.columns; column += kChunk) {
                const std::uint64_t count = std::min(kChunk, tile.columns - column);
                parameters.take(row, column, count, loop);
                quantize_rows(tile, {row, column, 1, count}, loop,
                              codes + row * tile.columns + column, sums);
            }
        }
    }
    const bool lossy =
        are_lossy(sums.lanes, tile.rows * tile.columns, factors.magnitude, tile.exact != nullptr);
    ErrorSums result = lossy ? exact_sums_of(tile, blocks, loop, codes)
                             : tile_sums(sums.lanes, factors.signal, factors.noise);
    result.clipped = sums.clipped;
    return result;
}

double largest_bound(const Scheme& scheme, const Blocks& blocks, Dtype source) {
    return largest_block_bound(scheme, {blocks.min, blocks.max, blocks.scale, blocks.zero_point},
                               blocks.count, source);
}

}  // namespace octet::quant
