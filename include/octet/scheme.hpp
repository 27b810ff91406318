// How a tensor is quantized: bits, affine or symmetric, granularity, rounding. A scheme is a plain value; its name (such as
// "u8" or "u8-trunc") parses back to the same scheme, is what the sidecar stores, and never changes its meaning.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace octet {

/// How a quotient becomes an integer code.
enum class Rounding : std::uint8_t {
    kNearest,   ///< to the nearest integer, ties to even (IEEE 754 roundTiesToEven)
    kTruncate,  ///< toward zero: the cast of the lesson
};

/// A way to turn a float tensor into codes. Today: 8-bit affine codes with one real zero point and one scale for the tensor.
struct Scheme {
    Rounding rounding = Rounding::kNearest;

    friend bool operator==(const Scheme&, const Scheme&) = default;
};

/// Bits of one code.
inline constexpr unsigned kCodeBits = 8;

/// The largest code, 2^bits - 1.
inline constexpr unsigned kMaxCode = 255;

/// The scheme's name: "u8" or "u8-trunc".
std::string scheme_name(const Scheme& scheme);

/// The scheme of that name, or nothing if it is none.
std::optional<Scheme> parse_scheme(std::string_view name);

}  // namespace octet
