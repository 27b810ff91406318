// The values are sorted and searched as a distribution of points. What is found counts only if its
// codes, made for a try, really lose less than those of the plain range.
#include "quant/point_search.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "quant/distribution.hpp"

namespace octet::quant {

bool is_worth_a_search(const BlockState& plain, const kernels::Range& whole) noexcept {
    return std::isnormal(plain.scale) && std::isnormal(window_of(whole.min, whole.max).factor);
}

ErrorSums sums_under(const Scheme& scheme, const Tile& tile, const kernels::Range& whole,
                     const BlockState& state, std::uint8_t* codes) {
    kernels::Range range = whole;
    BlockState own = state;  // blocks point at them
    Blocks blocks;
    blocks.count = 1;
    blocks.rows_each = tile.rows;
    blocks.columns_each = tile.columns;
    blocks.min = &range.min;
    blocks.max = &range.max;
    blocks.scale = &own.scale;
    blocks.zero_point = &own.zero_point;
    return quantize_tile(scheme, tile, blocks, sum_factors(blocks), codes);
}

BlockState search_points(const Scheme& scheme, const Tile& tile, const kernels::Range& whole) {
    const BlockState plain = block_state(scheme, whole);
    if (!is_worth_a_search(plain, whole)) return plain;
    const auto* const first = static_cast<const float*>(tile.values);
    const std::uint64_t count = tile.rows * tile.columns;
    std::vector<float> sorted(first, first + count);
    std::sort(sorted.begin(), sorted.end());
    const BlockState found = search_state(scheme, Distribution(sorted), whole).state;
    std::vector<std::uint8_t> codes(count);
    const Tile all = {1, count, tile.values, tile.exact};
    const auto noise_of = [&](const BlockState& state) {
        return sums_under(scheme, all, whole, state, codes.data()).noise;
    };
    return is_less(noise_of(found), noise_of(plain)) ? found : plain;
}

}  // namespace octet::quant
