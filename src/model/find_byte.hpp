// The first of a few bytes in a text that is looked at a hundred thousand times for runs of some bytes each, where a call of the C library takes
// longer than the search.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "model/short_text.hpp"

namespace octet::model {

/// Of eight bytes, the first of them lowest: the highest bit of the first that is one of kBytes, or less than kBelow (at most 0x80), is the lowest
/// bit that is set; 0 where none is.
template <unsigned char kBelow, unsigned char... kBytes>
inline std::uint64_t marks_of(std::uint64_t eight) noexcept {
    // The lowest of the highest bits that remain is that of the first such byte, as borrows only go upwards.
    constexpr std::uint64_t kOnes = 0x0101010101010101;
    const auto is_zero = [](std::uint64_t x) { return (x - kOnes) & ~x; };
    return (((eight - kBelow * kOnes) & ~eight) | ... | is_zero(eight ^ kBytes * kOnes)) & (0x80 * kOnes);
}

/// Where the first such byte stands among 16 that can be read there; 16 where none does.
template <unsigned char kBelow, unsigned char... kBytes>
inline std::size_t find_byte_of_16(const char* bytes) noexcept {
#if defined(__SSE2__)
    const __m128i all = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
    const auto is = [&](unsigned char byte) { return _mm_cmpeq_epi8(all, _mm_set1_epi8(static_cast<char>(byte))); };
    __m128i found = (is(kBytes) | ...);
    if constexpr (kBelow > 0) {
        const __m128i highest = _mm_set1_epi8(static_cast<char>(kBelow - 1));
        found |= _mm_cmpeq_epi8(_mm_min_epu8(all, highest), all);
    }
    return static_cast<std::size_t>(std::countr_zero(static_cast<unsigned>(_mm_movemask_epi8(found)) | 0x10000U));
#else
    const std::uint64_t first = marks_of<kBelow, kBytes...>(load_8(bytes));
    const std::uint64_t second = marks_of<kBelow, kBytes...>(load_8(bytes + 8));
    const bool is_behind = first == 0;
    return (is_behind ? 8 : 0) + static_cast<std::size_t>(std::countr_zero(is_behind ? second : first)) / 8;
#endif
}

/// Where the first byte that is one of kBytes, or less than kBelow, stands in `text` from `at` on; text.size() where none does.
template <unsigned char kBelow, unsigned char... kBytes>
std::size_t find_byte(std::string_view text, std::size_t at) noexcept {
    for (; at + 8 <= text.size(); at += 8) {
        const std::uint64_t marks = marks_of<kBelow, kBytes...>(load_8(text.data() + at));
        if (marks != 0) return at + static_cast<std::size_t>(std::countr_zero(marks)) / 8;
    }
    for (; at < text.size(); ++at) {
        const auto byte = static_cast<unsigned char>(text[at]);
        if (byte < kBelow || ((byte == kBytes) || ...)) return at;
    }
    return at;
}

}  // namespace octet::model
