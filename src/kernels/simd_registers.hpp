// What xsimd 8.1 lacks: 16 int32 codes to bytes and back, bytes to halves of bytes, 16 floats to
// and from the two 16-bit types, in registers. One short text an instruction set; the last one
// works everywhere, through memory.
#pragma once

#include <cstdint>

#include <xsimd/xsimd.hpp>

#include "kernels/block_scalar.hpp"

namespace octet::kernels {
namespace {

using CodeRegister = xsimd::batch<std::int32_t, Arch>;
using FloatRegister = xsimd::batch<float, Arch>;
constexpr std::size_t kCodeParts = 16 / CodeRegister::size;
constexpr std::size_t kPartBytes = 2 * FloatRegister::size;  // of 16-bit elements in one part

#if defined(OCTET_ARCH_AVX512)

inline void store_codes(const CodeRegister (&code)[kCodeParts], std::uint8_t* out) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm512_cvtepi32_epi8(code[0]));
}

inline void load_codes(const std::uint8_t* codes, CodeRegister (&code)[kCodeParts]) {
    code[0] = CodeRegister(
        _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes))));
}

/// Pairs of codes that store_pairs() takes: their lower halves side by side, the first lowest. All
/// are read before any is written.
constexpr std::size_t kPackedPairs = 32;

inline void store_pairs(const std::uint8_t* codes, std::uint8_t* packed) {
    const __m512i halves = _mm512_and_si512(_mm512_loadu_si512(codes), _mm512_set1_epi8(0x0F));
    const __m512i pairs =
        _mm512_maddubs_epi16(halves, _mm512_set1_epi16(0x1001));  // first + 16 * second
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(packed), _mm512_cvtepi16_epi8(pairs));
}

inline void load_f16(const unsigned char* values, FloatRegister (&x)[kCodeParts]) {
    x[0] = FloatRegister(
        _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(values))));
}

inline void store_f16(const FloatRegister (&x)[kCodeParts], unsigned char* out,
                      FloatRegister (&after)[kCodeParts]) {
    const __m256i half = _mm512_cvtps_ph(x[0], _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), half);
    after[0] = FloatRegister(_mm512_cvtph_ps(half));
}

inline void fold_register(const FloatRegister& low, const FloatRegister& high, float& min,
                          float& max) {
    min = _mm512_reduce_min_ps(low);
    max = _mm512_reduce_max_ps(high);
}

/// pick() of the lanes of each of four registers, so far within their quarters: four results a
/// quarter.
template <typename Pick>
inline __m512 fold_quarters(const FloatRegister (&x)[4], Pick pick) {
    const __m512 left = pick(_mm512_unpacklo_ps(x[0], x[1]), _mm512_unpackhi_ps(x[0], x[1]));
    const __m512 right = pick(_mm512_unpacklo_ps(x[2], x[3]), _mm512_unpackhi_ps(x[2], x[3]));
    const __m512d pairs = _mm512_castps_pd(left);
    const __m512d more = _mm512_castps_pd(right);
    return pick(_mm512_castpd_ps(_mm512_unpacklo_pd(pairs, more)),
                _mm512_castpd_ps(_mm512_unpackhi_pd(pairs, more)));
}

/// The rest of it: one result a lane, of 16 registers.
template <typename Pick>
inline FloatRegister fold_across(const __m512 (&x)[4], Pick pick) {
    const __m512 left =
        pick(_mm512_shuffle_f32x4(x[0], x[1], 0x44), _mm512_shuffle_f32x4(x[0], x[1], 0xEE));
    const __m512 right =
        pick(_mm512_shuffle_f32x4(x[2], x[3], 0x44), _mm512_shuffle_f32x4(x[2], x[3], 0xEE));
    return FloatRegister(
        pick(_mm512_shuffle_f32x4(left, right, 0x88), _mm512_shuffle_f32x4(left, right, 0xDD)));
}

/// max(largest, |x|), lane by lane; `largest` is not negative, neither is NaN.
inline FloatRegister larger_magnitude(const FloatRegister& largest, const FloatRegister& x) {
    return FloatRegister(
        _mm512_range_ps(largest, x, 0b1011));  // of magnitudes, the larger, its sign cleared
}

#elif defined(OCTET_ARCH_AVX2)

inline void store_codes(const CodeRegister (&code)[kCodeParts], std::uint8_t* out) {
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(code[0], code[1]), 0xD8);
    const __m128i bytes =
        _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), bytes);
}

inline void load_codes(const std::uint8_t* codes, CodeRegister (&code)[kCodeParts]) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes));
    code[0] = CodeRegister(_mm256_cvtepu8_epi32(bytes));
    code[1] = CodeRegister(_mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8)));
}

/// As above.
constexpr std::size_t kPackedPairs = 32;

inline __m256i pairs_of(const std::uint8_t* codes) {
    const __m256i halves = _mm256_and_si256(
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes)), _mm256_set1_epi8(0x0F));
    return _mm256_maddubs_epi16(halves, _mm256_set1_epi16(0x1001));
}

inline void store_pairs(const std::uint8_t* codes, std::uint8_t* packed) {
    const __m256i bytes = _mm256_packus_epi16(pairs_of(codes), pairs_of(codes + 32));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(packed), _mm256_permute4x64_epi64(bytes, 0xD8));
}

inline void load_f16(const unsigned char* values, FloatRegister (&x)[kCodeParts]) {
    for (std::size_t part = 0; part < kCodeParts; ++part) {
        x[part] = FloatRegister(_mm256_cvtph_ps(
            _mm_loadu_si128(reinterpret_cast<const __m128i*>(values + part * kPartBytes))));
    }
}

inline void store_f16(const FloatRegister (&x)[kCodeParts], unsigned char* out,
                      FloatRegister (&after)[kCodeParts]) {
    for (std::size_t part = 0; part < kCodeParts; ++part) {
        const __m128i half = _mm256_cvtps_ph(x[part], _MM_FROUND_TO_NEAREST_INT);
        _mm_storeu_si128(reinterpret_cast<__m128i*>(out + part * kPartBytes), half);
        after[part] = FloatRegister(_mm256_cvtph_ps(half));
    }
}

#elif defined(OCTET_ARCH_SSE2)

inline void store_codes(const CodeRegister (&code)[kCodeParts], std::uint8_t* out) {
    const __m128i low = _mm_packs_epi32(code[0], code[1]);
    const __m128i high = _mm_packs_epi32(code[2], code[3]);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm_packus_epi16(low, high));
}

inline void load_codes(const std::uint8_t* codes, CodeRegister (&code)[kCodeParts]) {
    const __m128i zero = _mm_setzero_si128();
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes));
    const __m128i low = _mm_unpacklo_epi8(bytes, zero);
    const __m128i high = _mm_unpackhi_epi8(bytes, zero);
    code[0] = CodeRegister(_mm_unpacklo_epi16(low, zero));
    code[1] = CodeRegister(_mm_unpackhi_epi16(low, zero));
    code[2] = CodeRegister(_mm_unpacklo_epi16(high, zero));
    code[3] = CodeRegister(_mm_unpackhi_epi16(high, zero));
}

/// As above.
constexpr std::size_t kPackedPairs = 16;

inline __m128i pairs_of(const std::uint8_t* codes) {
    const __m128i two = _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes));
    const __m128i first = _mm_and_si128(two, _mm_set1_epi16(0x000F));
    return _mm_or_si128(first, _mm_and_si128(_mm_srli_epi16(two, 4), _mm_set1_epi16(0x00F0)));
}

inline void store_pairs(const std::uint8_t* codes, std::uint8_t* packed) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(packed),
                     _mm_packus_epi16(pairs_of(codes), pairs_of(codes + 16)));
}

#else  // through memory; NEON compiles this loop to narrowing moves

inline void store_codes(const CodeRegister (&code)[kCodeParts], std::uint8_t* out) {
    alignas(64) std::int32_t staged[16];
    for (std::size_t part = 0; part < kCodeParts; ++part)
        code[part].store_aligned(staged + part * CodeRegister::size);
    for (std::size_t i = 0; i < 16; ++i) out[i] = static_cast<std::uint8_t>(staged[i]);
}

inline void load_codes(const std::uint8_t* codes, CodeRegister (&code)[kCodeParts]) {
    alignas(64) std::int32_t staged[16];
    for (std::size_t i = 0; i < 16; ++i) staged[i] = codes[i];
    for (std::size_t part = 0; part < kCodeParts; ++part)
        code[part] = CodeRegister::load_aligned(staged + part * CodeRegister::size);
}

/// As above.
constexpr std::size_t kPackedPairs = 32;

inline void store_pairs(const std::uint8_t* codes, std::uint8_t* packed) {
    std::uint8_t bytes[kPackedPairs];
    pack_pairs(codes, 0, kPackedPairs, bytes);
    std::memcpy(packed, bytes, sizeof(bytes));
}

#endif

#if defined(OCTET_ARCH_AVX2) || defined(OCTET_ARCH_SSE2)

inline float least_of(__m128 x) {
    x = _mm_min_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_min_ss(x, _mm_shuffle_ps(x, x, 1)));
}

inline float largest_of(__m128 x) {
    x = _mm_max_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_max_ss(x, _mm_shuffle_ps(x, x, 1)));
}

/// The smallest lane of one register and the largest of another.
inline void fold_register(const FloatRegister& low, const FloatRegister& high, float& min,
                          float& max) {
#if defined(OCTET_ARCH_AVX2)
    min = least_of(_mm_min_ps(_mm256_castps256_ps128(low), _mm256_extractf128_ps(low, 1)));
    max = largest_of(_mm_max_ps(_mm256_castps256_ps128(high), _mm256_extractf128_ps(high, 1)));
#else
    min = least_of(low);
    max = largest_of(high);
#endif
}

#elif !defined(OCTET_ARCH_AVX512)

inline void fold_register(const FloatRegister& low, const FloatRegister& high, float& min,
                          float& max) {
    alignas(64) float lows[FloatRegister::size];
    alignas(64) float highs[FloatRegister::size];
    low.store_aligned(lows);
    high.store_aligned(highs);
    min = lows[0];
    max = highs[0];
    for (const float value : lows) min = value < min ? value : min;
    for (const float value : highs) max = value > max ? value : max;
}

#endif

#if !defined(OCTET_ARCH_AVX2) && !defined(OCTET_ARCH_AVX512)

inline void load_f16(const unsigned char* values, FloatRegister (&x)[kCodeParts]) {
    alignas(64) float staged[16];
    for (std::size_t i = 0; i < 16; ++i) staged[i] = f16_to_f32(load<std::uint16_t>(values, i));
    for (std::size_t part = 0; part < kCodeParts; ++part)
        x[part] = FloatRegister::load_aligned(staged + part * FloatRegister::size);
}

inline void store_f16(const FloatRegister (&x)[kCodeParts], unsigned char* out,
                      FloatRegister (&after)[kCodeParts]) {
    alignas(64) float staged[16];
    for (std::size_t part = 0; part < kCodeParts; ++part)
        x[part].store_aligned(staged + part * FloatRegister::size);
    for (std::size_t i = 0; i < 16; ++i) store(out, i, f32_to_f16(staged[i]));
    load_f16(out, after);
}

#endif

#if !defined(OCTET_ARCH_AVX512)

inline FloatRegister larger_magnitude(const FloatRegister& largest, const FloatRegister& x) {
    return xsimd::max(largest, xsimd::abs(x));
}

#endif

/// The operations of f32_to_bf16() on registers; the halves pass through memory, which the compiler
/// turns into packing.
inline void store_bf16(const FloatRegister (&x)[kCodeParts], unsigned char* out,
                       FloatRegister (&after)[kCodeParts]) {
    alignas(64) std::int32_t staged[16];
    for (std::size_t part = 0; part < kCodeParts; ++part) {
        const auto bits = xsimd::bitwise_cast<CodeRegister>(x[part]);
        const auto high = (bits >> 16) & CodeRegister(0xFFFF);
        const auto rounded =
            ((bits + CodeRegister(0x7FFF) + (high & CodeRegister(1))) >> 16) & CodeRegister(0xFFFF);
        const auto is_nan = (bits & CodeRegister(0x7FFFFFFF)) > CodeRegister(0x7F800000);
        const auto half = xsimd::select(is_nan, high | CodeRegister(0x40), rounded);
        after[part] = xsimd::bitwise_cast<FloatRegister>(half << 16);
        half.store_aligned(staged + part * CodeRegister::size);
    }
    std::uint16_t halves[16];
    for (std::size_t i = 0; i < 16; ++i) halves[i] = static_cast<std::uint16_t>(staged[i]);
    std::memcpy(out, halves, sizeof(halves));
}

}  // namespace
}  // namespace octet::kernels
