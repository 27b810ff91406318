// The last word on a state before any code is made: what the values of its block come back as must
// be finite, as float32 and as the source's dtype. It is only where values lie at the very end of
// such a dtype (65,504 in F16, 3.4e38 elsewhere) that rounding may carry them over it. Then
//
//   the scale goes down, number by number of its dtype, until the least and the largest value come
//     back finite
//
// (of two levels the super scale, after the super zero point where a zero point is itself beyond)
// and with them all others, as codes and what they stand for never reverse an order. Where half the
// scale does not help either (a zero point beyond the end, rounded or searched), a searched range
// or a percentile gives way to the plain range. Where that does not help, or where codes are
// truncated (whose states are the lesson's and never change), there is no such state. One rule for
// every road: tensors, channels, groups, two levels, searched or not, quantized, measured or
// checked.
#pragma once

#include <cstdint>

#include "octet/dtype.hpp"
#include "octet/scheme.hpp"
#include "quant/block_codec.hpp"

namespace octet::quant {

/// True unless rounding may carry numbers of up to `largest` over the end of float32 or of
/// `source`: there is nothing to settle.
bool is_far_from_infinite(float largest, Dtype source) noexcept;

/// True where values in `range` come back finite under `state`.
bool restores_finite(const Scheme& scheme, const BlockState& state, const kernels::Range& range,
                     Dtype source) noexcept;

/// Settles the state of one block (not of two levels); false where it cannot be.
bool settle_state(const Scheme& scheme, const kernels::Range& range, Dtype source,
                  BlockState& state) noexcept;

/// Settles the states of a tile that holds its superblocks whole and whose factors are `factors`,
/// which follow the states. Returns the number of the first block for which there is no state:
/// `count` without one.
std::uint64_t settle_states(const Scheme& scheme, const Blocks& blocks, Dtype source,
                            SumFactors& factors);

}  // namespace octet::quant
