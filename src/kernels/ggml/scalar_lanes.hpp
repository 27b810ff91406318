// One lane: the vocabulary of the texts of this folder for `float`, and so the specification of
// what they do. Everything is in an anonymous namespace (see kernels/scalar_text.hpp).
#pragma once

#include <cstddef>

#include "kernels/scalar_text.hpp"

namespace octet::kernels::ggml {
namespace {

/// To nearest, ties to even, of magnitudes below 2^22; larger ones stay larger.
inline float nearest_by_adding(float value) {
    constexpr float kMagic = 0x1.8p23F;
    return (value + kMagic) - kMagic;
}

struct ScalarLanes {
    using Register = float;
    using Mask = bool;
    static constexpr std::size_t kCount = 1;
    static float all(float value) { return value; }
    static float load(const float* from) { return *from; }
    static void store(float value, float* to) { *to = value; }
    static float least(float a, float b) { return a < b ? a : b; }
    static float largest(float a, float b) { return a > b ? a : b; }
    static float magnitude(float a) { return std::fabs(a); }
    static float nearest(float a) { return nearest_by_adding(a); }
    static float truncated(float a) {
        return static_cast<float>(static_cast<std::int32_t>(a));
    }  ///< below 2^31
    static bool less(float a, float b) { return a < b; }
    static bool both(bool a, bool b) { return a && b; }
    static float pick(bool mask, float yes, float no) { return mask ? yes : no; }
    static bool any(bool mask) { return mask; }
    static float to_f16(float a) { return f16_to_f32(f32_to_f16(a)); }  ///< the nearest F16 number

    static float largest_lane(float a) { return a; }

    /// 32 values, cut off toward 0, as signed bytes.
    static void store_truncated(const float (&values)[32], unsigned char* bytes) {
        for (std::size_t i = 0; i < 32; ++i)
            bytes[i] = static_cast<unsigned char>(static_cast<std::int32_t>(values[i]));
    }

    /// Element e of the 16 rows to out + 16 e.
    static void transpose(const float* const* rows, std::size_t elements, float* out) {
        for (std::size_t row = 0; row < 16; ++row) {
            for (std::size_t i = 0; i < elements; ++i) out[i * 16 + row] = rows[row][i];
        }
    }
};

}  // namespace
}  // namespace octet::kernels::ggml
