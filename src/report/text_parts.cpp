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
    // Half a character on either side of the cut would be bytes that some terminals take for control characters.
    const auto continues = [&](std::size_t at) { return (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U; };
    const std::size_t tail = (width - 2) * 2 / 3;
    std::size_t head_end = width - 2 - tail;
    std::size_t tail_begin = text.size() - tail;
    while (head_end > 0 && continues(head_end)) --head_end;
    while (tail_begin < text.size() && continues(tail_begin)) ++tail_begin;
    return text.substr(0, head_end) + ".." + text.substr(tail_begin);
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
