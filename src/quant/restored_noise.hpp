// The error of a state, exactly: the values of a block are quantized, stored and restored under it
// by the very loops that quantize and dequantize use, and the squares are added in float64. The
// last word between what a search found and the state without a search, so that no search is ever
// worse (docs/quantization.md, "Range search").
#pragma once

#include <cstdint>

#include "kernels/kernels.hpp"
#include "octet/scheme.hpp"
#include "quant/block_state.hpp"

namespace octet::quant {

/// The sum of (weighted) squared errors of inputs `first` to `first + count` of one column of
/// `block` under `state`. Infinite or not a number where the state is.
double restored_noise(const kernels::ColumnBlock& block, std::size_t column, std::size_t first,
                      std::size_t count, const Scheme& scheme, const BlockState& state,
                      const kernels::Kernels& loops);

}  // namespace octet::quant
