// The report of compare for people: what is missing, extra and changed, a table of the worst pairs
// (all with --verbose), and totals.
#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "report/compare_parts.hpp"
#include "report/model_report.hpp"
#include "report/report_options.hpp"
#include "report/text_table.hpp"

namespace octet::report {
namespace {

/// Without --verbose no list is longer.
constexpr std::size_t kMostLines = 10;

std::size_t shown_of(std::size_t count, bool all) {
    return all ? count : std::min(count, kMostLines);
}

void add_more(Lines& lines, std::size_t count, std::size_t shown) {
    if (count > shown)
        lines.fact("",
                   fmt::format("and {} more; --verbose lists them", with_commas(count - shown)));
}

void add_structure(Lines& lines, const CompareReport& report, bool all) {
    const auto add_names = [&](std::string_view fact, const std::vector<std::string>& names) {
        const std::size_t shown = shown_of(names.size(), all);
        const NameColumn column =
            name_column({names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown)}, 66, 13,
                        lines.columns());
        for (std::size_t i = 0; i < shown; ++i) lines.fact(fact, column.fitted(names[i]));
        add_more(lines, names.size(), shown);
    };
    add_names("missing", report.missing);
    add_names("extra", report.extra);
    if (!report.dropped.empty())
        lines.fact("dropped", fmt::format("{} that the format has no place for: {}{}",
                                          counted(report.dropped.size(), "tensor"),
                                          fitted(report.dropped.front(), 36),
                                          report.dropped.size() > 1 ? ", ..." : ""));
    const std::size_t shown = shown_of(report.changed.size(), all);
    for (std::size_t i = 0; i < shown; ++i) {
        lines.fact("changed", fitted(report.changed[i].name, 66));
        lines.fact("", report.changed[i].what);
    }
    add_more(lines, report.changed.size(), shown);
}

void add_worst(Lines& lines, const CompareReport& report, bool all) {
    const std::vector<const TensorComparison*> order = worst_first(report, all);
    if (order.empty()) return;
    lines.heading(all ? "tensors, worst first" : "worst tensors");
    const std::size_t shown = shown_of(order.size(), all);
    std::vector<std::string_view> names;
    for (std::size_t i = 0; i < shown; ++i) names.push_back(order[i]->name);
    add_table(lines, {names,
                      32,
                      {{"SQNR dB", 8}, {"RMSE", 11}, {"max error", 11}, {"cosine", 9}},
                      [&](std::size_t row) -> std::vector<std::string> {
                          const Differences& d = *order[row]->differences;
                          return {fmt::format("{:.2f}", d.sqnr_db), fmt::format("{:.5g}", d.rmse),
                                  fmt::format("{:.5g}", d.max_abs_error),
                                  fmt::format("{:.6g}", d.cosine)};
                      }});
    add_more(lines, order.size(), shown);
}

void add_totals(Lines& lines, const CompareReport& report) {
    const Totals& t = report.totals;
    std::size_t equal = 0;
    std::uint64_t flips = 0;
    std::uint64_t zeros = 0;
    for (const TensorComparison& tensor : report.tensors) {
        if (tensor.differences && tensor.differences->max_abs_error == 0) ++equal;
        if (!tensor.differences) continue;
        flips += tensor.differences->sign_flips;
        zeros += tensor.differences->to_zero;
    }
    lines.heading("in all");
    lines.fact("compared", fmt::format("{}, {} parameters", counted(t.tensors, "tensor"),
                                       with_commas(t.parameters)));
    if (equal > 0) lines.fact("equal", fmt::format("{} of floats", counted(equal, "tensor")));
    if (t.sqnr_db) lines.fact("SQNR", decibels(*t.sqnr_db));
    if (t.max_abs_error) lines.fact("max error", fmt::format("{:.6g}", *t.max_abs_error));
    const auto of_values = [](std::uint64_t count) {
        return count == 0 ? "none" : with_commas(count);
    };
    if (flips + zeros > 0)
        lines.fact("values",
                   fmt::format("{} changed sign, {} became 0", of_values(flips), of_values(zeros)));
}

void add_text(Lines& lines, const CompareReport& report, const TextJudgement& text) {
    if (!text.evaluation) return lines.fact("not run", text.not_run);
    lines.heading(
        fmt::format("against {} on {}", printable(report.input), printable(text.evaluation->text)));
    lines.fact("tokens", with_commas(text.evaluation->tokens) + " predicted");
    add_fidelity(lines, *text.evaluation);
}

}  // namespace

std::string compare_text(const CompareReport& report, const ReportOptions& options,
                         const TextJudgement* text) {
    Lines lines(options.style);
    lines.heading(
        fmt::format("compared {} with {}", printable(report.input), printable(report.output)));
    lines.fact("A", fmt::format("{}, {}", what_it_is(report.input_is_set, report.input_format),
                                full_size(report.totals.source_bytes)));
    lines.fact("B", fmt::format("{}, {}", what_it_is(report.output_is_set, report.output_format),
                                full_size(report.totals.output_bytes)));
    add_structure(lines, report, options.table);
    add_worst(lines, report, options.table);
    add_totals(lines, report);
    if (text != nullptr) add_text(lines, report, *text);
    add_checks(lines, report.checks);
    lines.line(fmt::format("done in {:.3g} s", report.seconds));
    return lines.take();
}

}  // namespace octet::report
