// The arithmetic of blocks whose scales differ from element to element, one element at a time: the specification, and the tails
// of the SIMD loops. Everything is in an anonymous namespace (see scalar_text.hpp).
#pragma once

#include "kernels/scalar_text.hpp"

namespace octet::kernels {
namespace {

/// True for kinds whose zero points are values.
constexpr bool adds_zero_point(BlockKind kind) {
    return kind == BlockKind::kReal || kind == BlockKind::kMiddle;
}

/// Least and largest q - zero_point, or q, of element i.
struct CodeLimits {
    float low;
    float high;
};

template <BlockKind kKind>
inline CodeLimits limits_of(const BlockLoop& block, std::size_t i) {
    if (kKind == BlockKind::kReal) return {0.0F, block.max_code};
    if (kKind == BlockKind::kSymmetric) return {-block.max_code, block.max_code};
    if (kKind == BlockKind::kMiddle) return {-block.max_code - 1.0F, block.max_code};
    return {-block.zero_point[i], block.max_code - block.zero_point[i]};
}

template <BlockKind kKind>
inline float block_value(float q, const BlockLoop& block, std::size_t i) {
    const float product = q * block.scale[i];
    return adds_zero_point(kKind) ? product + block.zero_point[i] : product;
}

template <BlockKind kKind>
inline std::uint8_t stored_code(float q, const BlockLoop& block, std::size_t i) {
    const int middle = kKind == BlockKind::kMiddle ? static_cast<int>(block.max_code) + 1 : 0;
    const int offset = kKind == BlockKind::kInteger ? static_cast<int>(block.zero_point[i]) : middle;
    return static_cast<std::uint8_t>((static_cast<int>(q) + offset) & 255);
}

/// q, or q - zero_point, of a stored byte: a whole number.
template <BlockKind kKind>
inline float loaded_code(std::uint8_t code, const BlockLoop& block, std::size_t i) {
    if (kKind == BlockKind::kSymmetric) return static_cast<float>((static_cast<int>(code) ^ 128) - 128);
    if (kKind == BlockKind::kReal) return static_cast<float>(code);
    if (kKind == BlockKind::kMiddle) return static_cast<float>(code) - (block.max_code + 1.0F);
    return static_cast<float>(code) - block.zero_point[i];
}

template <BlockKind kKind, bool kTruncate>
inline void quantize_one(float x, std::size_t i, std::size_t lane, const BlockLoop& block, std::uint8_t* codes,
                         FoldSums& fold, std::uint64_t& clipped) {
    const float divisor = block.scale[i] == 0.0F ? std::numeric_limits<float>::infinity() : block.scale[i];
    const float t = (adds_zero_point(kKind) ? x - block.zero_point[i] : x) / divisor;
    const float rounded = kTruncate ? std::trunc(t) : std::nearbyint(t);
    const CodeLimits limits = limits_of<kKind>(block, i);
    float q = rounded > limits.low ? rounded : limits.low;
    q = q < limits.high ? q : limits.high;
    clipped += rounded != q ? 1 : 0;
    codes[i] = stored_code<kKind>(q, block, i);
    const float error = x - block_value<kKind>(q, block, i);
    const float magnitude = std::fabs(error);
    fold.max_abs_error = magnitude > fold.max_abs_error ? magnitude : fold.max_abs_error;
    const float scaled_error = error * block.noise_factor;
    const float scaled_value = x * block.signal_factor;
    fold.noise[lane] += scaled_error * scaled_error;
    fold.signal[lane] += scaled_value * scaled_value;
}

/// Calls run<kind, truncate>(...) for the block's kind and rounding.
template <typename Run>
inline void with_kind(const BlockLoop& block, Run run) {
    switch (block.kind) {
        case BlockKind::kReal:
            return block.truncate ? run.template operator()<BlockKind::kReal, true>()
                                  : run.template operator()<BlockKind::kReal, false>();
        case BlockKind::kInteger:
            return block.truncate ? run.template operator()<BlockKind::kInteger, true>()
                                  : run.template operator()<BlockKind::kInteger, false>();
        case BlockKind::kSymmetric:
            return block.truncate ? run.template operator()<BlockKind::kSymmetric, true>()
                                  : run.template operator()<BlockKind::kSymmetric, false>();
        case BlockKind::kMiddle:
            return block.truncate ? run.template operator()<BlockKind::kMiddle, true>()
                                  : run.template operator()<BlockKind::kMiddle, false>();
    }
}

inline bool column_range_one(float x, std::size_t i, float* min, float* max) {
    min[i] = x < min[i] ? x : min[i];
    max[i] = x > max[i] ? x : max[i];
    return std::fabs(x) <= std::numeric_limits<float>::max();
}

template <BlockKind kKind>
inline void block_error_f64_of(const void* values, const std::uint8_t* codes, std::size_t count, const BlockLoop& block,
                               LaneSums& sums) {
    for (std::size_t i = 0; i < count; ++i) {
        const double x = load<double>(values, i);
        const float restored = block_value<kKind>(loaded_code<kKind>(codes[i], block, i), block, i);
        const double error = x - static_cast<double>(restored);
        const double magnitude = std::fabs(error);
        sums.max_abs_error = magnitude > sums.max_abs_error ? magnitude : sums.max_abs_error;
        const double scaled_error = error * static_cast<double>(block.noise_factor);
        const double scaled_value = x * static_cast<double>(block.signal_factor);
        sums.noise[i % kLanes] += scaled_error * scaled_error;
        sums.signal[i % kLanes] += scaled_value * scaled_value;
    }
}

inline void block_error_f64(const void* values, const std::uint8_t* codes, std::size_t count, const BlockLoop& block,
                            LaneSums& sums) {
    with_kind(block,
              [&]<BlockKind kKind, bool kTruncate>() { block_error_f64_of<kKind>(values, codes, count, block, sums); });
}

}  // namespace
}  // namespace octet::kernels
