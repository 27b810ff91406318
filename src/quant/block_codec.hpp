// The codec of tiles: rectangles of a matrix in float32, whole blocks or parts of larger ones.
// First the ranges of the blocks, from them their states, then the codes. Works on memory that the
// caller owns; the order of all sums follows from the tile's size alone.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/kernels.hpp"
#include "octet/scheme.hpp"
#include "quant/block_state.hpp"
#include "quant/error_sums.hpp"
#include "quant/storage_layout.hpp"

namespace octet::quant {

/// A rectangle of values, rows one behind the other. Begins where a block begins in both
/// directions, except inside of channels and whole tensors, which have one block in that direction.
struct Tile {
    std::uint64_t rows = 0;
    std::uint64_t columns = 0;
    const void* values = nullptr;  ///< float32, aligned where states are searched or percentiles
    const void* exact = nullptr;   ///< of F64 sources: float64, what the error is counted from
    std::uint64_t ahead =
        0;  ///< bytes from values to those that are wanted next, in the cache by then; 0: none
};

/// The blocks of a tile, numbered row by row. Arrays that the caller owns, one element a block.
struct Blocks {
    std::uint64_t rows_each = 1;
    std::uint64_t columns_each = 1;
    std::uint64_t across = 1;  ///< blocks side by side
    std::uint64_t count = 0;
    float* min = nullptr;
    float* max = nullptr;
    float* scale = nullptr;
    float* zero_point = nullptr;
    float* small_scale = nullptr;  ///< of two-level schemes; else not looked at
    float* small_zero_point = nullptr;
    float* super_scale = nullptr;  ///< one for each superblock, numbered row by row
    float* super_zero_point = nullptr;
};

/// Blocks of a tile of that size, arrays not set.
Blocks blocks_of(const BlockGrid& grid, std::uint64_t rows, std::uint64_t columns) noexcept;

/// Sets every range to that of no values.
void clear_ranges(const Blocks& blocks);

/// Extends the ranges by the values of the tile; false when one is not finite.
bool add_ranges(const Tile& tile, const Blocks& blocks);

/// Makes the states from the ranges, and where the scheme asks for more than those, from the tile's
/// values (then the tile holds its blocks whole); `weights` are then those of the squared errors of
/// its inputs, or null. False when a block's range or state overflows: its number is left in
/// `overflowed`.
bool make_states(const Scheme& scheme, const Tile& tile, const float* weights, const Blocks& blocks,
                 std::uint64_t& overflowed);

/// Factors that keep the sums of squares in range: powers of two that follow from ranges and
/// states.
struct SumFactors {
    float signal = 1;
    float noise = 1;
    bool has_normal_scales = false;  ///< no scale is 0 or subnormal, and none is below its range /
                                     ///< largest code by more than its rounding
    float magnitude = 0;             ///< the largest in the ranges
    float scale = 0;                 ///< the largest of them
};

SumFactors sum_factors(const Blocks& blocks);

/// The codes of the tile, one byte each, and its error sums.
ErrorSums quantize_tile(const Scheme& scheme, const Tile& tile, const Blocks& blocks,
                        SumFactors factors, std::uint8_t* codes);

/// The largest bound of the blocks.
double largest_bound(const Scheme& scheme, const Blocks& blocks, Dtype source);

}  // namespace octet::quant
