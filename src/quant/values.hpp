// The codec of a run of elements of any float dtype: range, codes with statistics, restoring, conversion. Works on memory only;
// F16, BF16 and F64 pass through a block of float32 that stays in the first-level cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "kernels/kernels.hpp"
#include "octet/dtype.hpp"
#include "octet/scheme.hpp"
#include "quant/affine.hpp"

namespace octet::quant {

/// Extends `range` by the values of `source` (whole elements of a quantizable dtype).
void add_range(Dtype dtype, std::span<const std::byte> source, kernels::Range& range);

/// Writes one code an element. `sums` belong to the tile; a call that is not the tile's last covers a multiple of kFoldElements.
void quantize_values(Dtype dtype, std::span<const std::byte> source, const kernels::Affine& affine, Rounding rounding,
                     std::span<std::byte> codes, kernels::LaneSums& sums);

/// Elements whose quotient rounds above 255. Only worth asking when may_clip().
std::uint64_t count_clipped(Dtype dtype, std::span<const std::byte> source, const AffineState& state,
                            Rounding rounding);

/// Restores codes into `target` as elements of `dtype`.
void restore_values(std::span<const std::byte> codes, const AffineState& state, Dtype dtype,
                    std::span<std::byte> target, kernels::Narrowing& narrowing);

/// Converts elements between quantizable dtypes by way of float32.
void convert_values(Dtype from, std::span<const std::byte> source, Dtype to, std::span<std::byte> target,
                    kernels::Narrowing& narrowing);

/// A value that is not finite as float32: which element, and "nan", "inf" or "-inf" ("1e+300" for an F64 out of range).
struct NonFinite {
    std::uint64_t element;
    double value;
};

/// The first such element, if any.
std::optional<NonFinite> first_non_finite(Dtype dtype, std::span<const std::byte> source);

}  // namespace octet::quant
