// What xsimd 8.1 lacks: narrowing 16 int32 codes to bytes and back in registers. One short text an instruction set.
#pragma once

#include <cstdint>

#include <xsimd/xsimd.hpp>

namespace octet::kernels {
namespace {

using CodeRegister = xsimd::batch<std::int32_t, Arch>;
constexpr std::size_t kCodeParts = 16 / CodeRegister::size;

#if defined(OCTET_ARCH_AVX512)

inline void store_codes(const CodeRegister (&code)[kCodeParts], std::uint8_t* out) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm512_cvtepi32_epi8(code[0]));
}

inline void load_codes(const std::uint8_t* codes, CodeRegister (&code)[kCodeParts]) {
    code[0] = CodeRegister(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes))));
}

#elif defined(OCTET_ARCH_AVX2)

inline void store_codes(const CodeRegister (&code)[kCodeParts], std::uint8_t* out) {
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(code[0], code[1]), 0xD8);
    const __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), bytes);
}

inline void load_codes(const std::uint8_t* codes, CodeRegister (&code)[kCodeParts]) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes));
    code[0] = CodeRegister(_mm256_cvtepu8_epi32(bytes));
    code[1] = CodeRegister(_mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8)));
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

#else  // through memory; NEON compiles this loop to narrowing moves

inline void store_codes(const CodeRegister (&code)[kCodeParts], std::uint8_t* out) {
    alignas(64) std::int32_t staged[16];
    for (std::size_t part = 0; part < kCodeParts; ++part) code[part].store_aligned(staged + part * CodeRegister::size);
    for (std::size_t i = 0; i < 16; ++i) out[i] = static_cast<std::uint8_t>(staged[i]);
}

inline void load_codes(const std::uint8_t* codes, CodeRegister (&code)[kCodeParts]) {
    alignas(64) std::int32_t staged[16];
    for (std::size_t i = 0; i < 16; ++i) staged[i] = codes[i];
    for (std::size_t part = 0; part < kCodeParts; ++part)
        code[part] = CodeRegister::load_aligned(staged + part * CodeRegister::size);
}

#endif

}  // namespace
}  // namespace octet::kernels
