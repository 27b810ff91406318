// The first of a few bytes in a text that is looked at a hundred thousand times for runs of some bytes each, where a call of the C library takes
// longer than the search.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "model/short_text.hpp"

namespace octet::model {

/// Of eight bytes, the first of them lowest: the highest bit of the first that is one of kBytes, or less than kBelow (at most 0x80), is the lowest
/// bit that is set; 0 where none is.
template <unsigned char kBelow, unsigned char... kBytes>
std::uint64_t marks_of(std::uint64_t eight) noexcept {
    // The lowest of the highest bits that remain is that of the first such byte, as borrows only go upwards.
    constexpr std::uint64_t kOnes = 0x0101010101010101;
    const auto is_zero = [](std::uint64_t x) { return (x - kOnes) & ~x; };
    return (((eight - kBelow * kOnes) & ~eight) | ... | is_zero(eight ^ kBytes * kOnes)) & (0x80 * kOnes);
}

/// Where the first such byte stands among 16 that can be read there; 16 where none does.
template <unsigned char kBelow, unsigned char... kBytes>
std::size_t find_byte_of_16(const char* bytes) noexcept {
    const std::uint64_t first = marks_of<kBelow, kBytes...>(load_8(bytes));
    const std::uint64_t second = marks_of<kBelow, kBytes...>(load_8(bytes + 8));
    const auto place = [](std::uint64_t marks) { return static_cast<std::size_t>(std::countr_zero(marks)) / 8; };
    return first != 0 ? place(first) : 8 + place(second);  // of no marks: 8
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
