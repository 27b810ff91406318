// The report of plan for people: a row a tensor, the reasons below the table, each once, and the
// planner's curve.
#include <algorithm>
#include <map>
#include <tuple>

#include <fmt/format.h>

#include "base/text.hpp"
#include "report/plan_report.hpp"
#include "report/text_table.hpp"

namespace octet::report {
namespace {

std::string scheme_of(const TensorReport& tensor) {
    if (!tensor.type.empty()) return std::string(tensor.type.view());
    return tensor.scheme ? scheme_name(*tensor.scheme) : "keep";
}

/// Of each reason the first that reads like it: those that differ in the name of a weight are one
/// here.
std::vector<std::uint32_t> first_alike(const std::vector<PlanReason>& reasons) {
    std::vector<std::uint32_t> first(reasons.size());
    std::map<std::tuple<std::string, std::string, std::string>, std::uint32_t> known;
    for (std::uint32_t i = 0; i < reasons.size(); ++i) {
        const auto key =
            std::tuple(reasons[i].rule, short_reason(reasons[i].reason), reasons[i].change);
        first[i] = known.emplace(key, static_cast<std::uint32_t>(known.size())).first->second;
    }
    return first;
}

void add_tensors(Lines& lines, const PlanReport& report,
                 const std::vector<std::uint32_t>& numbers) {
    std::vector<std::string_view> names;
    names.reserve(report.tensors.size());
    for (const TensorReport& tensor : report.tensors) names.push_back(tensor.name);
    add_table(lines, {names,
                      32,
                      {{"scheme", 6, true}, {"bytes", 13}, {"bits", 7}, {"why", 4}},
                      [&](std::size_t i) -> std::vector<std::string> {
                          const TensorReport& tensor = report.tensors[i];
                          const std::optional<double> bits = bits_per_weight(tensor);
                          return {scheme_of(tensor), with_commas(tensor.output_bytes),
                                  bits ? fmt::format("{:.5g}", *bits) : "-",
                                  fmt::format("[{}]", numbers[report.reason_of[i]] + 1)};
                      }});
}

/// What has the same scheme, in the order in which schemes first occur.
void add_schemes(Lines& lines, const PlanReport& report) {
    struct Sum {
        std::uint64_t tensors = 0;
        std::uint64_t byte_count = 0;
        std::uint64_t elements = 0;
    };
    std::vector<std::string> order;
    std::map<std::string, Sum> sums;
    for (const TensorReport& tensor : report.tensors) {
        const auto [at, is_new] = sums.try_emplace(scheme_of(tensor));
        if (is_new) order.push_back(at->first);
        ++at->second.tensors;
        at->second.byte_count += tensor.output_bytes;
        at->second.elements += element_count(tensor.shape).value_or(0);
    }
    const auto row = [&](std::string_view scheme, std::string_view tensors, std::string_view bytes,
                         std::string_view bits) {
        lines.line(fmt::format("  {:<32} {:>9} {:>20} {:>9}", scheme, tensors, bytes, bits));
    };
    row("scheme", "tensors", "bytes", "bits each");
    for (const std::string& scheme : order) {
        const Sum& sum = sums[scheme];
        const double bits = sum.elements == 0 ? 0.0
                                              : 8.0 * static_cast<double>(sum.byte_count) /
                                                    static_cast<double>(sum.elements);
        row(scheme, with_commas(sum.tensors), with_commas(sum.byte_count),
            fmt::format("{:.4g}", bits));
    }
}

void add_reasons(Lines& lines, const PlanReport& report,
                 const std::vector<std::uint32_t>& numbers) {
    std::vector<std::uint64_t> counts(report.reasons.size());
    for (const std::uint32_t number : report.reason_of) ++counts[numbers[number]];
    std::uint32_t next = 0;
    for (std::size_t i = 0; i < report.reasons.size(); ++i) {
        if (numbers[i] != next) continue;
        const PlanReason& why = report.reasons[i];
        lines.sentence(fmt::format("  [{}] {}, {}: {}", next + 1, counted(counts[next], "tensor"),
                                   why.rule, short_reason(why.reason)),
                       6);
        lines.sentence(fmt::format("      what changes it: {}", why.change), 8);
        ++next;
    }
}

/// Sizes and what they can reach, the chosen one among them.
void add_curve(Lines& lines, const PlannerReport& planner, std::uint64_t chosen_bytes) {
    lines.heading("what other sizes can reach");
    lines.line(fmt::format("  {:>18} {:>9}", "bytes", "SQNR dB"));
    bool shown = false;
    const auto row = [&](std::uint64_t bytes, double sqnr_db, std::string_view mark) {
        lines.line(fmt::format("  {:>18} {:>9.2f}{}", with_commas(bytes), sqnr_db, mark));
    };
    for (const CurvePoint& point : planner.curve) {
        if (!shown && chosen_bytes <= point.byte_count) {
            row(chosen_bytes, planner.sqnr_db, "  this plan");
            shown = true;
        }
        if (point.byte_count != chosen_bytes) row(point.byte_count, point.sqnr_db, "");
    }
    if (!shown) row(chosen_bytes, planner.sqnr_db, "  this plan");
}

void add_planner(Lines& lines, const PlannerReport& planner, bool has_buffers) {
    lines.fact("planner", decibels(planner.sqnr_db) + " over all quantized values" +
                              (has_buffers ? " but buffers" : ""));
    if (planner.over_bound)
        lines.fact(
            "", fmt::format("its error is at most {:.2g} % above the least possible among its {}",
                            100 * *planner.over_bound, has_buffers ? "schemes" : "types"));
}

}  // namespace

std::string plan_text(const PlanReport& report, const TextStyle& style, PlanTable table,
                      const TextSink& sink) {
    Lines lines(style, sink);
    const Totals& t = report.totals;
    lines.heading(fmt::format("the plan for {}: nothing was written", printable(report.input)));
    if (!report.tensors.empty()) {
        const std::vector<std::uint32_t> numbers = first_alike(report.reasons);
        if (table == PlanTable::kTensors) add_tensors(lines, report, numbers);
        if (table == PlanTable::kSchemes) add_schemes(lines, report);
        if (table == PlanTable::kTensors) lines.heading("why");
        if (table == PlanTable::kTensors) add_reasons(lines, report, numbers);
    }
    if (report.planner) add_curve(lines, *report.planner, t.output_bytes);
    lines.heading("in all");
    lines.fact("source", fmt::format("{}, {}, {} parameters", full_size(t.source_bytes),
                                     counted(t.tensors, "tensor"), with_commas(t.parameters)));
    for (const FileReport& file : report.output_files) {
        lines.fact("writes", fmt::format("{:<39} {:>15} bytes", fitted(file.name, 39),
                                         with_commas(file.byte_count)));
    }
    lines.fact("together", full_size(t.output_bytes));
    const std::string bits =
        t.bits_per_weight ? fmt::format(", {:.4g} bits per weight", *t.bits_per_weight) : "";
    lines.fact("codes", fmt::format("{} quantized, {} kept, {} bytes of state{}", t.quantized,
                                    t.kept, with_commas(t.state_bytes), bits));
    add_sqnr(lines, t);
    if (report.planner) add_planner(lines, *report.planner, report.format.empty());
    lines.fact("free space", full_size(report.free_space_bytes) +
                                 (report.format.empty() ? " needed, sidecar and companions included"
                                                        : " needed"));
    lines.fact("framework", full_size(t.framework_bytes) + " as a framework counts its memory");
    if (report.scanned) lines.fact("values", "read: this is what quantize does");
    if (report.depends_on_values)
        lines.fact("values",
                   "not read, and they decide: not finite, or tied and equal; --scan reads them");
    lines.line(fmt::format("done in {:.3g} s", report.seconds));
    return lines.take();
}

}  // namespace octet::report
