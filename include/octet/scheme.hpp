// How a tensor is quantized: bits, affine or symmetric, granularity, range and rounding, the
// state's dtype. A scheme is a plain value. The sidecar stores its name (such as "u8",
// "s8-channel-axis0" or "u4-group32-axis1-mse-two"), which parses back to the same scheme and never
// changes its meaning. docs/quantization.md has the formulas, docs/format.md the bytes.
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

/// Which elements share a scale. Channels and groups see the tensor as a matrix: its two
/// dimensions, or the first dimension against the product of the others. Of a batch they see one
/// matrix for each index of the first dimension.
enum class Granularity : std::uint8_t {
    kTensor,   ///< all of them: one scale per tensor, stored in the sidecar
    kChannel,  ///< those of one output channel: one row (output axis 0) or one column (output axis
               ///< 1)
    kGroup,    ///< runs of `group_size` inputs of one output channel; the last run may be short
};

/// Which axis of the matrix counts the outputs. Inputs, and with them groups, run along the other
/// axis.
enum class OutputAxis : std::uint8_t {
    kAuto,  ///< not resolved yet; also for one scale per tensor
    k0,     ///< [out, in], as Linear weights are stored
    k1,     ///< [in, out], as GPT-2's Conv1D weights are stored
};

/// What the zero point of an affine scheme is.
enum class ZeroPoint : std::uint8_t {
    kReal,     ///< the value of code 0: x' = code * scale + zero_point
    kInteger,  ///< the code of value 0: x' = (code - zero_point) * scale; the range is extended to
               ///< include 0
};

/// Which range the codes span; scale and zero point follow from it.
enum class RangeSearch : std::uint8_t {
    kMinMax,      ///< from the smallest to the largest value
    kMse,         ///< a search for the least sum of squared errors
    kPercentile,  ///< the central `percentile_ppm` millionths of the values
};

/// How scales and real zero points of channels and groups are stored.
enum class ScaleDtype : std::uint8_t {
    kF32,
    kF16,
    kBF16,
    kTwoLevel,  ///< small integers times one F16 number for each superblock
};

/// A way to turn a float tensor into codes. Members that do not apply to a scheme keep their
/// defaults (see scheme_problem).
struct Scheme {
    std::uint32_t bits = 8;  ///< of one code: 2, 3, 4, 5, 6 or 8
    bool symmetric = false;  ///< codes around 0 and no zero point; otherwise codes from 0 up
    Granularity granularity = Granularity::kTensor;
    bool batch = false;  ///< the first of three or more dimensions counts matrices (fused experts),
                         ///< `axis` is theirs
    /// Codes of fewer than 8 bits are packed as rows of the matrix; otherwise as rows of the last
    /// dimension, which wastes bits where those do not fill whole bytes (3 x 3 kernels).
    bool row_packing = false;
    std::uint32_t group_size = 0;  ///< inputs of one group, 16 .. 1024; 0 without groups
    OutputAxis axis = OutputAxis::kAuto;
    ZeroPoint zero_point = ZeroPoint::kReal;
    Rounding rounding = Rounding::kNearest;
    RangeSearch range = RangeSearch::kMinMax;
    std::uint32_t percentile_ppm = 0;  ///< 500,001 .. 999,999, of 1,000,000; 0 without percentile
    ScaleDtype scale_dtype = ScaleDtype::kF32;

    friend bool operator==(const Scheme&, const Scheme&) = default;
};

/// Bounds of Scheme::group_size, and its default.
inline constexpr std::uint32_t kLeastGroupSize = 16;
inline constexpr std::uint32_t kMostGroupSize = 1024;
inline constexpr std::uint32_t kDefaultGroupSize = 64;

/// The largest affine code, 2^bits - 1.
constexpr std::uint32_t max_code(const Scheme& scheme) noexcept {
    return (1U << scheme.bits) - 1U;
}

/// The largest symmetric code that quantizing produces, 2^(bits-1) - 1; the smallest is its
/// negative.
constexpr std::uint32_t max_symmetric_code(const Scheme& scheme) noexcept {
    return (1U << (scheme.bits - 1U)) - 1U;
}

/// Bits of one 8-bit code, and the largest one.
inline constexpr unsigned kCodeBits = 8;
inline constexpr unsigned kMaxCode = 255;

/// Why the scheme is impossible, as text for a message ("group size 8 is not from 16 to 1024");
/// empty for a possible scheme. An axis that is still kAuto is no problem. Impossible are:
/// - bits other than 2, 3, 4, 5, 6, 8;
/// - a group size outside of its bounds, or without groups;
/// - an axis, or a 16-bit state, with one scale per tensor (the sidecar stores that scale);
/// - a batch without its axis;
/// - row packing of 8 bits, which are not packed, or of a batch, whose rows always are;
/// - an integer zero point of a symmetric or two-level scheme;
/// - two levels without groups;
/// - truncation after a search that assumes nearest codes (mse, two levels);
/// - a percentile outside of its bounds, or a percentile value for another range.
std::string scheme_problem(const Scheme& scheme);

/// The scheme's name: `u8`, `s4`, ..., and then each part that is not the default, in this order:
/// -channel or -group64; -axis0 or -axis1; -batch or -rows; -intzp; -trunc; -mse or -pct99.9; -f16,
/// -bf16 or -two.
std::string scheme_name(const Scheme& scheme);

/// The possible scheme of exactly this name, or nothing.
std::optional<Scheme> parse_scheme(std::string_view name);

/// A percentile such as "99.9" in millionths; nothing unless `text` is a plain decimal number of at
/// most four decimal places, above 50 and below 100.
std::optional<std::uint32_t> parse_percentile(std::string_view text);

}  // namespace octet
