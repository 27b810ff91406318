#include "report/text_parts.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace octet::report {

void Lines::heading(std::string_view text) {
    line(color_ ? fmt::format("\x1b[1m{}\x1b[0m", text) : std::string(text));
}

void Lines::fact(std::string_view name, std::string_view value) {
    line(fmt::format("  {:<11}{}", name, value));
}

std::string decibels(double value) {
    return fmt::format("{:.2f} dB", value);
}

std::string fitted(std::string_view name, std::size_t width) {
    const std::string text = printable(name);
    if (text.size() <= width) return text;
    const std::size_t tail = (width - 2) * 2 / 3;
    return text.substr(0, width - 2 - tail) + ".." + text.substr(text.size() - tail);
}

void add_checks(Lines& lines, const std::vector<Check>& checks) {
    if (checks.empty()) return;
    lines.heading("gates");
    for (const Check& check : checks) {
        const std::string limit = check.passed ? fmt::format(": --{} {}", check.name, check.limit) : "";
        lines.fact(check.passed ? "passed" : "failed", check.detail + limit);
    }
}

}  // namespace octet::report
