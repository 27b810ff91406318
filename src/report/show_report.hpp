// Exporters of what show() found, and their parts.
#pragma once

#include <string>
#include <vector>

#include "octet/show.hpp"
#include "report/text_parts.hpp"

namespace octet::report {

/// For a terminal of 80 columns: tensors as torch prints them, facts, histograms.
std::string show_text(const ShowReport& report, unsigned precision, const TextStyle& style);

/// One JSON object (docs/cli.md).
std::string show_json(const ShowReport& report);

/// Lines of at most 66 columns: bars of '#', below them the code grid where there is one, and the
/// ends of the axis.
std::vector<std::string> histogram_lines(const ShownHistogram& histogram,
                                         const std::optional<CodeGrid>& grid);

}  // namespace octet::report
