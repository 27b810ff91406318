// The first of a few bytes in a text that is looked at a hundred thousand times for runs of some bytes each, where a call of the C library takes
// longer than the search.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace octet::model {

/// Where the first byte that is one of kBytes, or less than kBelow (at most 0x80), stands in `text` from `at` on; text.size() where none does.
template <unsigned char kBelow, unsigned char... kBytes>
std::size_t find_byte(std::string_view text, std::size_t at) noexcept {
    // Eight at a time: the lowest of the highest bits that remain is that of the first such byte, as borrows only go upwards.
    constexpr std::uint64_t kOnes = 0x0101010101010101;
    const auto is_zero = [](std::uint64_t eight) { return (eight - kOnes) & ~eight; };
    for (; at + 8 <= text.size(); at += 8) {
        std::uint64_t eight = 0;
        std::memcpy(&eight, text.data() + at, 8);
        if constexpr (std::endian::native != std::endian::little) break;
        const std::uint64_t found =
            (((eight - kBelow * kOnes) & ~eight) | ... | is_zero(eight ^ kBytes * kOnes)) & (0x80 * kOnes);
        if (found != 0) return at + static_cast<std::size_t>(std::countr_zero(found)) / 8;
    }
    for (; at < text.size(); ++at) {
        const auto byte = static_cast<unsigned char>(text[at]);
        if (byte < kBelow || ((byte == kBytes) || ...)) return at;
    }
    return at;
}

}  // namespace octet::model
