// A histogram in plain characters: a column for each part, as high as its count is to the largest;
// a part with few values has a dot, so that it is told from an empty one.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "report/show_report.hpp"

namespace octet::report {
namespace {

constexpr std::size_t kHeight = 8;

/// Writes `label` into `line` so that its middle is at `column`, moved inside where it would be
/// cut; not over another.
void put(std::string& line, std::size_t column, const std::string& label) {
    const std::size_t half = label.size() / 2;
    std::size_t begin = column > half ? column - half : 0;
    begin = std::min(begin, line.size() - std::min(line.size(), label.size()));
    const std::size_t from = begin > 0 ? begin - 1 : 0;
    const std::size_t to = std::min(begin + label.size() + 1, line.size());
    if (line.substr(from, to - from).find_first_not_of(' ') != std::string::npos) return;
    line.replace(begin, label.size(), label);
}

/// The column of a value; nothing outside of the axis.
std::optional<std::size_t> column_of(const ShownHistogram& histogram, double value) {
    const std::size_t width = histogram.counts.size();
    const double range = histogram.high - histogram.low;
    if (!(range > 0)) return value == histogram.low ? std::optional<std::size_t>(0) : std::nullopt;
    const double place = (value - histogram.low) / range * static_cast<double>(width);
    const double slack = 1e-6 * static_cast<double>(width);
    if (!(place >= -slack && place <= static_cast<double>(width) + slack)) return std::nullopt;
    return std::min(static_cast<std::size_t>(std::max(place, 0.0)), width - 1);
}

/// A mark where a code lies, and below it some of the codes.
void add_grid(const ShownHistogram& histogram, const CodeGrid& grid,
              std::vector<std::string>& lines) {
    const std::size_t width = histogram.counts.size();
    std::string marks(width, '-');
    std::string labels(width, ' ');
    const std::int32_t steps = grid.largest - grid.least;
    const bool is_dense = static_cast<std::size_t>(steps) >= width;
    const auto column = [&](std::int32_t code) {
        const double part = static_cast<double>(code - grid.least) / steps;
        return column_of(
            histogram, grid.value_of_least + part * (grid.value_of_largest - grid.value_of_least));
    };
    for (std::int32_t code = grid.least; code <= grid.largest; ++code) {
        if (const auto at = column(code)) marks[*at] = is_dense ? '+' : '|';
    }
    for (const std::int32_t fourth : {0, 4, 2, 1, 3}) {
        const std::int32_t code = grid.least + (steps * fourth + 2) / 4;
        const auto at = column(code);
        if (!at) continue;
        marks[*at] = '|';
        put(labels, *at, fmt::format("{}", code));
    }
    lines.push_back(marks);
    lines.push_back(labels);
}

}  // namespace

std::vector<std::string> histogram_lines(const ShownHistogram& histogram,
                                         const std::optional<CodeGrid>& grid) {
    std::vector<std::string> lines;
    const std::uint64_t most = *std::max_element(histogram.counts.begin(), histogram.counts.end());
    for (std::size_t row = kHeight; row > 0; --row) {
        std::string line;
        for (const std::uint64_t count : histogram.counts) {
            const double height =
                most == 0 ? 0.0 : static_cast<double>(count) / static_cast<double>(most) * kHeight;
            const bool is_full = height >= static_cast<double>(row) - 0.5;
            line += is_full ? '#' : row == 1 && count > 0 ? '.' : ' ';
        }
        lines.push_back(line);
    }
    if (grid) add_grid(histogram, *grid, lines);
    if (!grid) lines.emplace_back(histogram.counts.size(), '-');
    std::string axis(histogram.counts.size(), ' ');
    put(axis, 0, fmt::format("{:.4g}", histogram.low));
    put(axis, axis.size() - 1, fmt::format("{:.4g}", histogram.high));
    put(axis, axis.size() / 2,
        fmt::format("{:.4g}", histogram.low + (histogram.high - histogram.low) / 2));
    lines.push_back(axis);
    for (std::string& line : lines) line.erase(line.find_last_not_of(' ') + 1);
    return lines;
}

}  // namespace octet::report
