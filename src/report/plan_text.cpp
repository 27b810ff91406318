#include <algorithm>
#include <map>
#include <tuple>

#include <fmt/format.h>

#include "base/text.hpp"
#include "report/plan_report.hpp"
#include "report/text_parts.hpp"

namespace octet::report {
namespace {

std::string scheme_of(const PlannedTensor& planned) {
    return planned.tensor.scheme ? scheme_name(*planned.tensor.scheme) : "keep";
}

/// The different explanations in the order in which they first occur, numbered from 1.
class Reasons {
  public:
    explicit Reasons(const std::vector<PlannedTensor>& tensors) {
        std::map<Key, std::size_t> known;
        for (const PlannedTensor& tensor : tensors) {
            const Key key{tensor.rule, tensor.reason, tensor.change};
            const std::size_t number = known.emplace(key, known.size()).first->second;
            if (number == examples_.size()) {
                examples_.push_back(&tensor);
                counts_.push_back(0);
            }
            ++counts_[number];
            numbers_.push_back(number + 1);
        }
    }

    std::size_t number_of(std::size_t tensor) const { return numbers_[tensor]; }

    void add_to(Lines& lines) const {
        for (std::size_t i = 0; i < examples_.size(); ++i) {
            const PlannedTensor& example = *examples_[i];
            lines.line(
                fmt::format("  [{}] {}, {}: {}", i + 1, counted(counts_[i], "tensor"), example.rule, example.reason));
            lines.line(fmt::format("      what changes it: {}", example.change));
        }
    }

  private:
    using Key = std::tuple<std::string, std::string, std::string>;

    std::vector<const PlannedTensor*> examples_;
    std::vector<std::uint64_t> counts_;
    std::vector<std::size_t> numbers_;
};

void add_table(Lines& lines, const PlanReport& report, const Reasons& reasons) {
    std::vector<std::string_view> names;
    for (const PlannedTensor& planned : report.tensors) names.push_back(planned.tensor.name);
    const std::size_t column = name_width(names, 32);
    std::size_t width = 6;
    for (const PlannedTensor& planned : report.tensors) width = std::max(width, scheme_of(planned).size());
    const auto row = [&](std::string_view name, std::string_view scheme, std::string_view bytes, std::string_view bits,
                         std::string_view why) {
        lines.line(fmt::format("  {:<{}} {:<{}} {:>13} {:>7} {:>4}", name, column, scheme, width, bytes, bits, why));
    };
    row("tensor", "scheme", "bytes", "bits", "why");
    for (std::size_t i = 0; i < report.tensors.size(); ++i) {
        const PlannedTensor& planned = report.tensors[i];
        row(fitted(planned.tensor.name, column), scheme_of(planned), with_commas(planned.tensor.output_bytes),
            planned.bits_per_weight ? fmt::format("{:.5g}", *planned.bits_per_weight) : "-",
            fmt::format("[{}]", reasons.number_of(i)));
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

void add_planner(Lines& lines, const PlannerReport& planner) {
    lines.fact("planner", decibels(planner.sqnr_db) + " over all float tensors but buffers, kept ones too");
    if (planner.over_bound)
        lines.fact("", fmt::format("its error is at most {:.2g} % above the least possible among its schemes",
                                   100 * *planner.over_bound));
}

}  // namespace

std::string plan_text(const PlanReport& report, bool color) {
    Lines lines(color);
    const Totals& t = report.totals;
    const Reasons reasons(report.tensors);
    lines.heading(fmt::format("the plan for {}: nothing was written", printable(report.input)));
    if (!report.tensors.empty()) {
        add_table(lines, report, reasons);
        lines.heading("why");
        reasons.add_to(lines);
    }
    if (report.planner) add_curve(lines, *report.planner, t.output_bytes);
    lines.heading("in all");
    lines.fact("source", fmt::format("{}, {}, {} parameters", full_size(t.source_bytes), counted(t.tensors, "tensor"),
                                     with_commas(t.parameters)));
    for (const FileReport& file : report.output_files) {
        lines.fact("writes", fmt::format("{:<39} {:>15} bytes", fitted(file.name, 39), with_commas(file.byte_count)));
    }
    lines.fact("together", full_size(t.output_bytes));
    const std::string bits = t.bits_per_weight ? fmt::format(", {:.4g} bits per weight", *t.bits_per_weight) : "";
    lines.fact("codes", fmt::format("{} quantized, {} kept, {} bytes of state{}", t.quantized, t.kept,
                                    with_commas(t.state_bytes), bits));
    if (t.sqnr_db) lines.fact("SQNR", decibels(*t.sqnr_db) + " over all quantized values");
    if (report.planner) add_planner(lines, *report.planner);
    lines.fact("free space", full_size(report.free_space_bytes) + " needed, sidecar and companions included");
    lines.fact("framework", full_size(t.framework_bytes) + " as a framework counts its memory");
    if (report.scanned) lines.fact("values", "read: this is what quantize does");
    if (report.depends_on_values)
        lines.fact("values", "not read, and they decide: not finite, or tied and equal; --scan reads them");
    lines.line(fmt::format("done in {:.3g} s", report.seconds));
    return lines.take();
}

}  // namespace octet::report
