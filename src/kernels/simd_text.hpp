// The loops on xsimd batches: the same operations in the same order as kernels_scalar.cpp, 16 lanes at a time. Included once by
// each instruction-set file, which defines `Arch` first; everything is in an anonymous namespace (see scalar_text.hpp).
#pragma once

#include <xsimd/xsimd.hpp>

#include "kernels/block_simd.hpp"
#include "kernels/hash_text.hpp"
#include "kernels/point_text.hpp"
#include "kernels/range_search_text.hpp"
#include "kernels/range_text.hpp"
#include "kernels/scalar_text.hpp"
#include "kernels/simd_lanes.hpp"
#include "kernels/state_text.hpp"
#include "kernels/two_level_text.hpp"

namespace octet::kernels {
namespace {

/// `kPlain`: the factors of the sums are 1, and no quotient rounds to more than 255.
template <bool kTruncate, bool kPlain>
inline void quantize_fold(const void* values, std::size_t start, std::size_t stop, std::size_t end,
                          const Affine& affine, std::uint8_t* codes, Floats (&largest)[kParts], LaneSums& sums) {
    const Floats zero_point(affine.zero_point);
    const Floats divisor(affine.divisor);
    const Floats scale(affine.scale);
    const Floats signal_factor(affine.signal_factor);
    const Floats noise_factor(affine.noise_factor);
    Floats signal[kParts];
    Floats noise[kParts];
    for (std::size_t part = 0; part < kParts; ++part) signal[part] = noise[part] = Floats(0.0F);
    for (std::size_t i = start; i < stop; i += kLanes) {
        __builtin_prefetch(static_cast<const unsigned char*>(values) + i * sizeof(float) + kValuesAheadBytes);
        Ints code[kParts];
        for (std::size_t part = 0; part < kParts; ++part) {
            const Floats x = load_floats(values, i + part * kWidth);
            Floats t = (x - zero_point) / divisor;
            if (!kPlain) t = xsimd::min(t, Floats(255.0F));
            code[part] = kTruncate ? xsimd::to_int(t) : xsimd::nearbyint_as_int(t);
            const Floats product = xsimd::to_float(code[part]) * scale;
            const Floats error = x - (product + zero_point);
            largest[part] = larger_magnitude(largest[part], error);
            const Floats scaled_error = kPlain ? error : error * noise_factor;
            const Floats scaled_value = kPlain ? x : x * signal_factor;
            noise[part] = noise[part] + scaled_error * scaled_error;
            signal[part] = signal[part] + scaled_value * scaled_value;
        }
        store_codes(code, codes + i);
    }
    FoldSums fold;
    for (std::size_t part = 0; part < kParts; ++part) {
        signal[part].store_unaligned(fold.signal + part * kWidth);
        noise[part].store_unaligned(fold.noise + part * kWidth);
    }
    fold.max_abs_error = 0.0F;
    for (std::size_t i = stop; i < end; ++i) {
        const float x = load<float>(values, i);
        codes[i] = code_of<kTruncate>(x, affine);
        add_error(x, codes[i], affine, i - stop, fold);
    }
    add_fold(fold, sums);
}

template <bool kTruncate, bool kPlain>
void quantize_folds(const void* values, std::size_t count, const Affine& affine, std::uint8_t* codes, LaneSums& sums) {
    Floats largest[kParts];
    for (std::size_t part = 0; part < kParts; ++part) largest[part] = Floats(0.0F);
    for (std::size_t start = 0; start < count; start += kFoldElements) {
        const std::size_t end = count - start < kFoldElements ? count : start + kFoldElements;
        quantize_fold<kTruncate, kPlain>(values, start, end - (end - start) % kLanes, end, affine, codes, largest,
                                         sums);
    }
    alignas(64) float maxima[kLanes];
    for (std::size_t part = 0; part < kParts; ++part) largest[part].store_aligned(maxima + part * kWidth);
    for (const float maximum : maxima) {
        sums.max_abs_error =
            static_cast<double>(maximum) > sums.max_abs_error ? static_cast<double>(maximum) : sums.max_abs_error;
    }
}

template <bool kTruncate>
void quantize(const void* values, std::size_t count, const Affine& affine, std::uint8_t* codes, LaneSums& sums) {
    const bool is_plain = affine.signal_factor == 1.0F && affine.noise_factor == 1.0F && !affine.has_limit;
    return is_plain ? quantize_folds<kTruncate, true>(values, count, affine, codes, sums)
                    : quantize_folds<kTruncate, false>(values, count, affine, codes, sums);
}

void dequantize(const std::uint8_t* codes, std::size_t count, float scale, float zero_point, void* out) {
    const Floats scales(scale);
    const Floats zero_points(zero_point);
    const std::size_t whole = count - count % kLanes;
    for (std::size_t i = 0; i < whole; i += kLanes) {
        Ints code[kParts];
        load_codes(codes + i, code);
        for (std::size_t part = 0; part < kParts; ++part) {
            const Floats product = xsimd::to_float(code[part]) * scales;
            store_floats(product + zero_points, out, i + part * kWidth);
        }
    }
    for (std::size_t i = whole; i < count; ++i) store(out, i, value_of(codes[i], scale, zero_point));
}

void widen_f16(const void* values, std::size_t count, float* out) {
    const std::size_t whole = count - count % kLanes;
    for (std::size_t i = 0; i < whole; i += kLanes) {
        Floats x[kParts];
        const unsigned char* const halves = static_cast<const unsigned char*>(values) + 2 * i;
        __builtin_prefetch(halves + kValuesAheadBytes);
        load_f16(halves, x);
        for (std::size_t part = 0; part < kParts; ++part) x[part].store_unaligned(out + i + part * kWidth);
    }
    for (std::size_t i = whole; i < count; ++i) out[i] = f16_to_f32(load<std::uint16_t>(values, i));
}

/// Narrows 16 lanes at a time with `store_lanes`, which leaves the narrowed values, widened again, in `after`.
template <typename StoreLanes, typename NarrowOne, typename WidenOne>
inline void narrow(const float* values, std::size_t count, void* out, Narrowing& narrowing, StoreLanes store_lanes,
                   NarrowOne narrow_one, WidenOne widen_one) {
    Floats largest[kParts];
    for (std::size_t part = 0; part < kParts; ++part) largest[part] = Floats(0.0F);
    const std::size_t whole = count - count % kLanes;
    for (std::size_t i = 0; i < whole; i += kLanes) {
        Floats x[kParts];
        Floats after[kParts];
        for (std::size_t part = 0; part < kParts; ++part) x[part] = load_floats(values, i + part * kWidth);
        store_lanes(x, static_cast<unsigned char*>(out) + 2 * i, after);
        for (std::size_t part = 0; part < kParts; ++part) {
            const Floats difference = xsimd::abs(x[part] - after[part]);
            // NaN compares false: the old maximum stays.
            largest[part] = xsimd::select(difference > largest[part], difference, largest[part]);
        }
    }
    for (std::size_t part = 0; part < kParts; ++part) {
        alignas(64) float maxima[kWidth];
        largest[part].store_aligned(maxima);
        for (const float maximum : maxima) {
            if (maximum > narrowing.max_abs_difference) narrowing.max_abs_difference = maximum;
        }
    }
    narrowing.overflowed = narrowing.max_abs_difference > std::numeric_limits<float>::max();
    for (std::size_t i = whole; i < count; ++i) {
        const std::uint16_t half = narrow_one(values[i]);
        add_narrowing(values[i], widen_one(half), narrowing);
        store(out, i, half);
    }
}

void narrow_to_f16(const float* values, std::size_t count, void* out, Narrowing& narrowing) {
    narrow(
        values, count, out, narrowing, [](const auto& x, unsigned char* to, auto& after) { store_f16(x, to, after); },
        f32_to_f16, f16_to_f32);
}

void narrow_to_bf16(const float* values, std::size_t count, void* out, Narrowing& narrowing) {
    narrow(
        values, count, out, narrowing, [](const auto& x, unsigned char* to, auto& after) { store_bf16(x, to, after); },
        f32_to_bf16, bf16_to_f32);
}

// Plain text that the compiler vectorizes for this file's instruction set, lane by lane the same operations. Sums live in locals: codes
// are bytes, which the compiler must otherwise take for possible aliases of everything.
void error_f64(const void* values, const std::uint8_t* codes, std::size_t count, const Affine& affine, LaneSums& sums) {
    const std::size_t whole = count - count % kLanes;
    LaneSums local = sums;
    double largest[kLanes] = {};
    const Affine a = affine;
    for (std::size_t i = 0; i < whole; i += kLanes) {
        double x[kLanes];
        std::uint8_t code[kLanes];
        std::memcpy(x, static_cast<const unsigned char*>(values) + i * sizeof(double), sizeof(x));
        std::memcpy(code, codes + i, sizeof(code));
        float restored[kLanes];
        for (std::size_t lane = 0; lane < kLanes; ++lane) restored[lane] = value_of(code[lane], a.scale, a.zero_point);
        for (std::size_t lane = 0; lane < kLanes; ++lane) {
            const double error = x[lane] - static_cast<double>(restored[lane]);
            const double magnitude = std::fabs(error);
            largest[lane] = magnitude > largest[lane] ? magnitude : largest[lane];
            const double scaled_error = error * static_cast<double>(a.noise_factor);
            const double scaled_value = x[lane] * static_cast<double>(a.signal_factor);
            local.noise[lane] += scaled_error * scaled_error;
            local.signal[lane] += scaled_value * scaled_value;
        }
    }
    for (const double maximum : largest)
        local.max_abs_error = maximum > local.max_abs_error ? maximum : local.max_abs_error;
    for (std::size_t i = whole; i < count; ++i) add_error_f64(load<double>(values, i), codes[i], a, i - whole, local);
    sums = local;
}

void widen_bf16(const void* values, std::size_t count, float* out) {
    constexpr std::size_t kLine = 32;  // elements in a line of the cache
    const std::size_t whole = count - count % kLine;
    for (std::size_t i = 0; i < whole; i += kLine) {
        __builtin_prefetch(static_cast<const unsigned char*>(values) + 2 * i + kValuesAheadBytes);
        for (std::size_t k = i; k < i + kLine; ++k) out[k] = bf16_to_f32(load<std::uint16_t>(values, k));
    }
    for (std::size_t i = whole; i < count; ++i) out[i] = bf16_to_f32(load<std::uint16_t>(values, i));
}

/// A register of columns (see column_text.hpp).
struct SimdColumns {
    using Register = Floats;
    static constexpr std::size_t kColumns = kWidth;
    static Floats all(float value) { return Floats(value); }
    static Floats load(const float* from) { return Floats::load_unaligned(from); }
    static void store(const Floats& value, float* to) { value.store_unaligned(to); }
    static Floats least(const Floats& a, const Floats& b) { return xsimd::min(a, b); }
    static Floats largest(const Floats& a, const Floats& b) { return xsimd::max(a, b); }
    static Floats nearest(const Floats& a) { return xsimd::nearbyint(a); }
    static Floats if_less(const Floats& a, const Floats& b, const Floats& yes, const Floats& no) {
        return xsimd::select(a < b, yes, no);
    }
};

constexpr Kernels table_named(const char* name) {
    return {name,
            range_f32,
            range_and_hash_f32,
            quantize<false>,
            quantize<true>,
            dequantize,
            error_f64,
            column_ranges,
            row_ranges,
            quantize_block,
            restore_block,
            block_error_f64,
            block_states,
            block_bounds,
            largest_numbers,
            pack_halves,
            widen_f16,
            widen_bf16,
            narrow_f64_loop,
            narrow_to_f16,
            narrow_to_bf16,
            widen_to_f64_loop,
            hash_begin,
            hash_add,
            hash_end,
            range_search<SimdColumns>,
            two_level_search<SimdColumns>,
            noise_of_points<SimdColumns>};
}

}  // namespace
}  // namespace octet::kernels
