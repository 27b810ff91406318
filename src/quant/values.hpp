// A run of elements of any float dtype: its range, conversion to another dtype, what is not finite.
// Works on memory only; F16, BF16 and F64 pass through a block of float32 that stays in the
// first-level cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "kernels/kernels.hpp"
#include "octet/dtype.hpp"

namespace octet::quant {

/// Extends `range` by the values of `source` (whole elements of a quantizable dtype).
void add_range(Dtype dtype, std::span<const std::byte> source, kernels::Range& range);

/// Converts elements between quantizable dtypes by way of float32.
void convert_values(Dtype from, std::span<const std::byte> source, Dtype to,
                    std::span<std::byte> target, kernels::Narrowing& narrowing);

/// A value that is not finite as float32: which element, and "nan", "inf" or "-inf" ("1e+300" for
/// an F64 out of range).
struct NonFinite {
    std::uint64_t element;
    double value;
};

/// The first such element, if any.
std::optional<NonFinite> first_non_finite(Dtype dtype, std::span<const std::byte> source);

}  // namespace octet::quant
