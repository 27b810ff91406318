// What the lesson's cells print, then what else there is to say of the tensor.
#include <fmt/format.h>

#include "base/text.hpp"
#include "report/show_report.hpp"
#include "report/text_parts.hpp"
#include "report/torch_text.hpp"

namespace octet::report {
namespace {

std::string number(double value) {
    return fmt::format("{:.6g}", value);
}

void add_tensor(Lines& lines, std::string_view title, const std::optional<ShownTensor>& tensor,
                unsigned precision) {
    if (!tensor) return;
    lines.heading(title);
    lines.line(torch_text(*tensor, precision));
}

/// Scale or zero point: a number as a fact, several as a tensor.
void add_state(Lines& lines, std::string_view name, const std::optional<ShownTensor>& state,
               unsigned precision) {
    if (!state) return;
    const bool is_one = state->dimensions.empty();
    if (!is_one) return add_tensor(lines, name, state, precision);
    if (!state->floats.empty()) lines.fact(name, number(state->floats.front()));
    if (!state->integers.empty()) lines.fact(name, std::to_string(state->integers.front()));
}

std::string share(std::uint64_t part, std::uint64_t all) {
    const double percent =
        all == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(all);
    return fmt::format("{} ({:.4g} %)", with_commas(part), percent);
}

std::string storage_of(const ShowReport& report) {
    const TensorReport& t = report.tensor;
    if (!t.type.empty()) return std::string(t.type.view());
    if (t.scheme) return scheme_name(*t.scheme);
    return report.format == "octet" ? "keep (" + t.reason + ")" : "none";
}

void add_facts(Lines& lines, const ShowReport& report) {
    const TensorReport& t = report.tensor;
    std::string place;
    for (const std::uint64_t i : report.index)
        place += (place.empty() ? "" : ", ") + std::to_string(i);
    lines.fact("shape", shape_text(t.shape) + (place.empty() ? "" : ", of which [" + place + "]"));
    lines.fact("dtype", dtype_name(t.dtype));
    lines.fact("kind", kind_name(t.kind));
    lines.fact("scheme", storage_of(report));
    const auto is_one = [](const std::optional<ShownTensor>& state) {
        return state && state->dimensions.empty();
    };
    if (is_one(report.scales)) add_state(lines, "scale", report.scales, kTorchPrecision);
    if (is_one(report.zero_points))
        add_state(lines, "zero point", report.zero_points, kTorchPrecision);
    const ValueFigures& f = report.figures;
    const std::uint64_t finite = f.count - f.non_finite;
    if (finite > 0) {
        lines.fact("min", number(f.min));
        lines.fact("max", number(f.max));
        lines.fact("mean", number(f.mean));
    }
    if (finite > 1) lines.fact("std", number(f.std));
    lines.fact("zeros", share(f.zeros, f.count));
    lines.fact("outliers", share(f.outliers, f.count) + " further than 4 std from the mean");
    if (f.non_finite > 0) lines.fact("not finite", share(f.non_finite, f.count));
    if (!report.error) return;
    lines.fact("max error", number(report.error->max_abs_error));
    lines.fact("rmse", number(report.error->rmse));
    lines.fact("SQNR", decibels(report.error->sqnr_db));
}

void add_histogram(Lines& lines, const std::string& title, const ShownHistogram& histogram,
                   const std::optional<CodeGrid>& grid) {
    lines.line("");
    lines.heading(title);
    for (const std::string& line : histogram_lines(histogram, grid))
        lines.line(line.empty() ? line : "  " + line);
    if (histogram.outside > 0) lines.line("  " + with_commas(histogram.outside) + " outside");
}

std::string title_of_values(const ShowReport& report) {
    std::string title = report.values ? "values" : "restored values";
    if (!report.grid) return title;
    title += report.grid->blocks > 1 ? fmt::format(", above the codes of the first of {} blocks",
                                                   with_commas(report.grid->blocks))
                                     : ", above the codes";
    return title;
}

}  // namespace

std::string show_text(const ShowReport& report, unsigned precision, const TextStyle& style) {
    Lines lines(style);
    lines.line(printable(report.tensor.name) + " of " + printable(report.input));
    add_tensor(lines, "values", report.values, precision);
    add_tensor(lines, "codes", report.codes, precision);
    add_tensor(lines, "restored", report.restored, precision);
    add_tensor(lines, "|values - restored|", report.errors, precision);
    if (report.scales && !report.scales->dimensions.empty())
        add_state(lines, "scale", report.scales, precision);
    if (report.zero_points && !report.zero_points->dimensions.empty())
        add_state(lines, "zero point", report.zero_points, precision);
    lines.line("");
    add_facts(lines, report);
    const bool has_bars = report.figures.count > report.figures.non_finite + 1;
    if (has_bars) add_histogram(lines, title_of_values(report), report.histogram, report.grid);
    if (has_bars && report.error_histogram)
        add_histogram(lines, "(value - restored) / scale", *report.error_histogram, std::nullopt);
    if (report.npy)
        lines.line(fmt::format("\nwrote {}, {}", printable(report.npy->name),
                               full_size(report.npy->byte_count)));
    return lines.take();
}

}  // namespace octet::report
