// The affine codec of one tensor, as the lesson defines it (docs/quantization.md): from a range to scale and zero
// point, from those to the parameters of the loops, and to the bound that no error can exceed. Pure functions.
#pragma once

#include "kernels/kernels.hpp"
#include "octet/dtype.hpp"
#include "octet/scheme.hpp"

namespace octet::quant {

/// What brings codes back: real = code * scale + zero_point, two float32 roundings.
struct AffineState {
    float scale = 0;
    float zero_point = 0;  ///< the value of code 0; never -0
};

/// The range of no values at all, to start from.
kernels::Range empty_range() noexcept;

/// True when max - min overflows float32: such a tensor has no scale. Empty ranges do not.
bool overflows(const kernels::Range& range) noexcept;

/// scale = (max - min) / 255 and zero_point = min, each operation rounded to float32. An empty range gives 0 and 0.
AffineState affine_state(const kernels::Range& range) noexcept;

/// What numbers of up to that magnitude are multiplied with before they are squared in float32: 1, which the loops need not do, or where
/// squares could overflow or vanish a power of two that brings `magnitude` into [1, 2), as far as float32's normal exponents reach.
float factor_for_squares(float magnitude) noexcept;

/// Parameters of the loops for a tensor of that state and range.
kernels::Affine loop_parameters(const AffineState& state, const kernels::Range& range) noexcept;

/// The largest possible |x - x'|: scale/2 (nearest) or scale (truncate) plus, for the float32 roundings, one ulp of
/// max(|min|, |max|) and two of max - min; with a subnormal scale also what clipping adds; with scale 0 max - min. F64
/// sources add half an ulp of max(|min|, |max|) for being narrowed first.
double error_bound(const AffineState& state, const kernels::Range& range, Rounding rounding, Dtype source) noexcept;

/// True if some code may have been limited to 255: only with a subnormal scale.
bool may_clip(const AffineState& state, const kernels::Range& range, Rounding rounding) noexcept;

}  // namespace octet::quant
