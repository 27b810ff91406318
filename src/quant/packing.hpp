// Codes of fewer than 8 bits as they are stored (docs/format.md): code i of a row lies in bits i*b
// .. i*b+b-1, least significant bit of byte 0 first, across bytes; the rest of the last byte is 0.
// Works on memory only.
#pragma once

#include <cstddef>
#include <cstdint>

namespace octet::quant {

/// Bytes of a row of `count` codes.
constexpr std::uint64_t packed_bytes(std::uint64_t count, unsigned bits) noexcept {
    return count / 8 * bits + (count % 8 * bits + 7) / 8;
}

/// Packs one row; of each code only the lowest `bits` bits count. `packed` may be `codes`, or lie
/// before it.
void pack(const std::uint8_t* codes, std::size_t count, unsigned bits, std::uint8_t* packed);

/// The codes of a packed row, each in a byte of its own: with its sign where `is_signed`, else
/// filled up with zeros. `packed` and `codes` do not overlap.
void unpack(const std::uint8_t* packed, std::size_t count, unsigned bits, bool is_signed,
            std::uint8_t* codes);

}  // namespace octet::quant
