// What the loops over columns take and give. A block is a row-major matrix of floats with 16
// columns: column c is one output's run of inputs, row i the same input of 16 outputs, so that a
// register holds neighbouring columns and no loop ever adds across lanes. Sums run down the rows in
// order; hence every instruction set gives the same bits. Blocks may have any alignment.
#pragma once

#include <cstddef>
#include <cstdint>

namespace octet::kernels {

/// Columns of a block; its row stride in floats too.
inline constexpr std::size_t kBlockColumns = 16;

/// Groups that one superblock may have at most.
inline constexpr std::size_t kMaxSuperblockGroups = 64;

/// A run of inputs of 16 outputs, with the weight of each input's squared error.
struct ColumnBlock {
    const float* values;   ///< [inputs][16], finite
    const float* weights;  ///< [inputs], finite and not negative; null: 1 everywhere
    std::size_t inputs;    ///< 1 or more
};

/// Codes and small numbers of a two-level scheme, as x' = q * (s * S) + z * Z with integers q, s
/// and z (see two_level.hpp).
struct TwoLevelLimits {
    std::size_t group_size;    ///< inputs of a group; the last may be short; at most
                               ///< kMaxSuperblockGroups groups
    float least_code;          ///< of q, below 0: codes are counted from the middle
    float largest_code;        ///< of q, above 0
    float largest_scale;       ///< of s, which is 1 or more
    float least_zero_point;    ///< of z, below 0; 0 without zero points
    float largest_zero_point;  ///< of z
    unsigned starts;  ///< super scales to start from, 1 .. 5; 0: no search, nothing is clipped
};

/// State of one superblock of 16 outputs: [groups][16] small integers as floats, and the two floats
/// of each output, which are F16 numbers.
struct TwoLevelState {
    float* scales;
    float* zero_points;
    float super_scale[kBlockColumns];
    float super_zero_point[kBlockColumns];
    float is_close[kBlockColumns] =
        {};  ///< 1 where float32 cannot tell it from the state without a search; else 0
};

/// How the state of a one-level group is stored.
enum class StateRounding : std::uint8_t { kF32, kF16, kBF16 };

/// What a one-level search may choose.
struct RangeLimits {
    float largest_code;  ///< 2^bits - 1; with `symmetric` 2^(bits-1) - 1, codes going down to its
                         ///< negative
    bool symmetric;      ///< x' = q * scale
    bool integer_zero;   ///< x' = (q - z) * scale; else x' = q * scale + z
    StateRounding rounding;  ///< of scale, and of a real zero point
    unsigned candidates;     ///< ranges to start from, 1 or more; the first is the whole range
    float
        step;   ///< each candidate's range is smaller than the one before by this part of the whole
    bool wide;  ///< long columns, of which a few values may lie far out: also ranges that cut off
                ///< one end
};

/// How codes stand for the values of one block: q * scale + zero_point, q a whole number within
/// [least_code, largest_code].
struct PointFit {
    float scale;  ///< normal
    float zero_point;
    float least_code;
    float largest_code;
};

/// Scale and zero point of 16 columns, one group each; an integer zero point is a whole number.
struct ColumnState {
    float scale[kBlockColumns];
    float zero_point[kBlockColumns];
    float is_close[kBlockColumns];  ///< 1 where float32 cannot tell it from the state without a
                                    ///< search; else 0
};

}  // namespace octet::kernels
