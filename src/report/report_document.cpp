// The documents of quantize, inspect and verify, whose tensors are TensorReports.
#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "base/text.hpp"
#include "report/document_parts.hpp"
#include "report/text_parts.hpp"
#include "report/verify_report.hpp"

namespace octet::report {
namespace {

void add_error_facts(Document& document, const Totals& t) {
    if (t.bits_per_weight)
        document.facts.push_back(
            {"bits per weight", fmt::format("{:.4g}, state included", *t.bits_per_weight)});
    if (t.sqnr_db)
        document.facts.push_back({"SQNR", decibels(*t.sqnr_db) + " over all quantized values"});
    if (t.max_abs_error)
        document.facts.push_back({"largest error", statistic_text(*t.max_abs_error)});
}

void add_size_facts(Document& document, const Totals& t, bool has_source) {
    document.facts.push_back({"tensors", fmt::format("{}, {} parameters", with_commas(t.tensors),
                                                     with_commas(t.parameters))});
    if (has_source) document.facts.push_back({"size before", full_size(t.source_bytes)});
    const std::string ratio = has_source ? ratio_text(t.source_bytes, t.output_bytes) : "";
    document.facts.push_back({has_source ? "size after" : "size",
                              full_size(t.output_bytes) + (ratio.empty() ? "" : ", " + ratio)});
    if (t.quantized > 0)
        document.facts.push_back(
            {"codes",
             fmt::format("{} quantized, {} kept", with_commas(t.quantized), with_commas(t.kept))});
    add_error_facts(document, t);
}

/// `order`: which of them are rows, and in which order.
void add_rows(Document& document, const std::vector<TensorReport>& tensors,
              std::vector<std::uint32_t> order) {
    document.tensors = order.size();
    document.tensor = [&tensors, order = std::move(order)](std::size_t i) {
        return row_of(tensors[order[i]]);
    };
}

void add_rows(Document& document, const std::vector<TensorReport>& tensors) {
    document.tensors = tensors.size();
    document.tensor = [&tensors](std::size_t i) { return row_of(tensors[i]); };
}

Table left_out_table(const std::vector<LeftOut>& left_out) {
    Table table{"Files that did not go along", {"file", "why"}, {}};
    for (const LeftOut& one : left_out) table.rows.push_back({one.name, one.why});
    return table;
}

}  // namespace

Document document_of(const Report& report, const ReportOptions& options) {
    const bool quantized = options.command == "quantize" || options.command == "join";
    Document document{.command = options.command, .subject = base_name(report.input)};
    if (quantized) document.subject += " -> " + base_name(report.output);
    document.base_model = hub_name(report.input);
    document.format = report.format;
    document.shows_output = quantized || report.is_set;
    if (quantized && !report.written) document.facts.push_back({"written", "no: a gate failed"});
    add_size_facts(document, report.totals, document.shows_output);
    if (quantized) document.facts.push_back({"seconds", fmt::format("{:.3g}", report.seconds)});
    std::vector<std::uint32_t> order = options.shown;
    std::sort(order.begin(), order.end());
    add_rows(document, report.tensors, std::move(order));
    document.checks = report.checks;
    document.tables = files_table(!quantized       ? report.input_files
                                  : report.written ? report.output_files
                                                   : std::vector<FileReport>());
    if (!report.left_out.empty()) document.tables.push_back(left_out_table(report.left_out));
    document.seconds = report.seconds;
    document.json = [&report, options](const TextSink& sink) {
        return json(report, options, sink);
    };
    return document;
}

Document document_of(const VerifyReport& report) {
    Document document{.command = "verify", .subject = base_name(report.input)};
    document.format = report.format;
    if (!report.source.empty())
        document.facts.push_back({"held against", base_name(report.source)});
    const std::string_view proven =
        !report.findings.empty() ? "not whole"
        : report.has_checksums
            ? "whole: every byte is as it was written"
            : "sound: the structure is right; there are no checksums of its data";
    document.facts.push_back({"verdict", std::string(proven)});
    add_size_facts(document, report.totals, report.totals.source_bytes > 0);
    document.shows_output = report.totals.source_bytes > 0;
    add_rows(document, report.tensors);
    for (const Finding& finding : report.findings)
        document.problems.push_back({base_name(finding.file), finding.tensor,
                                     without_folders(finding.what, {report.input, report.source})});
    document.seconds = report.seconds;
    document.json = [&report](const TextSink& sink) { return verify_json(report, sink); };
    return document;
}

}  // namespace octet::report
