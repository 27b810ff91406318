// Several comparisons with one original, kept small and told as JSON: `comparisons` pass through as
// they are made, `summary` follows.
#include "report/compare_summary.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "base/text.hpp"
#include "octet/octet.hpp"
#include "report/compare_parts.hpp"
#include "report/json_parts.hpp"

namespace octet::report {
namespace {

constexpr std::size_t kMostWorst = 3;

/// Of all compared tensors as they are stored in B.
std::optional<double> overall_bits(const CompareReport& report) {
    double bytes = 0;
    for (const TensorComparison& tensor : report.tensors)
        bytes += static_cast<double>(tensor.output_bytes);
    if (report.totals.parameters == 0) return std::nullopt;
    return six_digits(8 * bytes / static_cast<double>(report.totals.parameters));
}

void add_text(CompareSummary& summary, const TextJudgement& text) {
    summary.not_run = text.not_run;
    if (!text.evaluation || !text.evaluation->fidelity) return;
    const Fidelity& found = *text.evaluation->fidelity;
    summary.mean_kl = found.kl.mean;
    summary.same_top_1 = found.same_top_1.mean;
    summary.perplexity_ratio = found.perplexity_ratio;
}

void write_optional(JsonWriter& writer, std::string_view key, const std::optional<double>& figure) {
    if (figure) writer.key(key).statistic(*figure);
}

void write_summary(JsonWriter& writer, const CompareSummary& side) {
    writer.begin_object();
    writer.key("output")
        .string(json_path(side.output))
        .key("output_format")
        .string(side.output_format);
    writer.key("output_bytes").integer(side.output_bytes);
    write_optional(writer, "bits_per_weight", side.bits_per_weight);
    write_optional(writer, "sqnr_db", side.sqnr_db);
    write_optional(writer, "overall_bits_per_weight", side.overall_bits);
    write_optional(writer, "overall_sqnr_db", side.overall_sqnr_db);
    write_optional(writer, "max_abs_error", side.max_abs_error);
    write_optional(writer, "mean_kl", side.mean_kl);
    write_optional(writer, "same_top_1", side.same_top_1);
    write_optional(writer, "perplexity_ratio", side.perplexity_ratio);
    if (!side.not_run.empty()) writer.key("not_run").string(json_path(side.not_run));
    writer.key("worst").begin_array();
    for (const WorstTensor& tensor : side.worst) {
        writer.begin_object()
            .key("name")
            .string(tensor.name)
            .key("sqnr_db")
            .statistic(tensor.sqnr_db);
        writer.key("max_abs_error").statistic(tensor.max_abs_error).end_object();
    }
    writer.end_array().key("passed").boolean(!side.failure).end_object();
}

}  // namespace

CompareSummary summary_of(const CompareReport& report, const TextJudgement* text) {
    CompareSummary summary;
    summary.output = report.output;
    summary.output_format = report.output_format;
    summary.output_is_set = report.output_is_set;
    summary.output_bytes = report.totals.output_bytes;
    summary.bits_per_weight = report.totals.bits_per_weight;
    summary.sqnr_db = report.totals.sqnr_db;
    summary.overall_bits = overall_bits(report);
    summary.overall_sqnr_db = report.overall_sqnr_db;
    summary.max_abs_error = report.totals.max_abs_error;
    const std::vector<const TensorComparison*> worst = worst_first(report, false);
    for (std::size_t i = 0; i < std::min(worst.size(), kMostWorst); ++i)
        summary.worst.push_back(
            {worst[i]->name, worst[i]->differences->sqnr_db, worst[i]->differences->max_abs_error});
    summary.missing = report.missing.size();
    summary.extra = report.extra.size();
    summary.changed = static_cast<std::uint64_t>(
        std::count_if(report.changed.begin(), report.changed.end(),
                      [](const TensorChange& change) { return !change.dtype_only; }));
    if (text != nullptr) add_text(summary, *text);
    summary.checks = report.checks;
    summary.failure = failure(report);
    return summary;
}

std::string comparisons_json_begin(const std::string& input,
                                   const std::vector<std::string>& outputs) {
    std::string text;
    JsonWriter writer(text);
    writer.begin_object();
    writer.key("command").string("compare").key("version").string(version());
    writer.key("input")
        .string(json_path(input))
        .key("output")
        .string("")
        .key("outputs")
        .begin_array();
    for (const std::string& output : outputs) writer.string(json_path(output));
    writer.end_array();
    return printable_json(text) + ", \"comparisons\": [\n";
}

std::string comparisons_json_end(const std::vector<CompareSummary>& sides, double seconds,
                                 const std::optional<std::pair<int, std::string>>& error) {
    std::string text;
    JsonWriter writer(text);
    writer.begin_object().key("summary").begin_array();
    for (const CompareSummary& side : sides) write_summary(writer, side);
    writer.end_array().key("seconds").statistic(seconds);
    if (error) {
        write_error(writer, error->first, error->second);
    } else {
        write_failure(writer, failure(sides));
    }
    writer.end_object();
    return "], " + printable_json(text).substr(1) + "\n";
}

std::optional<std::string> failure(const std::vector<CompareSummary>& sides) {
    std::vector<std::string> lines;
    for (const CompareSummary& side : sides) {
        if (side.failure) lines.push_back(*side.failure);
    }
    if (lines.empty()) return std::nullopt;
    return fmt::format("{}", fmt::join(lines, "; "));
}

}  // namespace octet::report
