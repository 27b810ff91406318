// The states of a tile's groups where the scheme asks for more than their ranges: the search of
// one-level schemes, and two-level schemes with or without one. Takes 16 outputs at a time to the
// loops of kernels/columns.hpp; what a tile ends with is filled up by repeating the last output.
#pragma once

#include <cstdint>
#include <string_view>

#include "quant/block_codec.hpp"

namespace octet::quant {

/// True for schemes whose states search_states() makes.
bool needs_search(const Scheme& scheme) noexcept;

/// True for channels whose range is searched, or a percentile.
bool searches_channels(const Scheme& scheme) noexcept;

/// Inputs that a channel may have to be searched, or have its percentile taken, in a tile: of a
/// row, and of a column.
inline constexpr std::uint64_t kMostRowInputs = 16U << 10U;
inline constexpr std::uint64_t kMostColumnInputs = 64U << 10U;

/// True where a range is searched, or a percentile, for blocks that no tile holds whole, tensors
/// and channels of long rows: these lie in one stretch, and their values are counted
/// (quant/distribution.hpp, quant/order_statistics.hpp).
bool searches_stretches(const Scheme& scheme, const Matrix& matrix) noexcept;

/// True where the states of these blocks are found before everything else, in passes over the
/// source (run/wide_states.hpp): tensors of up to kMostPoints elements need none, they lie whole in
/// a tile (quant/point_search.hpp).
bool searches_ahead(const Scheme& scheme, const Matrix& matrix) noexcept;

/// kUsage where channels down columns are longer than a tile holds: those cannot be searched.
/// `name` is the tensor's.
void check_columns(const Scheme& scheme, const Matrix& matrix, std::string_view name);

/// Fills scale and zero_point of `blocks`, as they restore codes, and with two levels the small
/// numbers and super floats too. The tile holds its groups or channels whole, and its superblocks;
/// `weights` are those of the squared errors of its inputs, first input first, or null.
void search_states(const Scheme& scheme, const Tile& tile, const float* weights,
                   const Blocks& blocks);

}  // namespace octet::quant
