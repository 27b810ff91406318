// One list of members serves both directions. Enumerations are numbers: parts of one version read
// each other's, and no others.
#include "parts/options_text.hpp"

#include <algorithm>
#include <type_traits>

#include <fmt/format.h>

#include "octet/error.hpp"
#include "octet/rules.hpp"
#include "parts/lines.hpp"

namespace octet::parts {
namespace {

constexpr std::string_view kNone = "-";

template <typename Options, typename Visit>
void for_each_option(Options& options, Visit visit) {
    visit("preset", options.preset);
    visit("bits", options.scheme.bits);
    visit("granularity", options.scheme.granularity);
    visit("group-size", options.scheme.group_size);
    visit("axis", options.scheme.axis);
    visit("symmetric", options.scheme.symmetric);
    visit("zero-point", options.scheme.zero_point);
    visit("rounding", options.scheme.rounding);
    visit("range", options.scheme.range);
    visit("percentile", options.scheme.percentile_ppm);
    visit("scale-dtype", options.scheme.scale_dtype);
    visit("rules", options.rules);
    visit("importance", options.importance);
    visit("max-size", options.max_size);
    visit("target-sqnr", options.target_sqnr_db);
    visit("on-non-finite", options.on_non_finite);
    visit("companions", options.companions);
    visit("type", options.type);
    visit("format", options.format);
    visit("for", options.engine);
    visit("arch", options.architecture);
    visit("pre", options.pre_tokenizer);
    visit("no-fallback", options.no_fallback);
    visit("split-size", options.split_size);
    visit("min-sqnr-tensor", options.gates.min_sqnr_tensor);
    visit("min-sqnr", options.gates.min_sqnr);
    visit("max-abs-error", options.gates.max_abs_error);
    visit("max-output-size", options.gates.max_output_size);
    visit("keep-on-failure", options.keep_on_failure);
    visit("force", options.write.force);
    visit("sha256", options.write.sha256);
    visit("follow-links", options.write.follow_links);
}

std::string text_of(const std::string& text) {
    return word_of(text);
}

std::string text_of(const std::filesystem::path& path) {
    return word_of(std::filesystem::absolute(path).native());
}

std::string text_of(const std::vector<TensorRule>& rules) {
    std::string lines;
    for (const TensorRule& rule : rules) lines += rule_text(rule) + "\n";
    return word_of(lines);
}

template <typename T>
std::string text_of(const T& value) {
    if constexpr (std::is_enum_v<T>) {
        return fmt::format("{}", static_cast<unsigned>(value));
    } else {
        return fmt::format("{}", value);  // of a double the shortest text that reads back
    }
}

template <typename T>
std::string text_of(const std::optional<T>& value) {
    return value ? text_of(*value) : std::string(kNone);
}

bool read(std::string_view word, std::string& text) {
    const auto found = text_of_word(word);
    text = found.value_or("");
    return found.has_value();
}

bool read(std::string_view word, std::filesystem::path& path) {
    std::string text;
    const bool is_path = read(word, text);
    path = text;
    return is_path;
}

bool read(std::string_view word, std::vector<TensorRule>& rules) {
    std::string lines;
    if (!read(word, lines)) return false;
    std::string_view rest = lines;
    while (!rest.empty()) rules.push_back(parse_rule(take_line(rest)));
    return true;
}

bool read(std::string_view word, bool& value) {
    value = word == "true";
    return value || word == "false";
}

template <typename T>
bool read(std::string_view word, T& value) {
    if constexpr (std::is_enum_v<T>) {
        const auto number = number_of<std::uint8_t>(word);
        if (number) value = static_cast<T>(*number);
        return number.has_value();
    } else {
        const auto number = number_of<T>(word);
        if (number) value = *number;
        return number.has_value();
    }
}

template <typename T>
bool read(std::string_view word, std::optional<T>& value) {
    if (word == kNone) return true;
    return read(word, value.emplace());
}

}  // namespace

std::string option_lines(const QuantizeOptions& options) {
    std::string lines;
    for_each_option(options, [&](std::string_view name, const auto& value) {
        lines += fmt::format("option {} {}\n", name, text_of(value));
    });
    return lines;
}

bool set_option(QuantizeOptions& options, std::string_view line) {
    const std::string_view name = take_word(line);
    bool is_set = false;
    for_each_option(options, [&](std::string_view own, auto& value) {
        if (own == name) is_set = read(line, value);
    });
    return is_set;
}

}  // namespace octet::parts
