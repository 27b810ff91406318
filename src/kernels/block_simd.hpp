// The loops over blocks on xsimd batches: the same operations in the same order as
// kernels_scalar.cpp, 16 lanes at a time. Included by simd_text.hpp; everything is in an anonymous
// namespace (see scalar_text.hpp).
#pragma once

#include "kernels/block_scalar.hpp"
#include "kernels/simd_lanes.hpp"

namespace octet::kernels {
namespace {

/// True if every lane is 0, as x - x is for finite x only.
inline bool all_zero(const Floats (&sums)[kParts]) {
    bool zero = true;
    for (std::size_t part = 0; part < kParts; ++part) {
        alignas(64) float lanes[kWidth];
        sums[part].store_aligned(lanes);
        for (const float lane : lanes) zero = zero && lane == 0.0F;
    }
    return zero;
}

/// Rows that column_ranges goes down at once: their smallest and largest values are loaded and
/// stored once for all of them.
constexpr std::size_t kRangeRows = 8;

/// 16 columns of a few rows; `bad` stays 0 while all values are finite.
inline void extend_columns(const void* values, std::size_t rows, std::size_t stride, float* min,
                           float* max, Floats (&bad)[kParts]) {
    for (std::size_t part = 0; part < kParts; ++part) {
        const std::size_t at = part * kWidth;
        Floats low = load_floats(min, at);
        Floats high = load_floats(max, at);
        for (std::size_t row = 0; row < rows; ++row) {
            const Floats x = load_once(values, row * stride + at);
            low = xsimd::min(low, x);
            high = xsimd::max(high, x);
            bad[part] = bad[part] + (x - x);
        }
        low.store_unaligned(min + at);
        high.store_unaligned(max + at);
    }
}

bool column_ranges(const void* values, std::size_t rows, std::size_t count, float* min,
                   float* max) {
    Floats bad[kParts];
    for (std::size_t part = 0; part < kParts; ++part) bad[part] = Floats(0.0F);
    const std::size_t whole = count - count % kLanes;
    bool finite = true;
    for (std::size_t row = 0; row < rows; row += kRangeRows) {
        const void* const first = part_of(values, row * count);
        const std::size_t taken = rows - row < kRangeRows ? rows - row : kRangeRows;
        if (taken == kRangeRows) {
            for (std::size_t i = 0; i < whole; i += kLanes)
                extend_columns(part_of(first, i), kRangeRows, count, min + i, max + i, bad);
        } else {
            for (std::size_t i = 0; i < whole; i += kLanes)
                extend_columns(part_of(first, i), taken, count, min + i, max + i, bad);
        }
        for (std::size_t r = 0; r < taken; ++r) {
            for (std::size_t i = whole; i < count; ++i)
                finite = extend_range(load<float>(first, r * count + i), min[i], max[i]) && finite;
        }
    }
    return all_zero(bad) && finite;
}

/// The smallest and the largest lane, by halves.
inline void fold_lanes(const Floats (&low)[kParts], const Floats (&high)[kParts], float& min,
                       float& max) {
    Floats least = low[0];
    Floats most = high[0];
    for (std::size_t part = 1; part < kParts; ++part) {
        least = xsimd::min(least, low[part]);
        most = xsimd::max(most, high[part]);
    }
    fold_register(least, most, min, max);
}

/// Whole groups of 16 of one run, at least one.
inline void extend_by_lanes(const void* values, std::size_t count, float& min, float& max,
                            Floats (&bad)[kParts]) {
    Floats low[kParts];
    Floats high[kParts];
    for (std::size_t part = 0; part < kParts; ++part) {
        low[part] = high[part] = load_once(values, part * kWidth);
        bad[part] = bad[part] + (low[part] - low[part]);
    }
    for (std::size_t i = kLanes; i < count; i += kLanes) {
        for (std::size_t part = 0; part < kParts; ++part) {
            const Floats x = load_once(values, i + part * kWidth);
            low[part] = xsimd::min(low[part], x);
            high[part] = xsimd::max(high[part], x);
            bad[part] = bad[part] + (x - x);
        }
    }
    float least;
    float most;
    fold_lanes(low, high, least, most);
    min = least < min ? least : min;
    max = most > max ? most : max;
}

#if defined(OCTET_ARCH_AVX512)

/// Runs whose ranges are folded together: a register of them.
constexpr std::size_t kRunsTogether = kWidth;

/// The ranges of so many runs of `run` elements, whole groups of 16.
inline void extend_runs(const void* values, std::size_t run, float* min, float* max, Floats& bad) {
    const auto least = [](__m512 a, __m512 b) { return _mm512_min_ps(a, b); };
    const auto most = [](__m512 a, __m512 b) { return _mm512_max_ps(a, b); };
    __m512 lows[4];
    __m512 highs[4];
    for (std::size_t four = 0; four < 4; ++four) {
        Floats low[4];
        Floats high[4];
        for (std::size_t k = 0; k < 4; ++k) {
            const void* const first = part_of(values, (4 * four + k) * run);
            low[k] = high[k] = load_once(first, 0);
            bad = bad + (low[k] - low[k]);
            for (std::size_t i = kLanes; i < run; i += kLanes) {
                const Floats x = load_once(first, i);
                low[k] = xsimd::min(low[k], x);
                high[k] = xsimd::max(high[k], x);
                bad = bad + (x - x);
            }
        }
        lows[four] = fold_quarters(low, least);
        highs[four] = fold_quarters(high, most);
    }
    xsimd::min(load_floats(min, 0), fold_across(lows, least)).store_unaligned(min);
    xsimd::max(load_floats(max, 0), fold_across(highs, most)).store_unaligned(max);
}

#endif

bool row_ranges(const void* values, std::size_t count, std::size_t run, float* min, float* max) {
    Floats bad[kParts];
    for (std::size_t part = 0; part < kParts; ++part) bad[part] = Floats(0.0F);
    bool finite = true;
    std::size_t first = 0;
#if defined(OCTET_ARCH_AVX512)
    for (const std::size_t together = kRunsTogether * run;
         run % kLanes == 0 && count - first >= together;) {
        extend_runs(part_of(values, first), run, min, max, bad[0]);
        first += together;
        min += kRunsTogether;
        max += kRunsTogether;
    }
#endif
    for (; first < count; first += run, ++min, ++max) {
        const std::size_t length = count - first < run ? count - first : run;
        const std::size_t whole = length - length % kLanes;
        if (whole > 0) extend_by_lanes(part_of(values, first), whole, *min, *max, bad);
        finite = extend_by_run(values, first + whole, first + length, *min, *max) && finite;
    }
    return all_zero(bad) && finite;
}

/// Accumulators: of one fold, and of a call.
struct BlockFold {
    Floats signal[kParts];
    Floats noise[kParts];
    Floats largest[kParts];
    Floats clipped[kParts];  // whole numbers, exact up to 2^24 a lane
};

/// Brings what lies so many bytes ahead into the second-level cache; nothing happens where there is
/// no memory.
inline void prefetch(const void* from, std::size_t ahead) {
    __builtin_prefetch(
        reinterpret_cast<const void*>(reinterpret_cast<std::uintptr_t>(from) + ahead), 0, 2);
}

/// 16 elements from `i` of a row on. `parameters` gives scale and zero point of a register from
/// element `at` on. kPlain: no scale is 0, all codes are within their limits, and the factors of
/// the sums are 1.
template <BlockKind kKind, bool kTruncate, bool kPlain, typename Parameters>
inline void quantize_lanes(const void* values, std::size_t i, const BlockLoop& block,
                           const Parameters& parameters, std::uint8_t* codes, BlockFold& fold) {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    const Floats zero(0.0F);
    const Floats max_code(block.max_code);
    Ints code[kParts];
    prefetch(part_of(values, i), block.ahead);
    for (std::size_t part = 0; part < kParts; ++part) {
        const std::size_t at = i + part * kWidth;
        const Floats x = load_once(values, at);
        const Floats scale = parameters.scale(at);
        const Floats zero_point = parameters.zero_point(at);
        const Floats divisor =
            kPlain ? scale : xsimd::select(scale == zero, Floats(kInfinity), scale);
        const Floats t = (adds_zero_point(kKind) ? x - zero_point : x) / divisor;
        const Floats rounded = kTruncate ? xsimd::trunc(t) : xsimd::nearbyint(t);
        Floats low = kKind == BlockKind::kReal      ? zero
                     : kKind == BlockKind::kInteger ? -zero_point
                                                    : -max_code;
        if (kKind == BlockKind::kMiddle) low = low - Floats(1.0F);
        const Floats high = kKind == BlockKind::kInteger ? max_code - zero_point : max_code;
        const Floats q = kPlain ? rounded : xsimd::min(xsimd::max(rounded, low), high);
        if (!kPlain)
            fold.clipped[part] =
                fold.clipped[part] + xsimd::select(rounded != q, Floats(1.0F), zero);
        code[part] = xsimd::to_int(q);
        if (kKind == BlockKind::kInteger) code[part] = code[part] + xsimd::to_int(zero_point);
        if (kKind == BlockKind::kSymmetric) code[part] = code[part] & Ints(255);
        if (kKind == BlockKind::kMiddle)
            code[part] = code[part] + xsimd::to_int(max_code + Floats(1.0F));
        const Floats product = q * scale;
        const Floats error = x - (adds_zero_point(kKind) ? product + zero_point : product);
        fold.largest[part] = larger_magnitude(fold.largest[part], error);
        const Floats scaled_error = kPlain ? error : error * Floats(block.noise_factor);
        const Floats scaled_value = kPlain ? x : x * Floats(block.signal_factor);
        fold.noise[part] = fold.noise[part] + scaled_error * scaled_error;
        fold.signal[part] = fold.signal[part] + scaled_value * scaled_value;
    }
    store_codes(code, codes + i);
}

/// Parameters of each element, as they lie.
template <BlockKind kKind>
struct EachParameters {
    const BlockLoop& block;
    Floats scale(std::size_t at) const { return load_floats(block.scale, at); }
    Floats zero_point(std::size_t at) const {
        return kKind == BlockKind::kSymmetric ? Floats(0.0F) : load_floats(block.zero_point, at);
    }
};

/// Parameters of one run.
struct RunParameters {
    Floats scales;
    Floats zero_points;
    explicit RunParameters(const BlockParameters& p) : scales(p.scale), zero_points(p.zero_point) {}
    Floats scale(std::size_t) const { return scales; }
    Floats zero_point(std::size_t) const { return zero_points; }
};

/// Groups of 16 from `start` to `stop`, then the tail up to `end`; at most kFoldElements in all.
template <BlockKind kKind, bool kTruncate, bool kPlain>
inline void quantize_block_fold(const void* values, std::size_t start, std::size_t stop,
                                std::size_t end, const BlockLoop& block, std::uint8_t* codes,
                                BlockFold& lanes, BlockSums& sums) {
    for (std::size_t part = 0; part < kParts; ++part)
        lanes.signal[part] = lanes.noise[part] = Floats(0.0F);
    if (block.run == 1) {
        const EachParameters<kKind> parameters{block};
        for (std::size_t i = start; i < stop; i += kLanes)
            quantize_lanes<kKind, kTruncate, kPlain>(values, i, block, parameters, codes, lanes);
    } else {
        for_each_run<kKind>(block, start, stop,
                            [&](std::size_t from, std::size_t to, const BlockParameters& p) {
                                const RunParameters parameters(p);
                                for (std::size_t i = from; i < to; i += kLanes)
                                    quantize_lanes<kKind, kTruncate, kPlain>(
                                        values, i, block, parameters, codes, lanes);
                            });
    }
    FoldSums fold;
    for (std::size_t part = 0; part < kParts; ++part) {
        lanes.signal[part].store_unaligned(fold.signal + part * kWidth);
        lanes.noise[part].store_unaligned(fold.noise + part * kWidth);
    }
    fold.max_abs_error = 0.0F;
    if (stop < end)
        quantize_part<kKind, kTruncate>(values, stop, end, block, codes, fold, sums.clipped);
    add_fold(fold, sums.lanes);
}

template <BlockKind kKind, bool kTruncate, bool kPlain>
inline void quantize_rows(const void* values, std::size_t rows, std::size_t count, BlockLoop block,
                          std::uint8_t* codes, BlockSums& sums) {
    BlockFold lanes;
    for (std::size_t part = 0; part < kParts; ++part)
        lanes.largest[part] = lanes.clipped[part] = Floats(0.0F);
    for (std::size_t row = 0; row < rows; ++row, values = part_of(values, count), codes += count) {
        for (std::size_t start = 0; start < count; start += kFoldElements) {
            const std::size_t end = count - start < kFoldElements ? count : start + kFoldElements;
            const std::size_t stop = end - (end - start) % kLanes;
            quantize_block_fold<kKind, kTruncate, kPlain>(values, start, stop, end, block, codes,
                                                          lanes, sums);
        }
        to_next_row(block);
    }
    for (std::size_t part = 0; part < kParts; ++part) {
        alignas(64) float maxima[kWidth];
        alignas(64) float clipped[kWidth];
        lanes.largest[part].store_aligned(maxima);
        lanes.clipped[part].store_aligned(clipped);
        for (std::size_t i = 0; i < kWidth; ++i) {
            const double maximum = static_cast<double>(maxima[i]);
            sums.lanes.max_abs_error =
                maximum > sums.lanes.max_abs_error ? maximum : sums.lanes.max_abs_error;
            sums.clipped += static_cast<std::uint64_t>(clipped[i]);
        }
    }
}

void quantize_block(const void* values, std::size_t rows, std::size_t count, const BlockLoop& block,
                    std::uint8_t* codes, BlockSums& sums) {
    with_kind(block, [&]<BlockKind kKind, bool kTruncate>() {
        constexpr bool kMayBePlain = kKind == BlockKind::kReal || kKind == BlockKind::kSymmetric;
        const bool is_scaled = block.signal_factor != 1.0F || block.noise_factor != 1.0F;
        if (kMayBePlain && block.is_plain && !is_scaled)
            return quantize_rows<kKind, kTruncate, kMayBePlain>(values, rows, count, block, codes,
                                                                sums);
        quantize_rows<kKind, kTruncate, false>(values, rows, count, block, codes, sums);
    });
}

void pack_halves(const std::uint8_t* codes, std::size_t bytes, std::uint8_t* packed) {
    const std::size_t whole = bytes - bytes % kPackedPairs;
    for (std::size_t i = 0; i < whole; i += kPackedPairs) store_pairs(codes + 2 * i, packed + i);
    pack_pairs(codes, whole, bytes, packed);
}

/// Groups of 16 from `start` to `stop` of a row.
template <BlockKind kKind, typename Parameters>
inline void restore_lanes(const std::uint8_t* codes, std::size_t start, std::size_t stop,
                          float max_code, const Parameters& parameters, float* out) {
    for (std::size_t i = start; i < stop; i += kLanes) {
        Ints code[kParts];
        load_codes(codes + i, code);
        for (std::size_t part = 0; part < kParts; ++part) {
            const std::size_t at = i + part * kWidth;
            if (kKind == BlockKind::kSymmetric) code[part] = (code[part] ^ Ints(128)) - Ints(128);
            Floats q = xsimd::to_float(code[part]);
            if (kKind == BlockKind::kInteger) q = q - parameters.zero_point(at);
            if (kKind == BlockKind::kMiddle) q = q - Floats(max_code + 1.0F);
            const Floats product = q * parameters.scale(at);
            const Floats value =
                adds_zero_point(kKind) ? product + parameters.zero_point(at) : product;
            value.store_unaligned(out + at);
        }
    }
}

template <BlockKind kKind>
inline void restore_block_of(const std::uint8_t* codes, std::size_t count, const BlockLoop& block,
                             float* out) {
    const std::size_t whole = count - count % kLanes;
    if (block.run == 1) {
        restore_lanes<kKind>(codes, 0, whole, block.max_code, EachParameters<kKind>{block}, out);
    } else {
        for_each_run<kKind>(
            block, 0, whole, [&](std::size_t from, std::size_t to, const BlockParameters& p) {
                restore_lanes<kKind>(codes, from, to, block.max_code, RunParameters(p), out);
            });
    }
    restore_part<kKind>(codes, whole, count, block, out);
}

void restore_block(const std::uint8_t* codes, std::size_t count, const BlockLoop& block,
                   float* out) {
    with_kind(block, [&]<BlockKind kKind, bool kTruncate>() {
        restore_block_of<kKind>(codes, count, block, out);
    });
}

}  // namespace
}  // namespace octet::kernels
