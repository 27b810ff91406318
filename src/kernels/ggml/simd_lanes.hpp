// A register of lanes: the vocabulary of scalar_lanes.hpp for xsimd batches of the instruction set
// that is being compiled (`Arch`).
#pragma once

#include <xsimd/xsimd.hpp>

#include "kernels/ggml/scalar_lanes.hpp"

namespace octet::kernels::ggml {
namespace {

using Floats = xsimd::batch<float, Arch>;

#if defined(OCTET_ARCH_AVX512) || defined(OCTET_ARCH_AVX2) || defined(OCTET_ARCH_SSE2)

/// Four elements of four rows.
inline void transpose_four(const float* const* rows, std::size_t first, float* out) {
    __m128 a = _mm_loadu_ps(rows[0] + first);
    __m128 b = _mm_loadu_ps(rows[1] + first);
    __m128 c = _mm_loadu_ps(rows[2] + first);
    __m128 d = _mm_loadu_ps(rows[3] + first);
    _MM_TRANSPOSE4_PS(a, b, c, d);
    _mm_storeu_ps(out, a);
    _mm_storeu_ps(out + 16, b);
    _mm_storeu_ps(out + 32, c);
    _mm_storeu_ps(out + 48, d);
}

#else

inline void transpose_four(const float* const* rows, std::size_t first, float* out) {
    for (std::size_t row = 0; row < 4; ++row) {
        for (std::size_t i = 0; i < 4; ++i) out[i * 16 + row] = rows[row][first + i];
    }
}

#endif

struct SimdLanes {
    using Register = Floats;
    using Mask = xsimd::batch_bool<float, Arch>;
    static constexpr std::size_t kCount = Floats::size;
    static Floats all(float value) { return Floats(value); }
    static Floats load(const float* from) { return Floats::load_unaligned(from); }
    static void store(const Floats& value, float* to) { value.store_unaligned(to); }
    static Floats least(const Floats& a, const Floats& b) { return xsimd::min(a, b); }
    static Floats largest(const Floats& a, const Floats& b) { return xsimd::max(a, b); }
    static Floats magnitude(const Floats& a) { return xsimd::abs(a); }
    static Mask less(const Floats& a, const Floats& b) { return a < b; }
    static Mask both(const Mask& a, const Mask& b) { return a & b; }
    static Floats pick(const Mask& mask, const Floats& yes, const Floats& no) {
        return xsimd::select(mask, yes, no);
    }
    static bool any(const Mask& mask) { return xsimd::any(mask); }
    static Floats truncated(const Floats& a) { return xsimd::to_float(xsimd::to_int(a)); }

    static Floats nearest(const Floats& a) {
#if defined(OCTET_ARCH_SSE2)
        const Floats magic(0x1.8p23F);
        return (a + magic) - magic;
#else
        return xsimd::nearbyint(a);
#endif
    }

    static Floats to_f16(const Floats& a) {
#if defined(OCTET_ARCH_AVX512)
        return Floats(
            _mm512_cvtph_ps(_mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)));
#elif defined(OCTET_ARCH_AVX2)
        return Floats(_mm256_cvtph_ps(_mm256_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT)));
#else
        alignas(64) float lanes[kCount];
        a.store_aligned(lanes);
        for (float& lane : lanes) lane = f16_to_f32(f32_to_f16(lane));
        return Floats::load_aligned(lanes);
#endif
    }

    static float largest_lane(const Floats& a) {
#if defined(OCTET_ARCH_AVX512)
        return _mm512_reduce_max_ps(a);
#elif defined(OCTET_ARCH_AVX2)
        const __m128 two = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
        const __m128 one = _mm_max_ps(two, _mm_movehl_ps(two, two));
        return _mm_cvtss_f32(_mm_max_ss(one, _mm_shuffle_ps(one, one, 1)));
#else
        alignas(64) float lanes[kCount];
        a.store_aligned(lanes);
        float largest = lanes[0];
        for (const float lane : lanes) largest = lane > largest ? lane : largest;
        return largest;
#endif
    }

    /// 32 values, cut off toward 0, as signed bytes.
    static void store_truncated(const Floats (&values)[32 / kCount], unsigned char* bytes) {
#if defined(OCTET_ARCH_AVX512)
        for (std::size_t i = 0; i < 2; ++i) {
            _mm_storeu_si128(reinterpret_cast<__m128i*>(bytes + 16 * i),
                             _mm512_cvtepi32_epi8(_mm512_cvttps_epi32(values[i])));
        }
#elif defined(OCTET_ARCH_AVX2)
        const __m256i low =
            _mm256_packs_epi32(_mm256_cvttps_epi32(values[0]), _mm256_cvttps_epi32(values[1]));
        const __m256i high =
            _mm256_packs_epi32(_mm256_cvttps_epi32(values[2]), _mm256_cvttps_epi32(values[3]));
        const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(bytes),
                            _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order));
#elif defined(OCTET_ARCH_SSE2)
        for (std::size_t i = 0; i < 2; ++i) {
            const __m128i low = _mm_packs_epi32(_mm_cvttps_epi32(values[4 * i]),
                                                _mm_cvttps_epi32(values[4 * i + 1]));
            const __m128i high = _mm_packs_epi32(_mm_cvttps_epi32(values[4 * i + 2]),
                                                 _mm_cvttps_epi32(values[4 * i + 3]));
            _mm_storeu_si128(reinterpret_cast<__m128i*>(bytes + 16 * i),
                             _mm_packs_epi16(low, high));
        }
#else
        alignas(64) std::int32_t staged[32];
        for (std::size_t i = 0; i < 32 / kCount; ++i)
            xsimd::to_int(values[i]).store_aligned(staged + i * kCount);
        for (std::size_t i = 0; i < 32; ++i) bytes[i] = static_cast<unsigned char>(staged[i]);
#endif
    }

    /// `elements` is a multiple of 4.
    static void transpose(const float* const* rows, std::size_t elements, float* out) {
        for (std::size_t row = 0; row < 16; row += 4) {
            for (std::size_t i = 0; i < elements; i += 4)
                transpose_four(rows + row, i, out + i * 16 + row);
        }
    }
};

}  // namespace
}  // namespace octet::kernels::ggml
