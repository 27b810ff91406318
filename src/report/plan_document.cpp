// The document of plan: what decided stands beside each tensor, and the planner's curve goes along.
#include <fmt/format.h>

#include "base/text.hpp"
#include "report/document_parts.hpp"
#include "report/plan_report.hpp"
#include "report/text_parts.hpp"

namespace octet::report {
namespace {

TensorRow row_of(const PlanReport& report, std::size_t i) {
    TensorRow row = report::row_of(report.tensors[i]);
    const PlanReason& why = report.reasons[report.reason_of[i]];
    row.note = fmt::format("{}: {}", why.rule, short_reason(why.reason));
    return row;
}

Table reasons_table(const PlanReport& report) {
    std::vector<std::uint64_t> counts(report.reasons.size());
    for (const std::uint32_t reason : report.reason_of) ++counts[reason];
    Table table{"Why", {"what decided", "tensors", "why", "what changes it"}, {}};
    constexpr std::size_t kMost = 100;  // those of states name a weight each
    for (std::size_t i = 0; i < std::min(kMost, counts.size()); ++i) {
        const PlanReason& why = report.reasons[i];
        table.rows.push_back({why.rule, with_commas(counts[i]), why.reason, why.change});
    }
    return table;
}

}  // namespace

Document document_of(const PlanReport& report) {
    Document document{.command = "plan", .subject = base_name(report.input)};
    const Totals& t = report.totals;
    document.base_model = hub_name(report.input);
    document.format = report.format;
    document.facts = {
        {"written", "nothing: this is what quantize would do"},
        {"tensors",
         fmt::format("{}, {} parameters", with_commas(t.tensors), with_commas(t.parameters))},
        {"size before", full_size(t.source_bytes)},
        {"size after",
         full_size(t.output_bytes) + ", " + ratio_text(t.source_bytes, t.output_bytes)},
        {"codes",
         fmt::format("{} quantized, {} kept", with_commas(t.quantized), with_commas(t.kept))},
    };
    if (t.bits_per_weight)
        document.facts.push_back(
            {"bits per weight", fmt::format("{:.4g}, state included", *t.bits_per_weight)});
    if (report.planner) {
        document.facts.push_back(
            {"SQNR", decibels(report.planner->sqnr_db) + " over all quantized values"});
        document.curve = report.planner->curve;
        document.chosen = CurvePoint{t.output_bytes, report.planner->sqnr_db};
    }
    document.tensors = report.tensors.size();
    document.tensor = [&report](std::size_t i) { return row_of(report, i); };
    if (!report.reasons.empty()) document.tables.push_back(reasons_table(report));
    for (Table& table : files_table(report.output_files))
        document.tables.push_back(std::move(table));
    document.seconds = report.seconds;
    document.json = [&report](const TextSink& sink) { return plan_json(report, sink); };
    return document;
}

}  // namespace octet::report
