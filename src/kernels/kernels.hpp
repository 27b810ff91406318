// The inner loops: ranges, codes with error statistics, restoring, and dtype conversion.
// `kernels_scalar.cpp` is the specification; every instruction set runs the same operations in the
// same order on 16 virtual lanes, so all give the same bits. Functions are pure, never throw, take
// any alignment of the values, and may run in any number of threads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/columns.hpp"

namespace octet::kernels {

/// Virtual lanes of every reduction: element i of a call belongs to lane i % 16, whatever the width
/// of the registers.
inline constexpr std::size_t kLanes = 16;

/// Squares are summed in float32 per lane over this many elements, then added to the lane's double.
/// A call's element count must be a multiple of it unless the call is the last of its tile.
inline constexpr std::size_t kFoldElements = 512;

/// Running minimum and maximum of float32 values. Start with {+inf, -inf, true}. Meaningless once
/// `finite` is false.
struct Range {
    float min;
    float max;
    bool finite;  ///< no NaN and no infinity seen
};

/// Running error statistics of one tile, in units of the factors of BlockLoop. Start with all
/// zeros.
struct LaneSums {
    double signal[kLanes];  ///< sum of (x * signal_factor)^2
    double noise[kLanes];   ///< sum of ((x - x') * noise_factor)^2
    double max_abs_error;   ///< max |x - x'|, not scaled
};

/// How the code q of a block stands for a value (docs/quantization.md).
enum class BlockKind : std::uint8_t {
    kReal,       ///< q * scale + zero_point, q in 0 .. max_code; stored as it is
    kInteger,    ///< (q - zero_point) * scale, q in 0 .. max_code; stored as it is
    kSymmetric,  ///< q * scale, q in -max_code .. max_code; stored as a byte in two's complement
    kMiddle,  ///< q * scale + zero_point, q in -max_code - 1 .. max_code; stored as q + max_code +
              ///< 1
};

/// Parameters of rows of elements whose scales differ: one scale (and zero point, where the kind
/// has them) for each run of `run` elements of a row, the last of which may be short.
struct BlockLoop {
    BlockKind kind;
    bool truncate;        ///< toward zero instead of to nearest, ties to even
    float max_code;       ///< the largest code
    float signal_factor;  ///< 1 or a power of two: |x| times it has squares that neither overflow
                          ///< nor vanish
    float noise_factor;   ///< the same for |x - x'|
    const float* scale;   ///< of the first row; 0 gives the code of 0
    const float* zero_point;   ///< of kInteger a whole number; of kSymmetric not looked at
    std::size_t run = 1;       ///< 1, a multiple of kLanes, or at least a row
    std::size_t row_step = 0;  ///< scales (and zero points) from one row's first to the next row's
    bool is_plain = false;  ///< promise: no scale is 0 and no quotient rounds to what is no code;
                            ///< of kReal and kSymmetric
    std::size_t ahead = 0;  ///< bytes from a value to one that is wanted in the cache when this
                            ///< call is done; need not exist
};

/// Running statistics of blocks. Start with all zeros.
struct BlockSums {
    LaneSums lanes;
    std::uint64_t clipped;  ///< elements whose quotient rounds to no code
};

/// How states follow from ranges (docs/quantization.md).
struct StateLoop {
    float largest_code;
    bool symmetric;
    bool integer_zero;       ///< the zero point is a code
    StateRounding rounding;  ///< of the scale, upward, and of a real zero point, downward
};

/// Ranges and states of consecutive blocks, one element a block. An empty range is (+inf, -inf).
struct StateArrays {
    const float* min;
    const float* max;
    float* scale;
    float* zero_point;
};

/// What a loop over ranges met.
struct StateFlags {
    bool has_empty;     ///< a range, whose state is meaningless
    bool has_infinite;  ///< a scale
};

/// How bounds follow from ranges and states.
struct BoundLoop {
    BlockKind kind;
    float largest_code;
    float lost;  ///< of a scale by rounding to a code: a half, or 1 truncated
};

/// The largest magnitude in the ranges that are not empty, the largest of their scales, and the
/// smallest of all scales.
struct LargestNumbers {
    float magnitude = 0;
    float scale = 0;
    float least_scale = 0;
};

/// What narrowing from float32 to a 16-bit type did. Start with zeros.
struct Narrowing {
    float max_abs_difference;  ///< max |x - narrowed x| over finite x; infinite when one overflowed
    bool overflowed;           ///< a finite x became infinite
};

/// The state of one XXH3-128 hash.
struct HashState {
    alignas(64) unsigned char bytes[2048];
};

/// One implementation of every loop. `values` point at little-endian elements of the named dtype,
/// at any alignment.
struct Kernels {
    const char* name;

    void (*range_f32)(const void* values, std::size_t count, Range& range);

    /// The same, and the next `count` * 4 bytes of a hash (see below), of which a multiple of 4 has
    /// been seen.
    void (*range_and_hash_f32)(const void* values, std::size_t count, Range& range,
                               HashState& state);

    /// Extends min[i] and max[i] by column i of `rows` rows of `count` float32 values, one behind
    /// the other; false when one of the values is not finite (the ranges are meaningless then).
    bool (*column_ranges)(const void* values, std::size_t rows, std::size_t count, float* min,
                          float* max);

    /// The same for the runs of one row: min[i] and max[i] by elements [i * run, (i + 1) * run),
    /// the last run may be short.
    bool (*row_ranges)(const void* values, std::size_t count, std::size_t run, float* min,
                       float* max);

    /// codes = round((x - zero_point) / scale), or round(x / scale) + zero_point, limited to the
    /// codes that there are; one byte each. `rows` rows of `count` float32 values, one behind the
    /// other, fewer than 2^28 in all; each row begins a new folding block.
    void (*quantize_block)(const void* values, std::size_t rows, std::size_t count,
                           const BlockLoop& block, std::uint8_t* codes, BlockSums& sums);

    /// out = what the codes of one row stand for, each operation rounded to float32; at any
    /// address.
    void (*restore_block)(const std::uint8_t* codes, std::size_t count, const BlockLoop& block,
                          float* out);

    /// The error statistics of one row of a float64 source, whose error is counted in float64:
    /// `sums` as above, from codes already made.
    void (*block_error_f64)(const void* values, const std::uint8_t* codes, std::size_t count,
                            const BlockLoop& block, LaneSums& sums);

    /// Scales and zero points of `count` blocks from their ranges.
    StateFlags (*block_states)(const StateLoop& loop, const StateArrays& blocks, std::size_t count);

    /// The largest error that each block can have, or a little more; returns the largest of them.
    /// Of empty ranges meaningless.
    float (*block_bounds)(const BoundLoop& loop, const StateArrays& blocks, std::size_t count,
                          float* bounds);

    void (*largest_numbers)(const float* min, const float* max, const float* scale,
                            std::size_t count, LargestNumbers& largest);

    /// The lowest 4 bits of each of 2 * `bytes` codes, two in a byte, the first in its lower half.
    /// `packed` may be `codes`, or lie before it.
    void (*pack_halves)(const std::uint8_t* codes, std::size_t bytes, std::uint8_t* packed);

    void (*widen_f16)(const void* values, std::size_t count, float* out);
    void (*widen_bf16)(const void* values, std::size_t count, float* out);
    void (*narrow_f64)(const void* values, std::size_t count,
                       float* out);  ///< to nearest, ties to even

    void (*narrow_to_f16)(const float* values, std::size_t count, void* out, Narrowing& narrowing);
    void (*narrow_to_bf16)(const float* values, std::size_t count, void* out, Narrowing& narrowing);
    void (*widen_to_f64)(const float* values, std::size_t count, void* out);

    /// XXH3-128 with seed 0 of bytes that come in any number of parts; the digest is in its
    /// canonical (big-endian) form.
    void (*hash_begin)(HashState& state);
    void (*hash_add)(HashState& state, const void* data, std::size_t size);
    void (*hash_end)(HashState& state, unsigned char (&digest)[16]);

    /// Scale and zero point of one group of 16 columns by a search for the least sum of (weighted)
    /// squared errors; never worse than the range of the values. `plain` is the state without a
    /// search, which `state` is compared with, or null.
    void (*range_search)(const ColumnBlock& block, const RangeLimits& limits,
                         const ColumnState* plain, ColumnState& state);

    /// Small numbers and super floats of one superblock of 16 columns.
    void (*two_level_search)(const ColumnBlock& block, const TwoLevelLimits& limits,
                             TwoLevelState& state);

    /// The sum of ((x - zero_point) / scale - q)^2 over `count` finite values, q the nearest code:
    /// in float32 per lane, the lanes then in double. Times scale^2 it is the sum of squared
    /// errors, within some parts in 100,000. Infinite where a square overflows.
    double (*noise_of_points)(const float* values, std::size_t count, const PointFit& fit);
};

/// The instruction sets that octet knows, slowest first.
enum class Isa { kScalar, kSse2, kAvx2, kAvx512, kNeon64 };
inline constexpr int kIsaCount = 5;

/// "scalar", "sse2", "avx2", "avx512", "neon64".
const char* isa_name(Isa isa) noexcept;

/// The loops for that instruction set, or null when not built in or not supported by this processor
/// and system.
const Kernels* kernels_for(Isa isa) noexcept;

}  // namespace octet::kernels
