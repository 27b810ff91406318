// Columns are as wide as what stands in them; names beyond their column are cut in the middle.
#include "report/text_parts.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace octet::report {

void Lines::heading(std::string_view text) {
    line(style_.color ? fmt::format("\x1b[1m{}\x1b[0m", text) : std::string(text));
}

void Lines::sentence(std::string_view text, std::size_t hang) {
    std::string rest(text);
    while (style_.columns > hang && rest.size() > style_.columns) {
        const std::size_t end = rest.rfind(' ', style_.columns);
        if (end == std::string::npos || end <= hang) break;
        line(std::string_view(rest).substr(0, end));
        rest = std::string(hang, ' ') + rest.substr(end + 1);
    }
    line(rest);
}

void Lines::fact(std::string_view name, std::string_view value) {
    sentence(fmt::format("  {:<11}{}", name, value), 13);
}

std::string decibels(double value) {
    return fmt::format("{:.2f} dB", value);
}

std::string fitted(std::string_view name, std::size_t width) {
    return cut_in_the_middle(name, width, width - 2 - (width - 2) * 2 / 3);
}

std::string cut_in_the_middle(std::string_view name, std::size_t width, std::size_t head) {
    const std::string text = printable(name);
    if (text.size() <= width) return text;
    // Half a character on either side of the cut would be bytes that some terminals take for
    // control characters.
    const auto continues = [&](std::size_t at) {
        return (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U;
    };
    std::size_t head_end = head;
    std::size_t tail_begin = text.size() - (width - 2 - head);
    while (head_end > 0 && continues(head_end)) --head_end;
    while (tail_begin < text.size() && continues(tail_begin)) ++tail_begin;
    return text.substr(0, head_end) + ".." + text.substr(tail_begin);
}

std::string short_reason(const std::string& reason) {
    return reason.starts_with(kStateReason) ? "the state of weights that came quantized" : reason;
}

std::string ratio_text(std::uint64_t before, std::uint64_t after) {
    if (after == 0 || before == 0) return "";
    const double ratio = static_cast<double>(before) / static_cast<double>(after);
    return ratio >= 1 ? fmt::format("{:.2f} x smaller", ratio)
                      : fmt::format("{:.2f} x larger", 1 / ratio);
}

void add_sqnr(Lines& lines, const Totals& t) {
    const std::string_view what = t.sqnr_db_with_buffers ? " over all quantized values but buffers"
                                                         : " over all quantized values";
    if (t.sqnr_db) lines.fact("SQNR", decibels(*t.sqnr_db) + std::string(what));
    if (t.sqnr_db_with_buffers)
        lines.fact("", decibels(*t.sqnr_db_with_buffers) + " with the buffers");
}

void add_checks(Lines& lines, const std::vector<Check>& checks) {
    if (checks.empty()) return;
    lines.heading("gates");
    for (const Check& check : checks) {
        const std::string limit =
            check.passed ? fmt::format(": --{} {}", check.name, check.limit) : "";
        lines.fact(check.passed ? "passed" : "failed", check.detail + limit);
    }
}

}  // namespace octet::report
