// Candidates are counted here, as a function of bits and block length; kernels/range_search_text
// tries them for 16 outputs at a time.
#include "quant/range_search.hpp"

#include "quant/restored_noise.hpp"

namespace octet::quant {
namespace {

/// How far the best range lies inside of the whole one depends on the bits: the fewer codes, the
/// more is worth clipping.
struct Candidates {
    unsigned count;
    float step;
};

Candidates candidates_for(std::uint32_t bits) {
    switch (bits) {
        case 2:
            return {12, 0.05F};
        case 3:
            return {12, 0.04F};
        case 4:
            return {12, 0.03F};
        case 5:
            return {14, 0.02F};
        case 6:
            return {16, 0.008F};
        default:
            return {16, 0.003F};
    }
}

kernels::StateRounding rounding_of(ScaleDtype dtype) {
    switch (dtype) {
        case ScaleDtype::kF16:
            return kernels::StateRounding::kF16;
        case ScaleDtype::kBF16:
            return kernels::StateRounding::kBF16;
        default:
            return kernels::StateRounding::kF32;
    }
}

/// Of channels, whose best range may cut off much: of a thousand values a few lie far out.
Candidates channel_candidates_for(std::uint32_t bits) {
    return bits <= 4 ? Candidates{9, 0.1F} : Candidates{8, 0.08F};
}

}  // namespace

kernels::RangeLimits range_limits(const Scheme& scheme) noexcept {
    const bool channels = scheme.granularity == Granularity::kChannel;
    const Candidates candidates =
        channels ? channel_candidates_for(scheme.bits) : candidates_for(scheme.bits);
    const std::uint32_t largest = scheme.symmetric ? max_symmetric_code(scheme) : max_code(scheme);
    return {static_cast<float>(largest),
            scheme.symmetric,
            !scheme.symmetric && scheme.zero_point == ZeroPoint::kInteger,
            rounding_of(scheme.scale_dtype),
            candidates.count,
            candidates.step,
            channels};
}

kernels::ColumnState search_range(const kernels::ColumnBlock& block, const Scheme& scheme,
                                  const kernels::Kernels& loops,
                                  const kernels::ColumnState* plain) {
    kernels::ColumnState state;
    loops.range_search(block, range_limits(scheme), plain, state);
    for (std::size_t column = 0; plain != nullptr && column < kernels::kBlockColumns; ++column) {
        const BlockState found = {state.scale[column], state.zero_point[column]};
        const BlockState unsearched = {plain->scale[column], plain->zero_point[column]};
        const bool is_same =
            found.scale == unsearched.scale && found.zero_point == unsearched.zero_point;
        if (state.is_close[column] == 0.0F || is_same) continue;
        const auto noise = [&](const BlockState& one) {
            return restored_noise(block, column, 0, block.inputs, scheme, one, loops);
        };
        if (!(noise(unsearched) < noise(found))) continue;
        state.scale[column] = unsearched.scale;
        state.zero_point[column] = unsearched.zero_point;
    }
    return state;
}

}  // namespace octet::quant
