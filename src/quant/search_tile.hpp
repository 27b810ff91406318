// The states of a tile's groups where the scheme asks for more than their ranges: the search of one-level schemes, and two-level schemes with
// or without one. Takes 16 outputs at a time to the loops of kernels/columns.hpp; what a tile ends with is filled up by repeating
// the last output.
#pragma once

#include <cstdint>

#include "quant/block_codec.hpp"

namespace octet::quant {

/// True for schemes whose states search_states() makes.
bool needs_search(const Scheme& scheme) noexcept;

/// Fills scale and zero_point of `blocks`, as they restore codes, and with two levels the small numbers and super floats too. The tile holds
/// its groups whole, and its superblocks; `weights` are those of the squared errors of its inputs, first input first, or null.
void search_states(const Scheme& scheme, const Tile& tile, const float* weights, const Blocks& blocks);

}  // namespace octet::quant
