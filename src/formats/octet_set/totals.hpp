// Sums over the tensors of a checkpoint or set. Computed from the rounded statistics, so that
// quantize and a later inspect of the same set say the same.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "formats/octet_set/sidecar.hpp"
#include "octet/report.hpp"
#include "quant/wide_sum.hpp"

namespace octet::octet_set {

/// The sum as a report states it.
quant::WideSum six_digits_of(const quant::WideSum& sum);

/// The sum of squares of a quantized tensor's values, from its rounded figures. Without any error
/// only that of a constant can be told.
quant::WideSum signal_of(double sqnr_db, double rmse, const TensorReport& tensor);

/// Everything but source_bytes, output_bytes and the footprints. `sum_of_squares` is that of the
/// quantized source values. Kinds are filled in: where buffers are quantized, sqnr_db takes the
/// other tensors' own signal_of().
Totals totals_of(const std::vector<TensorReport>& tensors, double sum_of_squares);

/// The same of `count` tensors that lie somewhere else.
Totals totals_of(std::size_t count, const std::function<const TensorReport&(std::size_t)>& tensor,
                 double sum_of_squares);

/// Of a set, footprints and bytes included. Fills in the kinds of its tensors.
Totals totals_of(Sidecar& sidecar);

/// Bytes of all files together.
std::uint64_t total_bytes(const std::vector<FileReport>& files);

}  // namespace octet::octet_set
