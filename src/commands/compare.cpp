// compare(): who is on both sides, what differs in structure, and in the data of every pair.
#include "octet/compare.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string_view>
#include <unordered_map>

#include <fmt/format.h>

#include "base/json_text.hpp"
#include "base/pattern.hpp"
#include "base/text.hpp"
#include "codecs/compare.hpp"
#include "codecs/open_source.hpp"
#include "codecs/run.hpp"
#include "commands/gates.hpp"
#include "commands/partners.hpp"
#include "formats/float_source.hpp"
#include "formats/octet_set/totals.hpp"
#include "octet/error.hpp"
#include "quant/error_sums.hpp"

namespace octet {
namespace {

using codecs::PairResult;
using codecs::TensorPair;
using formats::FloatSource;

/// A pair, and what is known to differ before its data are read.
struct Candidate {
    TensorPair pair;
    std::string what;
    bool has_data = true;  ///< of one shape, so that the data can be compared
};

/// "F32 in A, F16 in B"
std::string dtype_difference(const TensorReport& a, const TensorReport& b) {
    return fmt::format("dtype {} in A, {} in B", dtype_name(a.dtype), dtype_name(b.dtype));
}

Candidate candidate_of(const FloatSource& a, std::size_t place_a, const FloatSource& b, std::size_t place_b) {
    const TensorReport& in_a = a.tensors()[place_a];
    const TensorReport& in_b = b.tensors()[place_b];
    Candidate candidate;
    candidate.pair.a = place_a;
    candidate.pair.b = place_b;
    const bool is_of_format = a.is_gguf() || b.is_gguf();  // which decides dtypes, tensor by tensor
    if (in_a.dtype != in_b.dtype && !is_of_format) candidate.what = dtype_difference(in_a, in_b);
    if (in_a.shape != in_b.shape) {
        candidate.has_data = false;
        candidate.what += fmt::format("{}shape {} in A, {} in B", candidate.what.empty() ? "" : ", ",
                                      shape_text(in_a.shape), shape_text(in_b.shape));
        return candidate;
    }
    candidate.pair.as_bytes = !is_quantizable(in_a.dtype) || !is_quantizable(in_b.dtype);
    const TensorReport& quantized = in_b.scheme ? in_b : in_a;
    if (!candidate.pair.as_bytes && quantized.scale) candidate.pair.scale = static_cast<double>(*quantized.scale);
    return candidate;
}

/// Of a pair that is compared byte for byte: how many differ, and the first that does.
struct DifferentBytes {
    std::uint64_t count = 0;
    std::uint64_t first = 0;
};

/// Codes against what is no float, or sizes that differ: there is nothing to hold against each other.
bool has_comparable_data(const FloatSource& a, const FloatSource& b, const Candidate& candidate) {
    if (!candidate.has_data || !candidate.pair.as_bytes) return candidate.has_data;
    const bool codes = a.tensors()[candidate.pair.a].scheme || b.tensors()[candidate.pair.b].scheme;
    return !codes && a.byte_count(candidate.pair.a) == b.byte_count(candidate.pair.b);
}

/// Who is on both sides, in A's order.
struct Matches {
    std::vector<TensorPair> pairs;  ///< whose data can be compared
    std::vector<Candidate>
        remarkable;  ///< those among them that differ before their data are read, and all that are not
};

/// `missing`, `extra` and `dropped` of the report are filled in.
Matches match(const FloatSource& a, const FloatSource& b, const std::string& tensors, CompareReport& report) {
    const Pattern pattern(tensors.empty() ? "*" : tensors, "--tensors");
    const commands::Partners partners(a, b);
    Matches matches;
    matches.pairs.reserve(a.tensors().size());
    const auto add_pair = [&](std::size_t place_a, std::size_t place_b) {
        Candidate candidate = candidate_of(a, place_a, b, place_b);
        const bool has_data = has_comparable_data(a, b, candidate);
        if (has_data) matches.pairs.push_back(candidate.pair);
        if (!has_data || !candidate.what.empty()) matches.remarkable.push_back(std::move(candidate));
    };
    for (std::size_t i = 0; i < a.tensors().size(); ++i) {
        const std::string& name = a.tensors()[i].name;
        if (!pattern.matches(name)) continue;
        if (const auto in_b = partners.in_b_or_tied(i)) {
            add_pair(i, *in_b);
        } else {
            (b.has_no_place_for(name) ? report.dropped : report.missing).push_back(name);
        }
    }
    for (std::size_t i = 0; i < b.tensors().size(); ++i) {
        const std::string& name = b.tensors()[i].name;
        if (!pattern.matches(name) || partners.in_a(i)) continue;
        if (const auto tied = partners.tied_in_a(i)) {
            add_pair(*tied, i);
        } else {
            (a.has_no_place_for(name) ? report.dropped : report.extra).push_back(name);
        }
    }
    const bool matched = !matches.pairs.empty() || !matches.remarkable.empty() || !report.dropped.empty();
    if (!tensors.empty() && !matched && report.missing.empty() && report.extra.empty()) {
        throw Error(ErrorCode::kUsage, "--tensors",
                    in_quotes(tensors) + " matches no tensor; octet inspect PATH lists their names");
    }
    return matches;
}

Histogram histogram_of(const quant::DifferenceSums& sums) {
    return {{quant::kHistogramEdges.begin(), quant::kHistogramEdges.end()},
            {sums.histogram.begin(), sums.histogram.end()}};
}

Differences differences_of(const TensorPair& pair, const quant::DifferenceSums& sums, const Shape& shape) {
    const std::uint64_t elements = element_count(shape).value_or(0);
    Differences d;
    d.sqnr_db = six_digits(quant::sqnr_db(sums.signal, sums.noise));
    const double rmse = elements == 0 ? 0.0 : quant::root_of_mean(sums.noise, static_cast<double>(elements));
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

TensorComparison comparison_of(const FloatSource& a, const FloatSource& b, const TensorPair& pair,
                               const quant::DifferenceSums& sums) {
    const TensorReport& in_a = a.tensors()[pair.a];
    const TensorReport& in_b = b.tensors()[pair.b];
    const TensorReport& quantized = in_b.scheme || b.is_gguf() ? in_b : in_a;
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

/// What the data of the pair add to the structure's differences.
void add_change(const FloatSource& a, const FloatSource& b, const Candidate& candidate, const DifferentBytes& bytes,
                CompareReport& report) {
    TensorChange change{a.tensors()[candidate.pair.a].name, candidate.what, false};
    if (candidate.has_data && !has_comparable_data(a, b, candidate)) {
        change.what += ", which cannot be compared";
    } else if (candidate.has_data && bytes.count > 0) {
        change.what += fmt::format("{}{} of {} bytes differ, the first at {}", change.what.empty() ? "" : ", ",
                                   with_commas(bytes.count), with_commas(a.byte_count(candidate.pair.a)), bytes.first);
    } else {
        change.dtype_only = candidate.has_data;
    }
    if (!change.what.empty()) report.changed.push_back(std::move(change));
}

/// Which pairs a set holds tied to another pair with the very same figures: quantize counts those once.
std::vector<bool> find_counted_with_another(const FloatSource& a, const FloatSource& b,
                                            const std::vector<TensorPair>& pairs,
                                            const std::vector<quant::WideSum>& signals,
                                            const std::vector<TensorComparison>& tensors) {
    std::vector<bool> found(pairs.size(), false);
    std::unordered_map<std::string_view, std::size_t> by_name;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        const std::string& owner_in_b = b.tensors()[pairs[i].b].same_as;
        const std::string& owner = owner_in_b.empty() ? a.tensors()[pairs[i].a].same_as : owner_in_b;
        if (owner.empty() || !tensors[i].differences) continue;
        // Made for the first tied one: most checkpoints have none, and memory counts with 100,000 tensors.
        for (std::size_t k = by_name.size(); k < tensors.size(); ++k) by_name.emplace(tensors[k].name, k);
        const auto other = by_name.find(owner);
        if (other == by_name.end() || !tensors[other->second].differences) continue;
        const Differences& mine = *tensors[i].differences;
        const Differences& its = *tensors[other->second].differences;
        found[i] =
            mine.rmse == its.rmse && mine.max_abs_error == its.max_abs_error && signals[i] == signals[other->second];
    }
    return found;
}

/// Sums as quantize makes them: what a set keeps as it is and does not differ has no part in its SQNR.
Totals totals_of(const FloatSource& a, const FloatSource& b, const std::vector<TensorPair>& pairs,
                 const std::vector<quant::WideSum>& signals, const std::vector<TensorComparison>& tensors) {
    quant::WideSum signal;
    quant::WideSum noise;
    quant::WideSum signal_but_buffers;
    quant::WideSum noise_but_buffers;
    std::uint64_t buffers = 0;
    std::uint64_t others = 0;
    std::optional<double> largest;
    const std::vector<bool> counted_with_another = find_counted_with_another(a, b, pairs, signals, tensors);
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        if (!tensors[i].differences || counted_with_another[i]) continue;
        const Differences& d = *tensors[i].differences;
        const bool is_quantized = a.is_quantized(pairs[i].a) || b.is_quantized(pairs[i].b);
        const bool kept =
            (a.what() != FloatSource::What::kCheckpoint || b.what() != FloatSource::What::kCheckpoint) && !is_quantized;
        largest = std::max(largest.value_or(0.0), d.max_abs_error);
        if (kept && d.max_abs_error == 0) continue;
        const auto elements = static_cast<double>(element_count(tensors[i].shape).value_or(0));
        const quant::WideSum its_noise = quant::times_square(d.rmse, elements);
        signal += signals[i];
        noise += its_noise;
        ++(tensors[i].kind == Kind::kBuffer ? buffers : others);
        if (tensors[i].kind == Kind::kBuffer) continue;
        const TensorReport& stored = b.is_set() ? b.tensors()[pairs[i].b] : a.tensors()[pairs[i].a];
        // Of a set as inspect tells it, which knows no more than the rounded figures.
        signal_but_buffers += stored.scheme ? octet_set::signal_of(d.sqnr_db, d.rmse, stored) : signals[i];
        noise_but_buffers += its_noise;
    }
    const auto in_b = [&](std::size_t i) -> const TensorReport& { return b.tensors()[pairs[i].b]; };
    Totals totals = octet_set::totals_of(pairs.size(), in_b, 0.0);
    totals.sqnr_db.reset();
    totals.sqnr_db_with_buffers.reset();
    totals.max_abs_error = largest;
    if (largest && buffers == 0) totals.sqnr_db = six_digits(quant::sqnr_db(octet_set::six_digits_of(signal), noise));
    if (buffers > 0) totals.sqnr_db_with_buffers = six_digits(quant::sqnr_db(octet_set::six_digits_of(signal), noise));
    if (buffers > 0 && others > 0)
        totals.sqnr_db = six_digits(quant::sqnr_db(octet_set::six_digits_of(signal_but_buffers), noise_but_buffers));
    totals.source_bytes = a.file_bytes();
    totals.output_bytes = b.file_bytes();
    totals.framework_bytes = b.framework_bytes();
    totals.source_framework_bytes = a.framework_bytes();
    return totals;
}

/// In A's order; `bytes` are parallel to the pairs.
void add_changes(const FloatSource& a, const FloatSource& b, const Matches& matches,
                 const std::vector<DifferentBytes>& bytes, CompareReport& report) {
    auto remarkable = matches.remarkable.cbegin();
    const auto is_next = [&](std::size_t place_a) {
        return remarkable != matches.remarkable.cend() && remarkable->pair.a <= place_a;
    };
    for (std::size_t i = 0; i < matches.pairs.size(); ++i) {
        const std::size_t place_a = matches.pairs[i].a;
        while (is_next(place_a) && remarkable->pair.a < place_a) add_change(a, b, *remarkable++, {}, report);
        if (is_next(place_a)) {
            add_change(a, b, *remarkable++, bytes[i], report);
        } else if (bytes[i].count > 0) {
            add_change(a, b, {matches.pairs[i], ""}, bytes[i], report);
        }
    }
    while (remarkable != matches.remarkable.cend()) add_change(a, b, *remarkable++, {}, report);
}

std::vector<Check> checks_of(const Gates& gates, const CompareReport& report) {
    const bool judges_tensors = gates.min_sqnr_tensor || gates.max_abs_error;
    if (!judges_tensors) return commands::check_gates(gates, {}, report.totals);
    std::vector<commands::TensorFigures> figures;
    for (const TensorComparison& t : report.tensors) {
        if (t.differences) figures.push_back({t.name, t.differences->sqnr_db, t.differences->max_abs_error});
    }
    return commands::check_gates(gates, figures, report.totals);
}

}  // namespace

CompareReport compare(const std::filesystem::path& path_a, const std::filesystem::path& path_b,
                      const CompareOptions& options) {
    const auto start = std::chrono::steady_clock::now();
    commands::check_limits(options.gates);
    const io::Links links = io::links_of(options.read.follow_links);
    const std::unique_ptr<FloatSource> opened_a = codecs::open_source(path_a, links);
    const std::unique_ptr<FloatSource> opened_b = codecs::open_source(path_b, links);
    const FloatSource& a = *opened_a;
    const FloatSource& b = *opened_b;
    CompareReport report;
    report.input = path_a.native();
    report.output = path_b.native();
    report.input_is_set = a.is_set();
    report.output_is_set = b.is_set();
    report.input_format = a.format();
    report.output_format = b.format();
    const Matches matches = match(a, b, options.tensors, report);
    const std::vector<TensorPair>& pairs = matches.pairs;
    report.tensors.resize(pairs.size());
    std::vector<quant::WideSum> signals(pairs.size());
    std::vector<DifferentBytes> bytes(pairs.size());
    const codecs::TakePair take = [&](std::size_t i, const PairResult& result) {
        report.tensors[i] = comparison_of(a, b, pairs[i], result.sums);
        signals[i] = result.sums.signal;
        bytes[i] = {result.bytes_differ, result.first_byte};
    };
    codecs::TaskList tasks;
    tasks.reserve(pairs.size());
    for (std::size_t i = 0; i < pairs.size(); ++i) tasks.add<codecs::CompareTask>(a, b, pairs[i], i, take);
    WriteOptions reading;
    reading.threads = options.read.threads;
    reading.progress = options.read.progress;
    reading.stop_requested = options.read.stop_requested;
    tasks.run(reading);
    add_changes(a, b, matches, bytes, report);
    report.totals = totals_of(a, b, pairs, signals, report.tensors);
    report.checks = checks_of(options.gates, report);
    report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return report;
}

}  // namespace octet
