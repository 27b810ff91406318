// Texts of tokens, nearly all of which have at most 16 bytes, in two registers: a start of the program looks at some 200,000 of them before a
// first token comes. No branch depends on how long one is, as nobody could foretell it.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace octet::model {

struct ShortText {
    static constexpr std::size_t kMost = 16;

    std::uint64_t low = 0;   ///< the first 8 bytes, the first of them lowest; what is beyond the end is zero
    std::uint64_t high = 0;  ///< the next 8
    std::size_t size = 0;    ///< <= kMost
};

/// The same bits on every machine.
inline std::uint64_t load_8(const char* from) noexcept {
    std::uint64_t eight = 0;
    std::memcpy(&eight, from, sizeof eight);
    if constexpr (std::endian::native != std::endian::little) eight = __builtin_bswap64(eight);
    return eight;
}

/// `size` <= 16 bytes, though 16 may be read from there.
inline ShortText load_short(const char* from, std::size_t size) noexcept {
    static constexpr std::array<char, 32> kMasks = [] {
        std::array<char, 32> masks{};
        for (std::size_t i = 0; i < ShortText::kMost; ++i) masks[i] = '\xFF';
        return masks;
    }();
    const char* const mask = kMasks.data() + ShortText::kMost - size;
    return {load_8(from) & load_8(mask), load_8(from + 8) & load_8(mask + 8), size};
}

/// Any 16 bytes at most, of which no more may be read.
inline ShortText short_text(std::string_view text) noexcept {
    char bytes[ShortText::kMost] = {};
    std::memcpy(bytes, text.data(), text.size());
    return {load_8(bytes), load_8(bytes + 8), text.size()};
}

/// One behind the other, 16 bytes together at most.
inline ShortText joined(const ShortText& left, const ShortText& right) noexcept {
    const unsigned shift = 8 * static_cast<unsigned>(left.size % 8);
    const std::uint64_t first = right.low << shift;
    const std::uint64_t second = right.high << shift | (right.low >> 1U) >> (63 - shift);
    const bool is_long = left.size >= 8;
    return {left.low | (is_long ? 0 : first), left.high | (is_long ? first : second), left.size + right.size};
}

/// All bits are good.
inline std::uint64_t hash_of(const ShortText& text) noexcept {
    constexpr std::uint64_t kMix = 0x9E3779B97F4A7C15;  // 2^64 / the golden ratio, odd
    std::uint64_t hash = (text.low ^ static_cast<std::uint64_t>(text.size) << 56U) * kMix;
    hash = ((hash ^ hash >> 32U) + text.high) * kMix;
    hash = (hash ^ hash >> 29U) * kMix;
    return hash ^ hash >> 32U;
}

}  // namespace octet::model
