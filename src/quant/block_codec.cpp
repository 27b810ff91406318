#include "quant/block_codec.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "base/checked.hpp"
#include "quant/active_kernels.hpp"
#include "quant/search_tile.hpp"

namespace octet::quant {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Elements that one call of a loop takes: their parameters stay in the first-level cache. A multiple of kFoldElements.
constexpr std::uint64_t kChunk = 2048;
static_assert(kChunk % kernels::kFoldElements == 0);

/// A power of two that brings `magnitude` into [1, 2), as far as float32's normal exponents reach.
float factor_for(float magnitude) {
    if (magnitude == 0.0F || std::isinf(magnitude)) return 1.0F;
    return std::ldexp(1.0F, std::clamp(-std::ilogb(magnitude), -126, 127));
}

/// Scale and zero point of each element of a chunk: where blocks are columns, as they lie; else copied out, run by run.
class ChunkParameters {
  public:
    explicit ChunkParameters(const Blocks& blocks) : blocks_(blocks) {}

    void take(std::uint64_t row, std::uint64_t column, std::uint64_t count, kernels::BlockLoop& loop) {
        const std::uint64_t first = row / blocks_.rows_each * blocks_.across + column / blocks_.columns_each;
        if (blocks_.columns_each == 1) {
            loop.scale = blocks_.scale + first;
            loop.zero_point = blocks_.zero_point + first;
            return;
        }
        loop.scale = scale_;
        loop.zero_point = zero_point_;
        const std::uint64_t last = (column + count - 1) / blocks_.columns_each;
        const bool one_block = last == column / blocks_.columns_each;
        if (one_block && filled_ && first == block_ && count <= filled_count_) return;
        std::uint64_t done = 0;
        for (std::uint64_t block = first; done < count; ++block) {
            const std::uint64_t stop = ((column + done) / blocks_.columns_each + 1) * blocks_.columns_each - column;
            const std::uint64_t end = std::min(count, stop);
            std::fill(scale_ + done, scale_ + end, blocks_.scale[block]);
            std::fill(zero_point_ + done, zero_point_ + end, blocks_.zero_point[block]);
            done = end;
        }
        filled_ = one_block;
        block_ = first;
        filled_count_ = count;
    }

  private:
    const Blocks& blocks_;
    bool filled_ = false;  // with one block's
    std::uint64_t block_ = 0;
    std::uint64_t filled_count_ = 0;
    alignas(64) float scale_[kChunk];
    alignas(64) float zero_point_[kChunk];
};

/// Exact order statistics: of n values, floor(n * (1 - P) / 2) at each end of an affine scheme, floor(n * (1 - P)) of the largest
/// magnitudes of a symmetric one, are left out.
class PercentileRange {
  public:
    PercentileRange(const Scheme& scheme, const Tile& tile, const Blocks& blocks)
        : scheme_(scheme), tile_(tile), blocks_(blocks), values_(blocks.rows_each * blocks.columns_each) {}

    kernels::Range of(std::uint64_t block) {
        const std::uint64_t row = block / blocks_.across * blocks_.rows_each;
        const std::uint64_t column = block % blocks_.across * blocks_.columns_each;
        std::uint64_t count = 0;
        for (std::uint64_t r = row; r < std::min(tile_.rows, row + blocks_.rows_each); ++r) {
            for (std::uint64_t c = column; c < std::min(tile_.columns, column + blocks_.columns_each); ++c)
                values_[count++] = tile_.values[r * tile_.columns + c];
        }
        const std::span<float> values(values_.data(), count);
        const std::uint64_t outside = count * (1'000'000 - scheme_.percentile_ppm) / 1'000'000;
        if (scheme_.symmetric) {
            for (float& value : values) value = std::fabs(value);
            const float largest = nth(values, count - 1 - outside);
            return {-largest, largest, true};
        }
        return {nth(values, outside / 2), nth(values, count - 1 - outside / 2), true};
    }

  private:
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
    bool finite = true;
    for (std::uint64_t row = 0; row < tile.rows; ++row) {
        const float* const values = tile.values + row * tile.columns;
        const std::uint64_t first = row / blocks.rows_each * blocks.across;
        if (blocks.columns_each == 1) {
            finite = k.column_range(values, tile.columns, blocks.min + first, blocks.max + first) && finite;
            continue;
        }
        for (std::uint64_t i = 0; i < blocks.across; ++i) {
            const std::uint64_t column = i * blocks.columns_each;
            kernels::Range range = {blocks.min[first + i], blocks.max[first + i], finite};
            k.range_f32(values + column, std::min(blocks.columns_each, tile.columns - column), range);
            blocks.min[first + i] = range.min;
            blocks.max[first + i] = range.max;
            finite = range.finite;
        }
    }
    return finite;
}

bool make_states(const Scheme& scheme, const Tile& tile, const float* weights, const Blocks& blocks,
                 std::uint64_t& overflowed) {
    if (needs_search(scheme)) {
        search_states(scheme, tile, weights, blocks);
        return true;
    }
    const bool percentile = scheme.range == RangeSearch::kPercentile;
    std::optional<PercentileRange> percentiles;
    if (percentile) percentiles.emplace(scheme, tile, blocks);
    for (std::uint64_t i = 0; i < blocks.count; ++i) {
        const kernels::Range covered =
            percentile ? percentiles->of(i) : kernels::Range{blocks.min[i], blocks.max[i], true};
        const BlockState state = block_state(scheme, covered);
        blocks.scale[i] = state.scale;
        blocks.zero_point[i] = state.zero_point;
        if (!std::isinf(state.scale)) continue;
        overflowed = i;
        return false;
    }
    return true;
}

SumFactors sum_factors(const Blocks& blocks) {
    float magnitude = 0;
    float scale = 0;
    for (std::uint64_t i = 0; i < blocks.count; ++i) {
        if (blocks.min[i] > blocks.max[i]) continue;
        magnitude = std::max({magnitude, std::fabs(blocks.min[i]), std::fabs(blocks.max[i])});
        scale = std::max(scale, blocks.scale[i]);
    }
    return {factor_for(magnitude), factor_for(scale)};
}

ErrorSums quantize_tile(const Scheme& scheme, const Tile& tile, const Blocks& blocks, SumFactors factors,
                        std::uint8_t* codes) {
    const kernels::Kernels& k = active_kernels();
    kernels::BlockLoop loop{block_kind(scheme),
                            scheme.rounding == Rounding::kTruncate,
                            largest_code(scheme),
                            factors.signal,
                            factors.noise,
                            nullptr,
                            nullptr};
    kernels::BlockSums sums = {};
    kernels::BlockSums ignored = {};
    ChunkParameters parameters(blocks);
    for (std::uint64_t row = 0; row < tile.rows; ++row) {
        for (std::uint64_t column = 0; column < tile.columns; column += kChunk) {
            const std::uint64_t at = row * tile.columns + column;
            const std::uint64_t count = std::min(kChunk, tile.columns - column);
            parameters.take(row, column, count, loop);
            k.quantize_block(tile.values + at, count, loop, codes + at, tile.exact == nullptr ? sums : ignored);
            if (tile.exact != nullptr) k.block_error_f64(tile.exact + at, codes + at, count, loop, sums.lanes);
        }
    }
    if (tile.exact != nullptr) sums.clipped = ignored.clipped;
    ErrorSums result = tile_sums(sums.lanes, {0, 0, 0, factors.signal, factors.noise});
    result.clipped = sums.clipped;
    return result;
}

double largest_bound(const Scheme& scheme, const Blocks& blocks, Dtype source) {
    double largest = 0;
    for (std::uint64_t i = 0; i < blocks.count; ++i) {
        largest = std::max(largest, block_bound(scheme, {blocks.scale[i], blocks.zero_point[i]},
                                                {blocks.min[i], blocks.max[i], true}, source));
    }
    return largest;
}

}  // namespace octet::quant
