// The search for the state of a whole tensor of few values, all of them at hand
// (docs/quantization.md, "Range search").
#pragma once

#include "quant/block_codec.hpp"
#include "quant/error_sums.hpp"

namespace octet::quant {

/// Bytes of memory, beside the tile's, that search_points() takes for each value.
inline constexpr std::uint64_t kPointBytes = 48;

/// The state of a tile that is one block of up to kMostPoints finite values whose range is `whole`:
/// one that is searched among its sorted values, or the plain one where that loses no more. Its
/// scale is infinite where the range overflows. The scheme's range is kMse.
BlockState search_points(const Scheme& scheme, const Tile& tile, const kernels::Range& whole);

/// True where there is anything to search: what is constant, next to nothing or beyond everything
/// keeps its plain state.
bool is_worth_a_search(const BlockState& plain, const kernels::Range& whole) noexcept;

/// The error sums of quantizing a tile, which is part of one block, under that state. `codes` has
/// room for a byte of each value.
ErrorSums sums_under(const Scheme& scheme, const Tile& tile, const kernels::Range& whole,
                     const BlockState& state, std::uint8_t* codes);

}  // namespace octet::quant
