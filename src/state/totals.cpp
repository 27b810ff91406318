#include "state/totals.hpp"

#include <algorithm>
#include <cmath>

#include "base/json_text.hpp"
#include "quant/error_sums.hpp"
#include "quant/stored_form.hpp"

namespace octet::state {

double signal_of(double sqnr_db, double rmse, const TensorReport& tensor) {
    const auto elements = static_cast<double>(element_count(tensor.shape).value_or(0));
    if (rmse > 0) return rmse * rmse * elements * std::pow(10.0, sqnr_db / 10);
    const bool constant = tensor.scale && *tensor.scale == 0.0F && tensor.zero_point;
    const double value = constant ? static_cast<double>(*tensor.zero_point) : 0.0;
    return value * value * elements;
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
    std::uint64_t buffers = 0;
    double noise = 0;
    double noise_of_buffers = 0;
    double signal_but_buffers = 0;
    double largest = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const TensorReport& t = tensor(i);
        const std::uint64_t elements = element_count(t.shape).value_or(0);
        ++totals.tensors;
        totals.parameters += elements;
        if (!t.scheme) continue;
        ++totals.quantized;
        if (!t.same_as.empty()) continue;  // stored, and counted, with the other
        totals.state_bytes += quant::state_bytes(*t.scheme, t.shape);
        quantized_elements += elements;
        quantized_bytes += t.output_bytes;
        if (!t.statistics) continue;
        const double its_noise = t.statistics->rmse * t.statistics->rmse * static_cast<double>(elements);
        if (t.kind == Kind::kBuffer) {
            ++buffers;
            noise_of_buffers += its_noise;
        } else {
            noise += its_noise;
            signal_but_buffers += signal_of(t.statistics->sqnr_db, t.statistics->rmse, t);
        }
        largest = std::max(largest, t.statistics->max_abs_error);
    }
    totals.kept = totals.tensors - totals.quantized;
    if (totals.quantized == 0) return totals;
    if (quantized_elements > 0)
        totals.bits_per_weight =
            six_digits(8.0 * static_cast<double>(quantized_bytes) / static_cast<double>(quantized_elements));
    const double with_buffers = six_digits(quant::sqnr_db(sum_of_squares, noise + noise_of_buffers));
    if (buffers > 0) totals.sqnr_db_with_buffers = with_buffers;
    if (buffers == 0) totals.sqnr_db = with_buffers;
    if (buffers > 0 && buffers < totals.quantized)
        totals.sqnr_db = six_digits(quant::sqnr_db(six_digits(signal_but_buffers), noise));
    totals.max_abs_error = largest;
    return totals;
}

std::uint64_t total_bytes(const std::vector<FileReport>& files) {
    std::uint64_t sum = 0;
    for (const FileReport& file : files) sum += file.byte_count;
    return sum;
}

}  // namespace octet::state
