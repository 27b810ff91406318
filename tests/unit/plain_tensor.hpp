// One tensor under one scale and zero point, by the functions with which the product quantizes it:
// range, state, codes, sums, bound and what the codes come back as. For tests of the arithmetic
// that need no file.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "quant/active_kernels.hpp"
#include "quant/block_codec.hpp"
#include "quant/values.hpp"

namespace octet::test {

/// The loop of `state` with sums in the unit of the values. Points to the state, which outlives it.
inline kernels::BlockLoop plain_loop(const quant::BlockState& state, std::size_t count,
                                     Rounding rounding) {
    return {kernels::BlockKind::kReal,
            rounding == Rounding::kTruncate,
            255.0F,
            1.0F,
            1.0F,
            &state.scale,
            &state.zero_point,
            std::max<std::size_t>(count, 1)};
}

inline quant::Blocks one_block(kernels::Range& range, quant::BlockState& state, std::size_t count) {
    quant::Blocks block;
    block.columns_each = std::max<std::size_t>(count, 1);
    block.count = 1;
    block.min = &range.min;
    block.max = &range.max;
    block.scale = &state.scale;
    block.zero_point = &state.zero_point;
    return block;
}

struct PlainTensor {
    kernels::Range range = quant::empty_range();
    quant::BlockState state;
    bool is_refused = false;  ///< not finite, or a range that overflows: there are no codes
    std::vector<std::uint8_t> codes;
    std::vector<float> restored;
    quant::ErrorSums sums;
    double bound = 0;
};

/// Elements of a float dtype as octet quantizes them.
inline PlainTensor plain_tensor(Dtype dtype, std::span<const std::byte> bytes, Rounding rounding) {
    const std::size_t count = bytes.size() * 8 / dtype_bits(dtype);
    std::vector<float> values(count);
    kernels::Narrowing narrowing{};
    quant::convert_values(dtype, bytes, Dtype::kF32, std::as_writable_bytes(std::span(values)),
                          narrowing);
    Scheme scheme;
    scheme.rounding = rounding;
    PlainTensor made;
    const quant::Blocks block = one_block(made.range, made.state, count);
    const quant::Tile tile = {1, count, values.data(),
                              dtype == Dtype::kF64 ? bytes.data() : nullptr};
    std::uint64_t overflowed = 0;
    made.range.finite = quant::add_ranges(tile, block);
    made.is_refused =
        !made.range.finite || !quant::make_states(scheme, tile, nullptr, block, overflowed);
    if (made.is_refused) return made;
    made.codes.resize(count);
    made.restored.resize(count);
    made.sums =
        quant::quantize_tile(scheme, tile, block, quant::sum_factors(block), made.codes.data());
    made.bound = quant::largest_bound(scheme, block, dtype);
    quant::active_kernels().restore_block(
        made.codes.data(), count, plain_loop(made.state, count, rounding), made.restored.data());
    return made;
}

inline PlainTensor plain_tensor(const std::vector<float>& values, Rounding rounding) {
    return plain_tensor(Dtype::kF32, std::as_bytes(std::span(values)), rounding);
}

/// The state of a range, as `u8` has it.
inline quant::BlockState plain_state(const kernels::Range& range) {
    return quant::block_state(Scheme{}, range);
}

}  // namespace octet::test
