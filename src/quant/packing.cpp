// Eight codes fill as many bytes as they have bits: they are joined in a 64-bit word. 4 bits have a
// loop of their own in kernels/.
#include "quant/packing.hpp"

#include <algorithm>
#include <cstring>

#include "quant/active_kernels.hpp"

namespace octet::quant {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "words are packed as bytes, the lowest first");

constexpr std::uint64_t repeated(std::uint64_t pattern, unsigned period) {
    std::uint64_t word = 0;
    for (unsigned at = 0; at < 64; at += period) word |= pattern << at;
    return word;
}

/// The lowest `bits` of each byte, side by side in the lowest 8 * bits: neighbours are joined, then
/// pairs, then fours.
template <unsigned kBits>
std::uint64_t joined(std::uint64_t word) {
    constexpr std::uint64_t kOnes = (std::uint64_t{1} << kBits) - 1;
    constexpr std::uint64_t kTwos = (std::uint64_t{1} << (2 * kBits)) - 1;
    constexpr std::uint64_t kFours = (std::uint64_t{1} << (4 * kBits)) - 1;
    word = (word & repeated(kOnes, 16)) | (word >> (8 - kBits) & repeated(kOnes << kBits, 16));
    word = (word & repeated(kTwos, 32)) |
           (word >> (16 - 2 * kBits) & repeated(kTwos << (2 * kBits), 32));
    return (word & kFours) | (word >> (32 - 4 * kBits) & kFours << (4 * kBits));
}

/// The inverse.
template <unsigned kBits>
std::uint64_t parted(std::uint64_t word) {
    constexpr std::uint64_t kOnes = (std::uint64_t{1} << kBits) - 1;
    constexpr std::uint64_t kTwos = (std::uint64_t{1} << (2 * kBits)) - 1;
    constexpr std::uint64_t kFours = (std::uint64_t{1} << (4 * kBits)) - 1;
    word = (word & kFours) | (word & (kFours << (4 * kBits))) << (32 - 4 * kBits);
    word = (word & repeated(kTwos, 32)) | (word & (repeated(kTwos, 32) << (2 * kBits)))
                                              << (16 - 2 * kBits);
    return (word & repeated(kOnes, 16)) | (word & (repeated(kOnes, 16) << kBits)) << (8 - kBits);
}

template <unsigned kBits>
void pack_row(const std::uint8_t* codes, std::size_t count, std::uint8_t* packed) {
    const auto put = [&](std::size_t size) {
        std::uint64_t word = 0;
        std::memcpy(&word, codes, size);
        word = joined<kBits>(word);
        std::memcpy(packed, &word, (size * kBits + 7) / 8);
    };
    for (; count >= 8; count -= 8, codes += 8, packed += kBits) put(8);
    if (count > 0) put(count);
}

/// 4 bits: each code in half of a byte.
void pack_halves(const std::uint8_t* codes, std::size_t count, std::uint8_t* packed) {
    active_kernels().pack_halves(codes, count / 2, packed);
    if (count % 2 != 0) packed[count / 2] = codes[count - 1] & 0x0F;
}

template <unsigned kBits, bool kSigned>
void unpack_row(const std::uint8_t* packed, std::size_t count, std::uint8_t* codes) {
    constexpr std::uint64_t kSigns = repeated(std::uint64_t{1} << (kBits - 1), 8);
    const auto take = [&](std::size_t size) {
        std::uint64_t word = 0;
        std::memcpy(&word, packed, (size * kBits + 7) / 8);
        word = parted<kBits>(word);
        // The sign bit copied into all bits above it: no byte reaches its neighbour.
        if (kSigned) word |= ((word & kSigns) >> (kBits - 1)) * (256 - (1U << kBits));
        std::memcpy(codes, &word, size);
    };
    for (; count >= 8; count -= 8, codes += 8, packed += kBits) take(8);
    if (count > 0) take(count);
}

}  // namespace

void pack(const std::uint8_t* codes, std::size_t count, unsigned bits, std::uint8_t* packed) {
    switch (bits) {
        case 2:
            return pack_row<2>(codes, count, packed);
        case 3:
            return pack_row<3>(codes, count, packed);
        case 4:
            return pack_halves(codes, count, packed);
        case 5:
            return pack_row<5>(codes, count, packed);
        case 6:
            return pack_row<6>(codes, count, packed);
        default:
            if (count > 0) std::memmove(packed, codes, count);
    }
}

void unpack(const std::uint8_t* packed, std::size_t count, unsigned bits, bool is_signed,
            std::uint8_t* codes) {
    switch (bits) {
        case 2:
            return is_signed ? unpack_row<2, true>(packed, count, codes)
                             : unpack_row<2, false>(packed, count, codes);
        case 3:
            return is_signed ? unpack_row<3, true>(packed, count, codes)
                             : unpack_row<3, false>(packed, count, codes);
        case 4:
            return is_signed ? unpack_row<4, true>(packed, count, codes)
                             : unpack_row<4, false>(packed, count, codes);
        case 5:
            return is_signed ? unpack_row<5, true>(packed, count, codes)
                             : unpack_row<5, false>(packed, count, codes);
        case 6:
            return is_signed ? unpack_row<6, true>(packed, count, codes)
                             : unpack_row<6, false>(packed, count, codes);
        default:
            if (count > 0) std::memcpy(codes, packed, count);
    }
}

}  // namespace octet::quant
