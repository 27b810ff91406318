// The report of generate, as text and as JSON: what was said, how fast, and where two models part.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/text.hpp"
#include "octet/octet.hpp"
#include "report/json_parts.hpp"
#include "report/model_report.hpp"
#include "report/text_parts.hpp"

namespace octet::report {
namespace {

std::vector<std::uint64_t> wide(const std::vector<std::uint32_t>& ids) {
    return {ids.begin(), ids.end()};
}

void write_generation(JsonWriter& writer, const Generation& generation) {
    writer.key("prompt").string(json_path(generation.prompt));
    write_numbers(writer, "prompt_ids", wide(generation.prompt_ids));
    write_numbers(writer, "ids", wide(generation.ids));
    writer.key("text").string(json_path(generation.text));
    writer.key("stop").string(stop_name(generation.stop));
    writer.key("prompt_seconds").statistic(generation.prompt_seconds);
    writer.key("tokens_per_second");
    if (generation.tokens_per_second > 0) {
        writer.statistic(generation.tokens_per_second);
    } else {
        writer.raw("null");  // nothing was measured
    }
}

/// What is shown of a generation: its text, or where there is no tokenizer its ids.
std::string shown(const Generation& generation) {
    if (generation.pieces.empty() && !generation.ids.empty())
        return fmt::format("{}", fmt::join(generation.ids, " "));
    return printable(generation.text);
}

/// "13,920", "24.6": one decimal place below 100.
std::string rate_text(double rate) {
    return rate < 99.95 ? fmt::format("{:.1f}", rate)
                        : with_commas(static_cast<std::uint64_t>(std::llround(rate)));
}

/// The same with the token at `marked` in brackets.
std::string shown_with_mark(const Generation& generation, std::size_t marked) {
    std::string text;
    for (std::size_t i = 0; i <= generation.ids.size(); ++i) {
        const bool is_end = i == generation.ids.size();
        const std::string piece = is_end ? ""
                                  : generation.pieces.empty()
                                      ? fmt::format("{} ", generation.ids[i])
                                      : printable(generation.pieces[i]);
        text += i == marked ? fmt::format("[{}]", is_end ? "end" : piece) : piece;
    }
    return text;
}

}  // namespace

std::optional<std::size_t> first_difference(const Generation& a, const Generation& b) {
    const auto [mine, theirs] =
        std::mismatch(a.ids.begin(), a.ids.end(), b.ids.begin(), b.ids.end());
    if (mine == a.ids.end() && theirs == b.ids.end()) return std::nullopt;
    return static_cast<std::size_t>(mine - a.ids.begin());
}

std::string generation_facts(const Generation& generation) {
    const std::string_view why = generation.stop == Stop::kEnd ? "stopped at the end token"
                                 : generation.stop == Stop::kLength
                                     ? "stopped at --max-new-tokens"
                                     : "stopped at the end of the context";
    std::string text = fmt::format("{} after {}", why, counted(generation.ids.size(), "token"));
    if (generation.tokens_per_second > 0)
        text += fmt::format(", {} tokens/s", rate_text(generation.tokens_per_second));
    return text;
}

std::string generation_text(const Generation& generation, const Generation* versus,
                            const TextStyle& style) {
    Lines lines(style);
    if (versus == nullptr) {
        const bool continues = generation.continues_prompt && !generation.pieces.empty();
        lines.line((continues ? printable(generation.prompt) : "") + shown(generation));
        lines.line("  (" + generation_facts(generation) + ")");
        return lines.take();
    }
    const std::optional<std::size_t> place = first_difference(generation, *versus);
    lines.heading("prompt");
    lines.line("  " + (generation.prompt.empty()
                           ? fmt::format("{}", fmt::join(generation.prompt_ids, " "))
                           : printable(generation.prompt)));
    for (const Generation* one : {&generation, versus}) {
        lines.heading(printable(one->input));
        lines.line("  " + (place ? shown_with_mark(*one, *place) : shown(*one)));
        lines.line("  (" + generation_facts(*one) + ")");
    }
    lines.line(place
                   ? fmt::format("the first different token is number {}, in brackets", *place + 1)
                   : fmt::format("the same: all {}", counted(generation.ids.size(), "token")));
    return lines.take();
}

std::string generation_json(const Generation& generation, const Report& model,
                            const Generation* versus) {
    std::string text;
    JsonWriter writer(text, JsonWriter::Style::kLines);
    writer.begin_object();
    writer.key("command").string("generate").key("version").string(version());
    writer.key("input").string(json_path(generation.input)).key("output").string("");
    write_totals(writer, model.totals);
    write_tensors(writer, model.tensors);
    write_generation(writer, generation);
    if (versus != nullptr) {
        writer.key("versus").begin_object().key("input").string(json_path(versus->input));
        write_generation(writer, *versus);
        writer.end_object();
        const std::optional<std::size_t> place = first_difference(generation, *versus);
        writer.key("first_difference");
        if (place) {
            writer.integer(*place);
        } else {
            writer.raw("null");
        }
    }
    write_checks(writer, {});
    writer.key("seconds").statistic(generation.seconds + (versus != nullptr ? versus->seconds : 0));
    writer.end_object();
    return printable_json(text) + "\n";
}

}  // namespace octet::report
