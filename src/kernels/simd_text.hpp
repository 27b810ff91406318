// The loops on xsimd batches: the same operations in the same order as kernels_scalar.cpp, 16 lanes
// at a time. Included once by each instruction-set file, which defines `Arch` first; everything is
// in an anonymous namespace (see scalar_text.hpp).
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

void widen_f16(const void* values, std::size_t count, float* out) {
    const std::size_t whole = count - count % kLanes;
    for (std::size_t i = 0; i < whole; i += kLanes) {
        Floats x[kParts];
        const unsigned char* const halves = static_cast<const unsigned char*>(values) + 2 * i;
        __builtin_prefetch(halves + kValuesAheadBytes);
        load_f16(halves, x);
        for (std::size_t part = 0; part < kParts; ++part)
            x[part].store_unaligned(out + i + part * kWidth);
    }
    for (std::size_t i = whole; i < count; ++i) out[i] = f16_to_f32(load<std::uint16_t>(values, i));
}

/// Narrows 16 lanes at a time with `store_lanes`, which leaves the narrowed values, widened again,
/// in `after`.
template <typename StoreLanes, typename NarrowOne, typename WidenOne>
inline void narrow(const float* values, std::size_t count, void* out, Narrowing& narrowing,
                   StoreLanes store_lanes, NarrowOne narrow_one, WidenOne widen_one) {
    Floats largest[kParts];
    for (std::size_t part = 0; part < kParts; ++part) largest[part] = Floats(0.0F);
    const std::size_t whole = count - count % kLanes;
    for (std::size_t i = 0; i < whole; i += kLanes) {
        Floats x[kParts];
        Floats after[kParts];
        for (std::size_t part = 0; part < kParts; ++part)
            x[part] = load_floats(values, i + part * kWidth);
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
        values, count, out, narrowing,
        [](const auto& x, unsigned char* to, auto& after) { store_f16(x, to, after); }, f32_to_f16,
        f16_to_f32);
}

void narrow_to_bf16(const float* values, std::size_t count, void* out, Narrowing& narrowing) {
    narrow(
        values, count, out, narrowing,
        [](const auto& x, unsigned char* to, auto& after) { store_bf16(x, to, after); },
        f32_to_bf16, bf16_to_f32);
}

void widen_bf16(const void* values, std::size_t count, float* out) {
    constexpr std::size_t kLine = 32;  // elements in a line of the cache
    const std::size_t whole = count - count % kLine;
    for (std::size_t i = 0; i < whole; i += kLine) {
        __builtin_prefetch(static_cast<const unsigned char*>(values) + 2 * i + kValuesAheadBytes);
        for (std::size_t k = i; k < i + kLine; ++k)
            out[k] = bf16_to_f32(load<std::uint16_t>(values, k));
    }
    for (std::size_t i = whole; i < count; ++i)
        out[i] = bf16_to_f32(load<std::uint16_t>(values, i));
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
