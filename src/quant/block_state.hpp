// The state of one block (a channel, a group, or a whole tensor): from its range to scale and zero
// point as they are stored, and to the bound that no error can exceed (docs/quantization.md). Pure
// functions.
#pragma once

#include "kernels/kernels.hpp"
#include "octet/dtype.hpp"
#include "octet/scheme.hpp"

namespace octet::quant {

/// The range of no values at all, to start from.
kernels::Range empty_range() noexcept;

/// What brings the codes of a block back; both are exact in the scheme's scale dtype.
struct BlockState {
    float scale = 0;  ///< 0 only where every code is that of 0
    float zero_point =
        0;  ///< of a real one the value of code 0; of an integer one a code; 0 of symmetric schemes
};

/// The smallest number of that dtype (F32, F16 or BF16) not below `value`: infinite where there is
/// none.
float rounded_up(float value, ScaleDtype dtype) noexcept;

/// The largest number of that dtype not above `value`.
float rounded_down(float value, ScaleDtype dtype) noexcept;

/// The state that covers `range`: every value within half a scale (a scale, truncated) of what its
/// code stands for. An empty range gives zeros. Where the range, or the state in its dtype,
/// overflows, the scale is infinite.
BlockState block_state(const Scheme& scheme, const kernels::Range& range) noexcept;

/// The largest possible |x - x'| of values in `range` under any state.
double block_bound(const Scheme& scheme, const BlockState& state, const kernels::Range& range,
                   Dtype source) noexcept;

/// The states of `count` blocks from their ranges, as block_state() makes them. Returns how many
/// there are before the first that overflows: `count` without one.
std::uint64_t block_states(const Scheme& scheme, const kernels::StateArrays& blocks,
                           std::uint64_t count) noexcept;

/// The largest of block_bound() over blocks.
double largest_block_bound(const Scheme& scheme, const kernels::StateArrays& blocks,
                           std::uint64_t count, Dtype source) noexcept;

/// How the loops see the scheme.
kernels::BlockKind block_kind(const Scheme& scheme) noexcept;

/// The largest code, as a float.
float largest_code(const Scheme& scheme) noexcept;

}  // namespace octet::quant
