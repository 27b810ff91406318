// A name is cut at the first of a few places where no two names of the table come out alike; only
// where there is none does the column grow.
#include "report/text_table.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/text.hpp"

namespace octet::report {
namespace {

constexpr std::size_t kWidestName = 60;
constexpr std::size_t kWidestNameOfTwins = 240;
constexpr std::size_t kNarrowestName = 16;
constexpr std::size_t kDots = 2;

bool are_distinct(const std::set<std::string_view>& names, const NameColumn& column) {
    std::set<std::string> cut;
    for (const std::string_view name : names) {
        if (!cut.insert(column.fitted(name)).second) return false;
    }
    return true;
}

}  // namespace

std::string NameColumn::fitted(std::string_view name) const {
    return cut_in_the_middle(name, width, head);
}

NameColumn name_column(const std::vector<std::string_view>& names, std::size_t least,
                       std::size_t others, std::size_t columns) {
    std::size_t longest = 0;
    for (const std::string_view name : names) longest = std::max(longest, printable(name).size());
    std::size_t room = kWidestName;
    if (columns > 0) {
        room = std::max(columns > others ? columns - others : 0, kNarrowestName);
        least = std::min(least, room);
    }
    const std::size_t wanted = std::max(longest, least);
    if (wanted <= room) return {wanted, wanted};
    const std::set<std::string_view> different(names.begin(), names.end());
    for (std::size_t width = room; width < longest && width < kWidestNameOfTwins;
         width = std::min(2 * width, kWidestNameOfTwins)) {
        const std::size_t kept = width - kDots;
        for (const std::size_t percent : {33U, 45U, 55U, 65U, 75U, 20U, 85U}) {
            if (columns == 0 && percent != 33) break;  // it grows, as there is room
            const NameColumn column{width, kept * percent / 100};
            if (are_distinct(different, column)) return column;
        }
    }
    const std::size_t width = std::min(longest, kWidestNameOfTwins);
    return {width, (width - kDots) / 3};
}

void add_table(Lines& lines, const TextTable& table) {
    std::vector<std::size_t> widths;
    for (const TableColumn& column : table.columns)
        widths.push_back(std::max(lines.columns() == 0 ? column.least : 0, column.title.size()));
    for (std::size_t i = 0; i < table.names.size(); ++i) {
        const std::vector<std::string> cells = table.cells(i);
        for (std::size_t j = 0; j < cells.size(); ++j)
            widths[j] = std::max(widths[j], cells[j].size());
    }
    std::size_t others = 2;  // the indentation
    for (const std::size_t width : widths) others += 1 + width;
    const NameColumn names = name_column(table.names, table.least_name, others, lines.columns());
    const auto row = [&](std::string_view name, const auto& cell_of) {
        std::string text = fmt::format("  {:<{}}", name, names.width);
        for (std::size_t j = 0; j < widths.size(); ++j) {
            text += table.columns[j].is_text ? fmt::format(" {:<{}}", cell_of(j), widths[j])
                                             : fmt::format(" {:>{}}", cell_of(j), widths[j]);
        }
        lines.line(text);
    };
    row("tensor", [&](std::size_t j) { return table.columns[j].title; });
    for (std::size_t i = 0; i < table.names.size(); ++i) {
        const std::vector<std::string> cells = table.cells(i);
        row(names.fitted(table.names[i]),
            [&](std::size_t j) { return std::string_view(cells[j]); });
    }
}

}  // namespace octet::report
