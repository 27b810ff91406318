// Columns are as wide as what stands in them; names beyond their column are cut in the middle.
#include "report/text_parts.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/text.hpp"

namespace octet::report {
namespace {

constexpr std::size_t kWidestName = 60;
constexpr std::size_t kWidestNameOfTwins = 240;

}  // namespace

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
    // Half a character on either side of the cut would be bytes that some terminals take for
    // control characters.
    const auto continues = [&](std::size_t at) {
        return (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U;
    };
    const std::size_t tail = (width - 2) * 2 / 3;
    std::size_t head_end = width - 2 - tail;
    std::size_t tail_begin = text.size() - tail;
    while (head_end > 0 && continues(head_end)) --head_end;
    while (tail_begin < text.size() && continues(tail_begin)) ++tail_begin;
    return text.substr(0, head_end) + ".." + text.substr(tail_begin);
}

std::string short_reason(const std::string& reason) {
    return reason.starts_with(kStateReason) ? "the state of weights that came quantized" : reason;
}

std::size_t name_width(const std::vector<std::string_view>& names, std::size_t least) {
    std::size_t longest = least;
    for (const std::string_view name : names) longest = std::max(longest, printable(name).size());
    const std::set<std::string_view> different(names.begin(), names.end());
    std::size_t width = std::min(longest, kWidestName);
    for (; width < longest && width < kWidestNameOfTwins;
         width = std::min(2 * width, kWidestNameOfTwins)) {
        std::set<std::string> cut;
        for (const std::string_view name : different) cut.insert(fitted(name, width));
        if (cut.size() == different.size()) break;
    }
    return std::min(width, longest);
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
