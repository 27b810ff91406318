// Several comparisons with one original, told as one table: a letter for each side, a row of
// figures behind it. Padding stands outside of the bold marks, so that columns stay columns.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/text.hpp"
#include "report/compare_parts.hpp"
#include "report/compare_summary.hpp"
#include "report/text_table.hpp"

namespace octet::report {
namespace {

using Sides = std::vector<CompareSummary>;

/// B, C, ... as on the command line; behind Z the place on it, where A's is 1.
std::string label_of(std::size_t side) {
    return side < 25 ? std::string(1, static_cast<char>('B' + side)) : std::to_string(side + 2);
}

struct Column {
    std::string_view title;
    std::size_t width;
    bool lower_is_better;
    std::optional<double> (*figure)(const CompareSummary& side);
    std::string (*shown)(double figure);
};

constexpr Column kColumns[] = {
    {"size", 10, true,
     [](const CompareSummary& s) { return std::optional(static_cast<double>(s.output_bytes)); },
     [](double figure) { return si_size(static_cast<std::uint64_t>(figure)); }},
    {"bits", 8, true, [](const CompareSummary& s) { return s.overall_bits; },
     [](double figure) { return fmt::format("{:.3f}", figure); }},
    {"SQNR dB", 9, false, [](const CompareSummary& s) { return s.overall_sqnr_db; },
     [](double figure) { return fmt::format("{:.2f}", figure); }},
    {"max error", 11, true, [](const CompareSummary& s) { return s.max_abs_error; },
     [](double figure) { return fmt::format("{:.4g}", figure); }},
    {"mean KL", 11, true, [](const CompareSummary& s) { return s.mean_kl; },
     [](double figure) { return fmt::format("{:#.4g}", figure); }},
    {"same top", 11, false, [](const CompareSummary& s) { return s.same_top_1; },
     [](double figure) { return fmt::format("{:.3f} %", 100 * figure); }},
    {"ppl ratio", 11, true, [](const CompareSummary& s) { return s.perplexity_ratio; },
     [](double figure) { return fmt::format("{:.5f}", figure); }},
};

/// The best figure of a column; nothing where no side has one, or all have the same.
std::optional<double> best_of(const Column& column, const Sides& sides) {
    std::vector<double> figures;
    for (const CompareSummary& side : sides) {
        const std::optional<double> figure = column.figure(side);
        if (figure && !std::isnan(*figure)) figures.push_back(*figure);
    }
    if (figures.empty()) return std::nullopt;
    const auto [low, high] = std::minmax_element(figures.begin(), figures.end());
    if (*low == *high) return std::nullopt;
    return column.lower_is_better ? *low : *high;
}

std::string cell(const Column& column, const CompareSummary& side,
                 const std::optional<double>& best, bool color) {
    const std::optional<double> figure = column.figure(side);
    const std::string text = figure ? column.shown(*figure) : "-";
    const std::string padding(column.width - std::min(column.width, text.size()), ' ');
    const bool is_best = color && figure && best && *figure == *best;
    return padding + (is_best ? fmt::format("\x1b[1m{}\x1b[0m", text) : text);
}

void add_figures(Lines& lines, const Sides& sides, bool color) {
    std::string titles(3, ' ');
    std::vector<std::string> rows;
    for (std::size_t i = 0; i < sides.size(); ++i) rows.push_back(fmt::format("  {}", label_of(i)));
    for (const Column& column : kColumns) {
        const bool is_empty = std::none_of(
            sides.begin(), sides.end(),
            [&](const CompareSummary& side) { return column.figure(side).has_value(); });
        if (is_empty) continue;
        titles += fmt::format("{:>{}}", column.title, column.width);
        const std::optional<double> best = best_of(column, sides);
        for (std::size_t i = 0; i < sides.size(); ++i)
            rows[i] += cell(column, sides[i], best, color);
    }
    lines.line(titles);
    for (const std::string& row : rows) lines.line(row);
    lines.line("  bits and SQNR of all tensors, those that were kept included");
}

/// "a quantized set, 2 missing"
std::string what_side(const CompareSummary& side) {
    std::string text(what_it_is(side.output_is_set, side.output_format));
    const auto add = [&](std::uint64_t count, std::string_view what) {
        if (count > 0) text += fmt::format(", {} {}", with_commas(count), what);
    };
    add(side.missing, "missing");
    add(side.extra, "extra");
    add(side.changed, "changed");
    return text;
}

void add_paths(Lines& lines, const Original& original, const Sides& sides) {
    std::vector<std::string_view> names = {original.path};
    for (const CompareSummary& side : sides) names.push_back(side.output);
    const NameColumn column = name_column(names, 12, 30, lines.columns());
    const auto add = [&](const std::string& label, const std::string& path,
                         const std::string& what) {
        lines.line(
            fmt::format("  {:<2} {:<{}}  {}", label, column.fitted(path), column.width, what));
    };
    add("A", original.path,
        fmt::format("{}, {}", what_it_is(original.is_set, original.format),
                    si_size(original.bytes)));
    for (std::size_t i = 0; i < sides.size(); ++i)
        add(label_of(i), sides[i].output, what_side(sides[i]));
    for (std::size_t i = 0; i < sides.size(); ++i) {
        if (!sides[i].not_run.empty())
            lines.fact("not run", fmt::format("{}: {}", label_of(i), sides[i].not_run));
    }
}

void add_worst(Lines& lines, const Sides& sides) {
    std::vector<std::string_view> names;
    for (const CompareSummary& side : sides) {
        for (const WorstTensor& tensor : side.worst) names.push_back(tensor.name);
    }
    if (names.empty()) return;
    const NameColumn column = name_column(names, 32, 27, lines.columns());
    lines.heading("worst tensors");
    lines.line(
        fmt::format("     {:<{}} {:>9} {:>11}", "tensor", column.width, "SQNR dB", "max error"));
    for (std::size_t i = 0; i < sides.size(); ++i) {
        std::string label = label_of(i);
        for (const WorstTensor& tensor : sides[i].worst) {
            lines.line(fmt::format("  {:<2} {:<{}} {:>9.2f} {:>11.4g}", label,
                                   column.fitted(tensor.name), column.width, tensor.sqnr_db,
                                   tensor.max_abs_error));
            label.clear();
        }
    }
}

void add_gates(Lines& lines, const Sides& sides) {
    if (sides.front().checks.empty()) return;
    lines.heading("gates");
    for (std::size_t i = 0; i < sides.size(); ++i) {
        for (const Check& check : sides[i].checks) {
            const std::string limit =
                check.passed ? fmt::format(": --{} {}", check.name, check.limit) : "";
            lines.fact(check.passed ? "passed" : "failed",
                       fmt::format("{}: {}{}", label_of(i), check.detail, limit));
        }
    }
}

}  // namespace

std::string compare_table(const Original& original, const Sides& sides, double seconds,
                          const ReportOptions& options) {
    Lines lines(options.style);
    lines.heading(fmt::format("compared {} with {} others{}", printable(original.path),
                              sides.size(),
                              original.text.empty() ? "" : " on " + printable(original.text)));
    add_paths(lines, original, sides);
    add_figures(lines, sides, options.style.color);
    add_worst(lines, sides);
    add_gates(lines, sides);
    lines.line(fmt::format("done in {:.3g} s", seconds));
    return lines.take();
}

}  // namespace octet::report
