// The arithmetic of blocks whose scales differ from run to run, one element at a time: the
// specification, and the tails of the SIMD loops. Everything is in an anonymous namespace (see
// scalar_text.hpp).
#pragma once

#include "kernels/scalar_text.hpp"

namespace octet::kernels {
namespace {

/// True for kinds whose zero points are values.
constexpr bool adds_zero_point(BlockKind kind) {
    return kind == BlockKind::kReal || kind == BlockKind::kMiddle;
}

/// What one element is quantized with.
struct BlockParameters {
    float scale;
    float zero_point;  ///< 0 of symmetric kinds
};

template <BlockKind kKind>
inline BlockParameters parameters_at(const BlockLoop& block, std::size_t index) {
    return {block.scale[index], kKind == BlockKind::kSymmetric ? 0.0F : block.zero_point[index]};
}

/// Calls visit(first, last, parameters) for the pieces of [first, last) of a row that share
/// parameters.
template <BlockKind kKind, typename Visit>
inline void for_each_run(const BlockLoop& block, std::size_t first, std::size_t last, Visit visit) {
    if (block.run == 1) {
        for (std::size_t i = first; i < last; ++i) visit(i, i + 1, parameters_at<kKind>(block, i));
        return;
    }
    std::size_t index = first / block.run;
    for (std::size_t behind = (index + 1) * block.run; first < last; behind += block.run) {
        const std::size_t end = behind < last ? behind : last;
        visit(first, end, parameters_at<kKind>(block, index++));
        first = end;
    }
}

/// Least and largest q - zero_point, or q.
struct CodeLimits {
    float low;
    float high;
};

template <BlockKind kKind>
inline CodeLimits limits_of(float max_code, float zero_point) {
    if (kKind == BlockKind::kReal) return {0.0F, max_code};
    if (kKind == BlockKind::kSymmetric) return {-max_code, max_code};
    if (kKind == BlockKind::kMiddle) return {-max_code - 1.0F, max_code};
    return {-zero_point, max_code - zero_point};
}

template <BlockKind kKind>
inline float block_value(float q, const BlockParameters& p) {
    const float product = q * p.scale;
    return adds_zero_point(kKind) ? product + p.zero_point : product;
}

template <BlockKind kKind>
inline std::uint8_t stored_code(float q, float max_code, float zero_point) {
    const int middle = kKind == BlockKind::kMiddle ? static_cast<int>(max_code) + 1 : 0;
    const int offset = kKind == BlockKind::kInteger ? static_cast<int>(zero_point) : middle;
    return static_cast<std::uint8_t>((static_cast<int>(q) + offset) & 255);
}

/// q, or q - zero_point, of a stored byte: a whole number.
template <BlockKind kKind>
inline float loaded_code(std::uint8_t code, float max_code, float zero_point) {
    if (kKind == BlockKind::kSymmetric)
        return static_cast<float>((static_cast<int>(code) ^ 128) - 128);
    if (kKind == BlockKind::kReal) return static_cast<float>(code);
    if (kKind == BlockKind::kMiddle) return static_cast<float>(code) - (max_code + 1.0F);
    return static_cast<float>(code) - zero_point;
}

template <BlockKind kKind, bool kTruncate>
inline std::uint8_t quantize_one(float x, const BlockParameters& p, std::size_t lane,
                                 const BlockLoop& block, FoldSums& fold, std::uint64_t& clipped) {
    const float divisor = p.scale == 0.0F ? std::numeric_limits<float>::infinity() : p.scale;
    const float t = (adds_zero_point(kKind) ? x - p.zero_point : x) / divisor;
    const float rounded = kTruncate ? std::trunc(t) : std::nearbyint(t);
    const CodeLimits limits = limits_of<kKind>(block.max_code, p.zero_point);
    float q = rounded > limits.low ? rounded : limits.low;
    q = q < limits.high ? q : limits.high;
    clipped += rounded != q ? 1 : 0;
    const float error = x - block_value<kKind>(q, p);
    const float magnitude = std::fabs(error);
    fold.max_abs_error = magnitude > fold.max_abs_error ? magnitude : fold.max_abs_error;
    const float scaled_error = error * block.noise_factor;
    const float scaled_value = x * block.signal_factor;
    fold.noise[lane] += scaled_error * scaled_error;
    fold.signal[lane] += scaled_value * scaled_value;
    return stored_code<kKind>(q, block.max_code, p.zero_point);
}

/// Elements [first, last) of a row, element i in lane i % kLanes.
template <BlockKind kKind, bool kTruncate>
inline void quantize_part(const void* values, std::size_t first, std::size_t last,
                          const BlockLoop& block, std::uint8_t* codes, FoldSums& fold,
                          std::uint64_t& clipped) {
    for_each_run<kKind>(block, first, last,
                        [&](std::size_t from, std::size_t to, const BlockParameters& p) {
                            for (std::size_t i = from; i < to; ++i)
                                codes[i] = quantize_one<kKind, kTruncate>(
                                    load<float>(values, i), p, i % kLanes, block, fold, clipped);
                        });
}

template <BlockKind kKind>
inline void restore_part(const std::uint8_t* codes, std::size_t first, std::size_t last,
                         const BlockLoop& block, float* out) {
    for_each_run<kKind>(
        block, first, last, [&](std::size_t from, std::size_t to, const BlockParameters& p) {
            for (std::size_t i = from; i < to; ++i)
                store(out, i,
                      block_value<kKind>(loaded_code<kKind>(codes[i], block.max_code, p.zero_point),
                                         p));
        });
}

/// The parameters of the row behind.
inline void to_next_row(BlockLoop& block) {
    block.scale += block.row_step;
    if (block.kind != BlockKind::kSymmetric) block.zero_point += block.row_step;
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

/// Bytes [first, last) of packed pairs of codes.
inline void pack_pairs(const std::uint8_t* codes, std::size_t first, std::size_t last,
                       std::uint8_t* packed) {
    for (std::size_t i = first; i < last; ++i)
        packed[i] =
            static_cast<std::uint8_t>((codes[2 * i] & 0x0F) | (codes[2 * i + 1] & 0x0F) << 4);
}

inline bool extend_range(float x, float& min, float& max) {
    min = x < min ? x : min;
    max = x > max ? x : max;
    return std::fabs(x) <= std::numeric_limits<float>::max();
}

/// Extends a range by elements [first, last).
inline bool extend_by_run(const void* values, std::size_t first, std::size_t last, float& min,
                          float& max) {
    bool finite = true;
    for (std::size_t i = first; i < last; ++i)
        finite = extend_range(load<float>(values, i), min, max) && finite;
    return finite;
}

template <BlockKind kKind>
inline void block_error_f64_of(const void* values, const std::uint8_t* codes, std::size_t count,
                               const BlockLoop& block, LaneSums& sums) {
    for_each_run<kKind>(
        block, 0, count, [&](std::size_t from, std::size_t to, const BlockParameters& p) {
            for (std::size_t i = from; i < to; ++i) {
                const double x = load<double>(values, i);
                const float restored = block_value<kKind>(
                    loaded_code<kKind>(codes[i], block.max_code, p.zero_point), p);
                const double error = x - static_cast<double>(restored);
                const double magnitude = std::fabs(error);
                sums.max_abs_error =
                    magnitude > sums.max_abs_error ? magnitude : sums.max_abs_error;
                const double scaled_error = error * static_cast<double>(block.noise_factor);
                const double scaled_value = x * static_cast<double>(block.signal_factor);
                sums.noise[i % kLanes] += scaled_error * scaled_error;
                sums.signal[i % kLanes] += scaled_value * scaled_value;
            }
        });
}

inline void block_error_f64(const void* values, const std::uint8_t* codes, std::size_t count,
                            const BlockLoop& block, LaneSums& sums) {
    with_kind(block, [&]<BlockKind kKind, bool kTruncate>() {
        block_error_f64_of<kKind>(values, codes, count, block, sums);
    });
}

}  // namespace
}  // namespace octet::kernels
