// From sums to what a report says; see the header.
#include "codecs/compare_figures.hpp"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "base/json_text.hpp"
#include "base/text.hpp"
#include "formats/octet_set/totals.hpp"
#include "quant/error_sums.hpp"

namespace octet::codecs {

using formats::FloatSource;

namespace {

Histogram histogram_of(const quant::DifferenceSums& sums) {
    return {{quant::kHistogramEdges.begin(), quant::kHistogramEdges.end()},
            {sums.histogram.begin(), sums.histogram.end()}};
}

Differences differences_of(const TensorPair& pair, const quant::DifferenceSums& sums,
                           const Shape& shape) {
    const std::uint64_t elements = element_count(shape).value_or(0);
    Differences d;
    d.sqnr_db = six_digits(quant::sqnr_db(sums.signal, sums.noise));
    const double rmse =
        elements == 0 ? 0.0 : quant::root_of_mean(sums.noise, static_cast<double>(elements));
    d.rmse = six_digits(rmse);
    d.max_abs_error = six_digits(sums.max_abs_error);
    if (sums.max_abs_error > 0) d.max_at = index_of(sums.max_element, shape);
    d.cosine = six_digits(quant::cosine(sums));
    d.sign_flips = sums.sign_flips;
    d.to_zero = sums.to_zero;
    if (pair.scale > 0) {
        d.srmse = six_digits(rmse / pair.scale);
        d.histogram = histogram_of(sums);
    }
    return d;
}

/// Which pairs a set holds tied to another pair with the very same figures: quantize counts those
/// once.
std::vector<bool> find_counted_with_another(const FloatSource& a, const FloatSource& b,
                                            const std::vector<TensorPair>& pairs,
                                            const std::vector<quant::WideSum>& signals,
                                            const std::vector<TensorComparison>& tensors) {
    std::vector<bool> found(pairs.size(), false);
    std::unordered_map<std::string_view, std::size_t> by_name;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        const std::string_view owner_in_b = b.tensors()[pairs[i].b].same_as;
        const std::string_view owner =
            owner_in_b.empty() ? a.tensors()[pairs[i].a].same_as.view() : owner_in_b;
        if (owner.empty() || !tensors[i].differences) continue;
        // Made for the first tied one: most checkpoints have none, and memory counts with 100,000
        // tensors.
        for (std::size_t k = by_name.size(); k < tensors.size(); ++k)
            by_name.emplace(tensors[k].name, k);
        const auto other = by_name.find(owner);
        if (other == by_name.end() || !tensors[other->second].differences) continue;
        const Differences& mine = *tensors[i].differences;
        const Differences& its = *tensors[other->second].differences;
        found[i] = mine.rmse == its.rmse && mine.max_abs_error == its.max_abs_error &&
                   signals[i] == signals[other->second];
    }
    return found;
}

/// Sums of squares of all values, and of those that are no buffers'.
struct PairSums {
    quant::WideSum signal;
    quant::WideSum noise;
    quant::WideSum signal_but_buffers;
    quant::WideSum noise_but_buffers;
    std::uint64_t buffers = 0;
    std::uint64_t others = 0;
    std::optional<double> largest;
};

PairSums sums_of(const FloatSource& a, const FloatSource& b, const std::vector<TensorPair>& pairs,
                 const std::vector<quant::WideSum>& signals,
                 const std::vector<TensorComparison>& tensors) {
    PairSums sums;
    const std::vector<bool> counted_with_another =
        find_counted_with_another(a, b, pairs, signals, tensors);
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        if (!tensors[i].differences || counted_with_another[i]) continue;
        const Differences& d = *tensors[i].differences;
        const bool is_quantized = a.is_quantized(pairs[i].a) || b.is_quantized(pairs[i].b);
        const bool kept = (a.what() != FloatSource::What::kCheckpoint ||
                           b.what() != FloatSource::What::kCheckpoint) &&
                          !is_quantized;
        sums.largest = std::max(sums.largest.value_or(0.0), d.max_abs_error);
        if (kept && d.max_abs_error == 0) continue;
        const auto elements = static_cast<double>(element_count(tensors[i].shape).value_or(0));
        const quant::WideSum noise = quant::times_square(d.rmse, elements);
        sums.signal += signals[i];
        sums.noise += noise;
        ++(tensors[i].kind == Kind::kBuffer ? sums.buffers : sums.others);
        if (tensors[i].kind == Kind::kBuffer) continue;
        const TensorReport& stored = b.is_set() ? b.tensors()[pairs[i].b] : a.tensors()[pairs[i].a];
        // Of a set as inspect tells it, which knows no more than the rounded figures.
        sums.signal_but_buffers +=
            stored.scheme ? octet_set::signal_of(d.sqnr_db, d.rmse, stored) : signals[i];
        sums.noise_but_buffers += noise;
    }
    return sums;
}

}  // namespace

TensorComparison comparison_of(const FloatSource& a, const FloatSource& b, const TensorPair& pair,
                               const quant::DifferenceSums& sums) {
    const TensorReport& in_a = a.tensors()[pair.a];
    const TensorReport& in_b = b.tensors()[pair.b];
    const TensorReport& quantized =
        in_b.scheme || b.is_gguf() || b.is_quantized(pair.b) ? in_b : in_a;
    TensorComparison comparison;
    const bool is_tied_head = in_b.kind == Kind::kHead && in_a.kind == Kind::kEmbedding;
    comparison.name = is_tied_head ? in_b.name : in_a.name;
    comparison.dtype = in_a.dtype;
    comparison.shape = in_a.shape;
    comparison.kind = is_tied_head ? in_b.kind : in_a.kind;
    comparison.scheme = quantized.scheme;
    comparison.type = in_b.type.empty() ? in_a.type : in_b.type;
    comparison.scale = quantized.scale;
    comparison.zero_point = quantized.zero_point;
    comparison.source_bytes = in_a.output_bytes;
    comparison.output_bytes = in_b.output_bytes;
    if (!pair.as_bytes) comparison.differences = differences_of(pair, sums, in_a.shape);
    return comparison;
}

Totals totals_of(const FloatSource& a, const FloatSource& b, const std::vector<TensorPair>& pairs,
                 const std::vector<quant::WideSum>& signals,
                 const std::vector<TensorComparison>& tensors) {
    const PairSums sums = sums_of(a, b, pairs, signals, tensors);
    const auto decibels = [](const quant::WideSum& signal, const quant::WideSum& noise) {
        return six_digits(quant::sqnr_db(octet_set::six_digits_of(signal), noise));
    };
    const auto in_b = [&](std::size_t i) -> const TensorReport& { return b.tensors()[pairs[i].b]; };
    Totals totals = octet_set::totals_of(pairs.size(), in_b, 0.0);
    totals.sqnr_db.reset();
    totals.sqnr_db_with_buffers.reset();
    totals.max_abs_error = sums.largest;
    if (sums.largest && sums.buffers == 0) totals.sqnr_db = decibels(sums.signal, sums.noise);
    if (sums.buffers > 0) totals.sqnr_db_with_buffers = decibels(sums.signal, sums.noise);
    if (sums.buffers > 0 && sums.others > 0)
        totals.sqnr_db = decibels(sums.signal_but_buffers, sums.noise_but_buffers);
    totals.source_bytes = a.file_bytes();
    totals.output_bytes = b.file_bytes();
    totals.framework_bytes = b.framework_bytes();
    totals.source_framework_bytes = a.framework_bytes();
    return totals;
}

std::optional<double> overall_sqnr_db(const std::vector<quant::WideSum>& signals,
                                      const std::vector<TensorComparison>& tensors) {
    quant::WideSum signal;
    quant::WideSum noise;
    bool has_one = false;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        const TensorComparison& tensor = tensors[i];
        if (!tensor.differences || tensor.kind == Kind::kBuffer) continue;
        has_one = true;
        signal += signals[i];
        noise += quant::times_square(tensor.differences->rmse,
                                     static_cast<double>(element_count(tensor.shape).value_or(0)));
    }
    return has_one ? std::optional(six_digits(quant::sqnr_db(signal, noise))) : std::nullopt;
}

}  // namespace octet::codecs
