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

/// Ones where a text of `size` <= 16 bytes has its bytes.
inline ShortText mask_of(std::size_t size) noexcept {
    static constexpr std::array<char, 2 * ShortText::kMost> kMasks = [] {
        std::array<char, 2 * ShortText::kMost> masks{};
        for (std::size_t i = 0; i < ShortText::kMost; ++i) masks[i] = '\xFF';
        return masks;
    }();
    const char* const mask = kMasks.data() + ShortText::kMost - size;
    return {load_8(mask), load_8(mask + 8), size};
}

/// `size` <= 16 bytes, though 16 may be read from there.
inline ShortText load_short(const char* from, std::size_t size) noexcept {
    const ShortText mask = mask_of(size);
    return {load_8(from) & mask.low, load_8(from + 8) & mask.high, size};
}

/// Any 16 bytes at most, of which no more may be read.
inline ShortText short_text(std::string_view text) noexcept {
    char bytes[ShortText::kMost] = {};
    std::memcpy(bytes, text.data(), text.size());
    return {load_8(bytes), load_8(bytes + 8), text.size()};
}

/// The text without its byte number `left`: what that parts, 16 bytes together at most, one behind the other. 17 bytes may be read from there.
inline ShortText load_joined(const char* from, std::size_t left, std::size_t right) noexcept {
    const ShortText first = mask_of(left);
    const ShortText all = mask_of(left + right);
    return {(load_8(from) & first.low) | (load_8(from + 1) & all.low & ~first.low),
            (load_8(from + 8) & first.high) | (load_8(from + 9) & all.high & ~first.high), left + right};
}

/// Of a text without zero bytes. Its high half is good, its low half less.
inline std::uint64_t hash_of(const ShortText& text) noexcept {
    const std::uint64_t hash = text.low * 0x9E3779B97F4A7C15 + text.high * 0xD1B54A32D192ED03;
    return hash ^ hash >> 32U;
}

}  // namespace octet::model
