// The figures of a comparison: of a pair from its sums (SQNR, RMSE, largest error and its place,
// cosine, sign flips, values that became 0, and where there is a scale the histogram of errors in
// scales), and of all pairs together.
//
// Totals are formed as quantize forms them, so that a source compared with its set gives quantize's
// own figures: tied tensors count once, what a set keeps as it is has no part, buffers have totals
// of their own, and figures are rounded to six digits before they are added up.
#pragma once

#include <optional>
#include <vector>

#include "codecs/compare.hpp"
#include "octet/compare.hpp"

namespace octet::codecs {

/// What a report says of a pair.
TensorComparison comparison_of(const formats::FloatSource& a, const formats::FloatSource& b,
                               const TensorPair& pair, const quant::DifferenceSums& sums);

/// Of all pairs; `signals` (sums of squares of A's values) and `tensors` are parallel to them.
Totals totals_of(const formats::FloatSource& a, const formats::FloatSource& b,
                 const std::vector<TensorPair>& pairs, const std::vector<quant::WideSum>& signals,
                 const std::vector<TensorComparison>& tensors);

/// The SQNR of all floats but buffers, whatever B keeps, ties or leaves as it is: the same values
/// have the same figure in every format. Empty where no such tensor is compared.
std::optional<double> overall_sqnr_db(const std::vector<quant::WideSum>& signals,
                                      const std::vector<TensorComparison>& tensors);

}  // namespace octet::codecs
