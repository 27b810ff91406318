// Tables of tensors for people: the name first, then what is told of it. Columns are as wide as
// what stands in them. Where the terminal has a width, names are cut in the middle until a row fits
// it, at the place that keeps them apart.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "report/text_parts.hpp"

namespace octet::report {

/// A column behind the names, at least `least` wide where there is no limit.
struct TableColumn {
    std::string_view title;
    std::size_t least = 0;
    bool is_text = false;  ///< to the left
};

struct TextTable {
    std::vector<std::string_view> names;  ///< a row each
    std::size_t least_name = 32;
    std::vector<TableColumn> columns;
    /// The cells of a row; asked for twice.
    std::function<std::vector<std::string>(std::size_t row)> cells;
};

/// Adds a line of titles and one for each row.
void add_table(Lines& lines, const TextTable& table);

/// Where names are cut that are longer than `width` columns: `head` of them are the name's
/// beginning, two are dots.
struct NameColumn {
    std::size_t width = 0;
    std::size_t head = 0;

    std::string fitted(std::string_view name) const;
};

/// A column for these names, `others` columns standing beside it in a terminal of `columns` (0: no
/// limit). Wider than there is room only where names that differ would look the same however they
/// are cut.
NameColumn name_column(const std::vector<std::string_view>& names, std::size_t least,
                       std::size_t others, std::size_t columns);

}  // namespace octet::report
