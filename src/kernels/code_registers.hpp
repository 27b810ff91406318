// 16 codes of any width from where they are packed (quant/packing.hpp) to 16 integers in registers.
// A code of b bits reaches over two bytes at most: each lane gets its two bytes by one shuffle, is
// shifted up to its highest bit and down again, with or without sign. Reads the 2 b bytes of the 16
// codes and no byte beyond. Included by product_text.hpp alone.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include <xsimd/xsimd.hpp>

#include "kernels/scalar_text.hpp"
#include "kernels/simd_registers.hpp"

namespace octet::kernels {
namespace {

/// Code `index` of a run that begins with a whole byte.
template <unsigned kBits, bool kSigned>
inline std::int32_t code_at(const std::uint8_t* codes, std::size_t index) {
    const std::size_t bit = index * kBits;
    const unsigned shift = bit % 8;
    std::uint32_t word = codes[bit / 8];
    if (shift + kBits > 8) word |= static_cast<std::uint32_t>(codes[bit / 8 + 1]) << 8U;
    const auto high = static_cast<std::int32_t>(word << (32 - kBits - shift));
    return kSigned ? high >> (32 - kBits)
                   : static_cast<std::int32_t>(static_cast<std::uint32_t>(high) >> (32 - kBits));
}

#if defined(OCTET_ARCH_AVX512) || defined(OCTET_ARCH_AVX2)

/// Where the bytes of 16 codes lie after packed_bytes_of(), which loads their first and their last
/// bytes side by side.
template <unsigned kBits>
struct CodePlaces {
    static constexpr unsigned kHalf = kBits >= 4 ? 8 : 4;  // bytes of one load
    static constexpr unsigned kOverlap = 2 * kHalf - 2 * kBits;

    static constexpr std::uint8_t place_of(unsigned byte) {
        if (byte >= 2 * kBits) return 0x80;  // a zero
        return static_cast<std::uint8_t>(byte < kHalf ? byte : byte + kOverlap);
    }

    /// The two bytes of each lane, then two zeros: indices of a shuffle within 16 bytes.
    static constexpr std::array<std::uint8_t, 64> bytes() {
        std::array<std::uint8_t, 64> places{};
        for (unsigned lane = 0; lane < 16; ++lane) {
            const unsigned byte = lane * kBits / 8;
            places[4 * lane] = place_of(byte);
            places[4 * lane + 1] = place_of(byte + 1);
            places[4 * lane + 2] = 0x80;
            places[4 * lane + 3] = 0x80;
        }
        return places;
    }

    static constexpr std::array<std::int32_t, 16> shifts() {
        std::array<std::int32_t, 16> up{};
        for (unsigned lane = 0; lane < 16; ++lane)
            up[lane] = static_cast<std::int32_t>(32 - kBits - lane * kBits % 8);
        return up;
    }

    alignas(64) static constexpr std::array<std::uint8_t, 64> kBytes = bytes();
    alignas(64) static constexpr std::array<std::int32_t, 16> kShifts = shifts();
};

template <unsigned kBits>
inline __m128i packed_bytes_of(const std::uint8_t* codes) {
    if constexpr (kBits == 2) return _mm_cvtsi32_si128(load<std::int32_t>(codes, 0));
    if constexpr (kBits == 4) return _mm_cvtsi64_si128(load<std::int64_t>(codes, 0));
    if constexpr (kBits == 3) {
        const std::uint64_t first = load<std::uint32_t>(codes, 0);
        const std::uint64_t last = load<std::uint32_t>(codes + 2, 0);
        return _mm_cvtsi64_si128(static_cast<std::int64_t>(first | last << 32U));
    }
    return _mm_set_epi64x(load<std::int64_t>(codes + 2 * kBits - 8, 0),
                          load<std::int64_t>(codes, 0));
}

#endif

/// The next 16 codes; `codes` at a whole byte.
template <unsigned kBits, bool kSigned>
inline void load_packed(const std::uint8_t* codes, CodeRegister (&code)[kCodeParts]) {
#if defined(OCTET_ARCH_AVX512)
    using Places = CodePlaces<kBits>;
    __m512i bytes;
    if constexpr (kBits == 2) {
        bytes = _mm512_set1_epi32(
            load<std::int32_t>(codes, 0));  // loaded and spread by one instruction
    } else if constexpr (kBits == 4) {
        bytes = _mm512_set1_epi64(load<std::int64_t>(codes, 0));
    } else {
        bytes = _mm512_broadcast_i32x4(packed_bytes_of<kBits>(codes));
    }
    const __m512i words = _mm512_shuffle_epi8(bytes, _mm512_load_si512(Places::kBytes.data()));
    const __m512i high = _mm512_sllv_epi32(words, _mm512_load_si512(Places::kShifts.data()));
    code[0] = CodeRegister(kSigned ? _mm512_srai_epi32(high, 32 - kBits)
                                   : _mm512_srli_epi32(high, 32 - kBits));
#elif defined(OCTET_ARCH_AVX2)
    using Places = CodePlaces<kBits>;
    const __m256i bytes = _mm256_broadcastsi128_si256(packed_bytes_of<kBits>(codes));
    for (std::size_t part = 0; part < kCodeParts; ++part) {
        const auto* const places =
            reinterpret_cast<const __m256i*>(Places::kBytes.data() + 32 * part);
        const auto* const shifts =
            reinterpret_cast<const __m256i*>(Places::kShifts.data() + 8 * part);
        const __m256i words = _mm256_shuffle_epi8(bytes, _mm256_load_si256(places));
        const __m256i high = _mm256_sllv_epi32(words, _mm256_load_si256(shifts));
        code[part] = CodeRegister(kSigned ? _mm256_srai_epi32(high, 32 - kBits)
                                          : _mm256_srli_epi32(high, 32 - kBits));
    }
#else
    alignas(64) std::int32_t staged[16];
    for (std::size_t half = 0; half < 2; ++half) {
        std::uint64_t word = 0;
        std::memcpy(&word, codes + half * kBits, kBits);
        for (unsigned i = 0; i < 8; ++i) {
            const auto high = static_cast<std::int32_t>(
                static_cast<std::uint32_t>(word >> (i * kBits)) << (32 - kBits));
            staged[8 * half + i] =
                kSigned
                    ? high >> (32 - kBits)
                    : static_cast<std::int32_t>(static_cast<std::uint32_t>(high) >> (32 - kBits));
        }
    }
    for (std::size_t part = 0; part < kCodeParts; ++part)
        code[part] = CodeRegister::load_aligned(staged + part * CodeRegister::size);
#endif
}

#if defined(OCTET_ARCH_AVX512)

template <>
inline void load_packed<8, true>(const std::uint8_t* codes, CodeRegister (&code)[kCodeParts]) {
    code[0] = CodeRegister(
        _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes))));
}

#elif defined(OCTET_ARCH_AVX2)

template <>
inline void load_packed<8, true>(const std::uint8_t* codes, CodeRegister (&code)[kCodeParts]) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes));
    code[0] = CodeRegister(_mm256_cvtepi8_epi32(bytes));
    code[1] = CodeRegister(_mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8)));
}

#else

template <>
inline void load_packed<8, true>(const std::uint8_t* codes, CodeRegister (&code)[kCodeParts]) {
    alignas(64) std::int32_t staged[16];
    for (std::size_t i = 0; i < 16; ++i) staged[i] = static_cast<std::int8_t>(codes[i]);
    for (std::size_t part = 0; part < kCodeParts; ++part)
        code[part] = CodeRegister::load_aligned(staged + part * CodeRegister::size);
}

#endif

template <>
inline void load_packed<8, false>(const std::uint8_t* codes, CodeRegister (&code)[kCodeParts]) {
    load_codes(codes, code);
}

}  // namespace
}  // namespace octet::kernels
