// States and bounds of many blocks: the loops do what block_state() does, to the bit, where ranges are not empty; bounds are looked at
// again where a loop says that they could matter.
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "quant/active_kernels.hpp"
#include "quant/block_state.hpp"

namespace octet::quant {
namespace {

/// Blocks that are looked at together.
constexpr std::uint64_t kChunk = 256;

kernels::StateArrays from(const kernels::StateArrays& all, std::uint64_t first) {
    return {all.min + first, all.max + first, all.scale + first, all.zero_point + first};
}

kernels::StateRounding rounding_of(ScaleDtype dtype) {
    if (dtype == ScaleDtype::kF16) return kernels::StateRounding::kF16;
    return dtype == ScaleDtype::kBF16 ? kernels::StateRounding::kBF16 : kernels::StateRounding::kF32;
}

}  // namespace

std::uint64_t block_states(const Scheme& scheme, const kernels::StateArrays& blocks, std::uint64_t count) noexcept {
    const kernels::StateLoop loop = {largest_code(scheme), scheme.symmetric, scheme.zero_point == ZeroPoint::kInteger,
                                     rounding_of(scheme.scale_dtype)};
    for (std::uint64_t first = 0; first < count; first += kChunk) {
        const std::uint64_t last = std::min(first + kChunk, count);
        kernels::StateFlags met = active_kernels().block_states(loop, from(blocks, first), last - first);
        if (!met.has_empty && !met.has_infinite) continue;
        for (std::uint64_t i = first; i < last; ++i) {
            if (blocks.min[i] > blocks.max[i]) blocks.scale[i] = blocks.zero_point[i] = 0;
            if (std::isinf(blocks.scale[i])) return i;
        }
    }
    return count;
}

double largest_block_bound(const Scheme& scheme, const kernels::StateArrays& blocks, std::uint64_t count,
                           Dtype source) noexcept {
    const kernels::BoundLoop loop = {block_kind(scheme), largest_code(scheme),
                                     scheme.rounding == Rounding::kNearest ? 0.5F : 1.0F};
    double largest = 0;
    for (std::uint64_t first = 0; first < count; first += kChunk) {
        const std::uint64_t last = std::min(first + kChunk, count);
        float bounds[kChunk];
        const float most = active_kernels().block_bounds(loop, from(blocks, first), last - first, bounds);
        if (static_cast<double>(most) < largest) continue;
        for (std::uint64_t i = first; i < last; ++i) {
            if (static_cast<double>(bounds[i - first]) < largest) continue;
            largest = std::max(largest, block_bound(scheme, {blocks.scale[i], blocks.zero_point[i]},
                                                    {blocks.min[i], blocks.max[i], true}, source));
        }
    }
    return largest;
}

}  // namespace octet::quant
