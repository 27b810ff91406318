// One loop over the tensors. SQNR comes from the sum of squares of the source and the rounded
// RMSEs, or, where that sum is below what a double holds, from each tensor's own SQNR.
#include "formats/octet_set/totals.hpp"

#include <algorithm>
#include <cmath>

#include "base/json_text.hpp"
#include "checkpoint/kind.hpp"
#include "quant/error_sums.hpp"
#include "quant/ggml/types.hpp"
#include "quant/storage_layout.hpp"

namespace octet::octet_set {
namespace {

/// Of smaller sums of squares a double has fewer than six digits, or none.
constexpr double kLeastSum = 1e-290;

/// More than any tensor can have; a sidecar may say what it likes.
constexpr double kMostDecibels = 1e5;

/// By a scheme of octet's, or as a type of ggml whose blocks share a scale.
bool is_quantized(const TensorReport& tensor) {
    const ggml::TypeTraits* const traits = ggml::find_type(tensor.type);
    return tensor.scheme || (traits != nullptr && traits->block_elements > 1);
}

}  // namespace

quant::WideSum six_digits_of(const quant::WideSum& sum) {
    return quant::WideSum::scaled(six_digits(sum.value), sum.exponent);
}

quant::WideSum signal_of(double sqnr_db, double rmse, const TensorReport& tensor) {
    const auto elements = static_cast<double>(element_count(tensor.shape).value_or(0));
    if (rmse > 0 && std::fabs(sqnr_db) >= kMostDecibels) return {};
    if (rmse > 0) return quant::times_decibels(quant::times_square(rmse, elements), sqnr_db);
    const bool constant = tensor.scale && *tensor.scale == 0.0F && tensor.zero_point;
    return constant ? quant::times_square(static_cast<double>(*tensor.zero_point), elements)
                    : quant::WideSum{};
}

Totals totals_of(const std::vector<TensorReport>& tensors, double sum_of_squares) {
    const auto tensor = [&](std::size_t i) -> const TensorReport& { return tensors[i]; };
    return totals_of(tensors.size(), tensor, sum_of_squares);
}

Totals totals_of(std::size_t count, const std::function<const TensorReport&(std::size_t)>& tensor,
                 double sum_of_squares) {
    Totals totals;
    std::uint64_t quantized_elements = 0;
    std::uint64_t quantized_bytes = 0;
    quant::WideSum noise;
    quant::WideSum noise_but_buffers;
    quant::WideSum signal;
    quant::WideSum signal_but_buffers;
    std::uint64_t buffers = 0;
    const bool is_tiny = sum_of_squares < kLeastSum;
    double largest = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const TensorReport& t = tensor(i);
        const std::uint64_t elements = element_count(t.shape).value_or(0);
        ++totals.tensors;
        totals.parameters += elements;
        if (!is_quantized(t)) continue;
        ++totals.quantized;
        if (!t.same_as.empty()) continue;  // stored, and counted, with the other
        if (t.scheme) totals.state_bytes += quant::state_bytes(*t.scheme, t.shape);
        quantized_elements += elements;
        quantized_bytes += t.output_bytes;
        if (!t.statistics) continue;
        const quant::WideSum own =
            quant::times_square(t.statistics->rmse, static_cast<double>(elements));
        const quant::WideSum own_signal = signal_of(t.statistics->sqnr_db, t.statistics->rmse, t);
        noise += own;
        if (is_tiny) signal += own_signal;
        if (t.kind == Kind::kBuffer) {
            ++buffers;
        } else {
            noise_but_buffers += own;
            signal_but_buffers += own_signal;
        }
        largest = std::max(largest, t.statistics->max_abs_error);
    }
    totals.kept = totals.tensors - totals.quantized;
    if (totals.quantized == 0) return totals;
    if (quantized_elements > 0)
        totals.bits_per_weight = six_digits(8.0 * static_cast<double>(quantized_bytes) /
                                            static_cast<double>(quantized_elements));
    // Squares of float64 numbers below 1e-150 add up to what no double holds; each tensor's own
    // SQNR says it, too.
    if (!is_tiny) signal = sum_of_squares;
    const double with_buffers = six_digits(quant::sqnr_db(signal, noise));
    if (buffers > 0) totals.sqnr_db_with_buffers = with_buffers;
    if (buffers == 0) totals.sqnr_db = with_buffers;
    if (buffers > 0 && buffers < totals.quantized)
        totals.sqnr_db =
            six_digits(quant::sqnr_db(six_digits_of(signal_but_buffers), noise_but_buffers));
    totals.max_abs_error = largest;
    return totals;
}

Totals totals_of(Sidecar& sidecar) {
    const checkpoint::Family family = checkpoint::assign_kinds(sidecar.tensors);
    Totals totals = totals_of(sidecar.tensors, sidecar.source_sum_of_squares);
    totals.source_bytes = total_bytes(sidecar.source_files);
    totals.output_bytes = total_bytes(sidecar.files);
    totals.source_framework_bytes = sidecar.source_framework_bytes;
    totals.framework_bytes = checkpoint::framework_bytes(
        family, sidecar.tensors, checkpoint::counted_as(sidecar.options.preset));
    return totals;
}

std::uint64_t total_bytes(const std::vector<FileReport>& files) {
    std::uint64_t sum = 0;
    for (const FileReport& file : files) sum += file.byte_count;
    return sum;
}

}  // namespace octet::octet_set
