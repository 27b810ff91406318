// The loops over blocks on xsimd batches: the same operations in the same order as kernels_scalar.cpp, 16 lanes at a time. Included by
// simd_text.hpp; everything is in an anonymous namespace (see scalar_text.hpp).
#pragma once

#include "kernels/block_scalar.hpp"
#include "kernels/simd_lanes.hpp"

namespace octet::kernels {
namespace {

bool column_range(const float* values, std::size_t count, float* min, float* max) {
    Floats bad[kParts];  // stays 0 while every x - x is 0, which it is for finite x only
    for (std::size_t part = 0; part < kParts; ++part) bad[part] = Floats(0.0F);
    const std::size_t whole = count - count % kLanes;
    for (std::size_t i = 0; i < whole; i += kLanes) {
        for (std::size_t part = 0; part < kParts; ++part) {
            const std::size_t at = i + part * kWidth;
            const Floats x = load_floats(values, at);
            xsimd::min(load_floats(min, at), x).store_unaligned(min + at);
            xsimd::max(load_floats(max, at), x).store_unaligned(max + at);
            bad[part] = bad[part] + (x - x);
        }
    }
    bool finite = true;
    for (std::size_t part = 0; part < kParts; ++part) {
        alignas(64) float bads[kWidth];
        bad[part].store_aligned(bads);
        for (const float one : bads) finite = finite && one == 0.0F;
    }
    for (std::size_t i = whole; i < count; ++i) finite = column_range_one(values[i], i, min, max) && finite;
    return finite;
}

/// Accumulators of one fold.
struct BlockFold {
    Floats signal[kParts];
    Floats noise[kParts];
    Floats largest[kParts];
    Floats clipped[kParts];  // whole numbers, at most 32 a fold
};

template <BlockKind kKind, bool kTruncate>
inline void quantize_lanes(const float* values, std::size_t i, const BlockLoop& block, std::uint8_t* codes,
                           BlockFold& fold) {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    const Floats zero(0.0F);
    const Floats max_code(block.max_code);
    Ints code[kParts];
    for (std::size_t part = 0; part < kParts; ++part) {
        const std::size_t at = i + part * kWidth;
        const Floats x = load_floats(values, at);
        const Floats scale = load_floats(block.scale, at);
        const Floats zero_point = kKind == BlockKind::kSymmetric ? zero : load_floats(block.zero_point, at);
        const Floats divisor = xsimd::select(scale == zero, Floats(kInfinity), scale);
        const Floats t = (adds_zero_point(kKind) ? x - zero_point : x) / divisor;
        const Floats rounded = kTruncate ? xsimd::trunc(t) : xsimd::nearbyint(t);
        Floats low = kKind == BlockKind::kReal ? zero : kKind == BlockKind::kInteger ? -zero_point : -max_code;
        if (kKind == BlockKind::kMiddle) low = low - Floats(1.0F);
        const Floats high = kKind == BlockKind::kInteger ? max_code - zero_point : max_code;
        const Floats q = xsimd::min(xsimd::max(rounded, low), high);
        fold.clipped[part] = fold.clipped[part] + xsimd::select(rounded != q, Floats(1.0F), zero);
        code[part] = xsimd::to_int(q);
        if (kKind == BlockKind::kInteger) code[part] = code[part] + xsimd::to_int(zero_point);
        if (kKind == BlockKind::kSymmetric) code[part] = code[part] & Ints(255);
        if (kKind == BlockKind::kMiddle) code[part] = code[part] + xsimd::to_int(max_code + Floats(1.0F));
        const Floats product = q * scale;
        const Floats error = x - (adds_zero_point(kKind) ? product + zero_point : product);
        fold.largest[part] = xsimd::max(fold.largest[part], xsimd::abs(error));
        const Floats scaled_error = error * Floats(block.noise_factor);
        const Floats scaled_value = x * Floats(block.signal_factor);
        fold.noise[part] = fold.noise[part] + scaled_error * scaled_error;
        fold.signal[part] = fold.signal[part] + scaled_value * scaled_value;
    }
    store_codes(code, codes + i);
}

/// Groups of 16 from `start` to `stop`, then the tail up to `end`; at most kFoldElements in all.
template <BlockKind kKind, bool kTruncate>
inline void quantize_block_fold(const float* values, std::size_t start, std::size_t stop, std::size_t end,
                                const BlockLoop& block, std::uint8_t* codes, BlockSums& sums) {
    BlockFold lanes;
    for (std::size_t part = 0; part < kParts; ++part)
        lanes.signal[part] = lanes.noise[part] = lanes.largest[part] = lanes.clipped[part] = Floats(0.0F);
    for (std::size_t i = start; i < stop; i += kLanes) quantize_lanes<kKind, kTruncate>(values, i, block, codes, lanes);
    FoldSums fold;
    alignas(64) float maxima[kLanes];
    alignas(64) float clipped[kLanes];
    for (std::size_t part = 0; part < kParts; ++part) {
        lanes.signal[part].store_unaligned(fold.signal + part * kWidth);
        lanes.noise[part].store_unaligned(fold.noise + part * kWidth);
        lanes.largest[part].store_aligned(maxima + part * kWidth);
        lanes.clipped[part].store_aligned(clipped + part * kWidth);
    }
    fold.max_abs_error = 0.0F;
    for (const float maximum : maxima) fold.max_abs_error = maximum > fold.max_abs_error ? maximum : fold.max_abs_error;
    for (const float count : clipped) sums.clipped += static_cast<std::uint64_t>(count);
    for (std::size_t i = stop; i < end; ++i)
        quantize_one<kKind, kTruncate>(values[i], i, i - stop, block, codes, fold, sums.clipped);
    add_fold(fold, sums.lanes);
}

void quantize_block(const float* values, std::size_t count, const BlockLoop& block, std::uint8_t* codes,
                    BlockSums& sums) {
    with_kind(block, [&]<BlockKind kKind, bool kTruncate>() {
        for (std::size_t start = 0; start < count; start += kFoldElements) {
            const std::size_t end = count - start < kFoldElements ? count : start + kFoldElements;
            const std::size_t stop = end - (end - start) % kLanes;
            quantize_block_fold<kKind, kTruncate>(values, start, stop, end, block, codes, sums);
        }
    });
}

template <BlockKind kKind>
inline void restore_block_of(const std::uint8_t* codes, std::size_t count, const BlockLoop& block, float* out) {
    const std::size_t whole = count - count % kLanes;
    for (std::size_t i = 0; i < whole; i += kLanes) {
        Ints code[kParts];
        load_codes(codes + i, code);
        for (std::size_t part = 0; part < kParts; ++part) {
            const std::size_t at = i + part * kWidth;
            if (kKind == BlockKind::kSymmetric) code[part] = (code[part] ^ Ints(128)) - Ints(128);
            Floats q = xsimd::to_float(code[part]);
            if (kKind == BlockKind::kInteger) q = q - load_floats(block.zero_point, at);
            if (kKind == BlockKind::kMiddle) q = q - Floats(block.max_code + 1.0F);
            const Floats product = q * load_floats(block.scale, at);
            const Floats value = adds_zero_point(kKind) ? product + load_floats(block.zero_point, at) : product;
            value.store_unaligned(out + at);
        }
    }
    for (std::size_t i = whole; i < count; ++i)
        out[i] = block_value<kKind>(loaded_code<kKind>(codes[i], block, i), block, i);
}

void restore_block(const std::uint8_t* codes, std::size_t count, const BlockLoop& block, float* out) {
    with_kind(block, [&]<BlockKind kKind, bool kTruncate>() { restore_block_of<kKind>(codes, count, block, out); });
}

}  // namespace
}  // namespace octet::kernels
