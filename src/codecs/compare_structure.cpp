// Pairs in A's order, and the words for what differs in them; see the header.
#include "codecs/compare_structure.hpp"

#include <fmt/format.h>

#include "base/pattern.hpp"
#include "base/text.hpp"
#include "codecs/partners.hpp"
#include "octet/error.hpp"

namespace octet::codecs {

using formats::FloatSource;

namespace {

/// "F32 in A, F16 in B"
std::string dtype_difference(const TensorReport& a, const TensorReport& b) {
    return fmt::format("dtype {} in A, {} in B", dtype_name(a.dtype), dtype_name(b.dtype));
}

Candidate candidate_of(const FloatSource& a, std::size_t place_a, const FloatSource& b,
                       std::size_t place_b) {
    const TensorReport& in_a = a.tensors()[place_a];
    const TensorReport& in_b = b.tensors()[place_b];
    Candidate candidate;
    candidate.pair.a = place_a;
    candidate.pair.b = place_b;
    const bool is_of_format =  // which decides dtypes, tensor by tensor
        a.is_gguf() || b.is_gguf() || (a.came_quantized() && a.is_quantized(place_a)) ||
        (b.came_quantized() && b.is_quantized(place_b));
    if (in_a.dtype != in_b.dtype && !is_of_format) candidate.what = dtype_difference(in_a, in_b);
    if (in_a.shape != in_b.shape) {
        candidate.has_data = false;
        candidate.what +=
            fmt::format("{}shape {} in A, {} in B", candidate.what.empty() ? "" : ", ",
                        shape_text(in_a.shape), shape_text(in_b.shape));
        return candidate;
    }
    candidate.pair.as_bytes = !is_quantizable(in_a.dtype) || !is_quantizable(in_b.dtype);
    const TensorReport& quantized = in_b.scheme ? in_b : in_a;
    if (!candidate.pair.as_bytes && quantized.scale)
        candidate.pair.scale = static_cast<double>(*quantized.scale);
    return candidate;
}

/// Codes against what is no float, or sizes that differ: there is nothing to hold against each
/// other.
bool has_comparable_data(const FloatSource& a, const FloatSource& b, const Candidate& candidate) {
    if (!candidate.has_data || !candidate.pair.as_bytes) return candidate.has_data;
    const bool codes = a.tensors()[candidate.pair.a].scheme || b.tensors()[candidate.pair.b].scheme;
    return !codes && a.byte_count(candidate.pair.a) == b.byte_count(candidate.pair.b);
}

/// What the data of the pair add to the structure's differences.
void add_change(const FloatSource& a, const FloatSource& b, const Candidate& candidate,
                const DifferentBytes& bytes, CompareReport& report) {
    TensorChange change{a.tensors()[candidate.pair.a].name, candidate.what, false};
    if (candidate.has_data && !has_comparable_data(a, b, candidate)) {
        change.what += ", which cannot be compared";
    } else if (candidate.has_data && bytes.count > 0) {
        change.what += fmt::format("{}{} of {} bytes differ, the first at {}",
                                   change.what.empty() ? "" : ", ", with_commas(bytes.count),
                                   with_commas(a.byte_count(candidate.pair.a)), bytes.first);
    } else {
        change.dtype_only = candidate.has_data;
    }
    if (!change.what.empty()) report.changed.push_back(std::move(change));
}

}  // namespace

Matches match_tensors(const FloatSource& a, const FloatSource& b, const std::string& tensors,
                      CompareReport& report) {
    const Pattern pattern(tensors.empty() ? "*" : tensors, "--tensors");
    const Partners partners(a, b);
    Matches matches;
    matches.pairs.reserve(a.tensors().size());
    const auto add_pair = [&](std::size_t place_a, std::size_t place_b) {
        Candidate candidate = candidate_of(a, place_a, b, place_b);
        const bool has_data = has_comparable_data(a, b, candidate);
        if (has_data) matches.pairs.push_back(candidate.pair);
        if (!has_data || !candidate.what.empty())
            matches.remarkable.push_back(std::move(candidate));
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
    const bool matched =
        !matches.pairs.empty() || !matches.remarkable.empty() || !report.dropped.empty();
    if (!tensors.empty() && !matched && report.missing.empty() && report.extra.empty()) {
        throw Error(
            ErrorCode::kUsage, "--tensors",
            in_quotes(tensors) + " matches no tensor; octet inspect PATH lists their names");
    }
    return matches;
}

void add_changes(const FloatSource& a, const FloatSource& b, const Matches& matches,
                 const std::vector<DifferentBytes>& bytes, CompareReport& report) {
    auto remarkable = matches.remarkable.cbegin();
    const auto is_next = [&](std::size_t place_a) {
        return remarkable != matches.remarkable.cend() && remarkable->pair.a <= place_a;
    };
    for (std::size_t i = 0; i < matches.pairs.size(); ++i) {
        const std::size_t place_a = matches.pairs[i].a;
        while (is_next(place_a) && remarkable->pair.a < place_a)
            add_change(a, b, *remarkable++, {}, report);
        if (is_next(place_a)) {
            add_change(a, b, *remarkable++, bytes[i], report);
        } else if (bytes[i].count > 0) {
            add_change(a, b, {matches.pairs[i], ""}, bytes[i], report);
        }
    }
    while (remarkable != matches.remarkable.cend()) add_change(a, b, *remarkable++, {}, report);
}

}  // namespace octet::codecs
