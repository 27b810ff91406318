// Help is two columns: what to type, and what it does; values that need words stand below their
// option, a line each.
#include "cli/help.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace octet::cli {
namespace {

constexpr std::size_t kWidth = 80;
constexpr std::size_t kWidestLeft = 26;  // what is longer has its text on the next line

struct Line {
    std::string left;
    std::string right;
};

/// Where the right column begins.
std::size_t start_of(const std::vector<Line>& lines) {
    std::size_t left_width = 0;
    for (const Line& line : lines) {
        if (line.left.size() <= kWidestLeft) left_width = std::max(left_width, line.left.size());
    }
    return 2 + left_width + 2;
}

std::string columns(const std::vector<Line>& lines, std::size_t start) {
    std::string text;
    for (const Line& line : lines) {
        text += "  " + line.left;
        std::size_t at = 2 + line.left.size();
        for (const std::string& piece : wrapped(line.right, kWidth - start)) {
            if (at + 2 > start) text += '\n', at = 0;
            text += std::string(start - at, ' ') + piece;
            at = kWidth;
        }
        text += '\n';
    }
    return text;
}

std::string explanation(const Option& option) {
    std::string text(option.help);
    if (!option.choices.empty() && !has_words(option)) {
        std::vector<std::string_view> names;
        for (const Choice& choice : option.choices) names.push_back(choice.name);
        text += fmt::format(": {}", fmt::join(names, ", "));
    }
    if (!option.fallback.empty()) text += fmt::format(" (default: {})", option.fallback);
    if (option.repeatable) text += "; may be repeated";
    return text;
}

std::vector<Line> lines_of(const std::vector<const Option*>& options) {
    std::vector<Line> lines;
    for (const Option* option : options) {
        lines.push_back({signature(*option), explanation(*option)});
        if (!has_words(*option)) continue;
        for (const Choice& choice : option->choices)
            lines.push_back({fmt::format("    {}", choice.name), std::string(choice.help)});
    }
    return lines;
}

std::vector<Line> command_lines(bool are_main) {
    std::vector<Line> lines;
    for (const Command& command : commands()) {
        if (command.is_main == are_main)
            lines.push_back({std::string(command.name), std::string(command.summary)});
    }
    return lines;
}

/// The first words of help: what octet is.
std::string introduction() {
    return fmt::format("{}\n\n", fmt::join(wrapped(program().summary, kWidth), "\n"));
}

std::string program_help() {
    const std::size_t start = start_of(command_lines(true));
    return introduction() + "Usage: octet COMMAND [OPTIONS]\n\nCommands:\n" +
           columns(command_lines(true), start) + "\nMore commands:\n" +
           columns(command_lines(false), start) + "\nOptions:\n" +
           columns(lines_of(options_of(kProgram)), start) +
           fmt::format("\noctet help COMMAND lists what a command takes.\n\nExample: {}\n",
                       program().example);
}

}  // namespace

std::string signature(const Option& option) {
    return fmt::format("{}{}{}{}", option.letter == 0 ? "" : fmt::format("-{}, ", option.letter),
                       option.name, option.value.empty() ? "" : " ", option.value);
}

std::string paths_of(const Command& command) {
    std::string text;
    for (const Positional& positional : command.positionals) {
        if (!text.empty()) text += ' ';
        const std::string name =
            fmt::format("{}{}", positional.name, positional.rest != nullptr ? " ..." : "");
        text += positional.required ? name : fmt::format("[{}]", name);
    }
    return text;
}

std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
    constexpr std::string_view kBlank = " \n";
    std::vector<std::string> lines;
    for (std::size_t at = text.find_first_not_of(kBlank); at != text.npos;
         at = text.find_first_not_of(kBlank, at)) {
        const std::size_t end = std::min(text.find_first_of(kBlank, at), text.size());
        const std::string word(text.substr(at, end - at));
        if (lines.empty() || lines.back().size() + 1 + word.size() > width) {
            lines.push_back(word);
        } else {
            lines.back() += ' ' + word;
        }
        at = end;
    }
    return lines;
}

std::string help(const Command& command) {
    if (command.bit == kProgram) return program_help();
    std::vector<Line> paths;
    for (const Positional& positional : command.positionals)
        paths.push_back({std::string(positional.name), std::string(positional.help)});
    const std::size_t start = start_of(lines_of(options_of(command.bit)));
    std::string text = fmt::format("{}\n\nUsage: octet {} {} [OPTIONS]\n\n", command.summary,
                                   command.name, paths_of(command)) +
                       columns(paths, start);
    for (std::size_t group = 0; group < kGroupTitles.size(); ++group) {
        const std::vector<const Option*> options =
            options_of(command.bit, static_cast<Group>(group));
        if (!options.empty())
            text +=
                fmt::format("\n{}:\n{}", kGroupTitles[group], columns(lines_of(options), start));
    }
    return text + fmt::format("\nExample: {}\n", command.example);
}

std::string overview() {
    std::vector<std::string_view> names;
    for (const Command& command : commands()) {
        if (!command.is_main) names.push_back(command.name);
    }
    return introduction() + columns(command_lines(true), start_of(command_lines(true))) +
           fmt::format("\nMore: {}, and octet --help.\n", fmt::join(names, ", "));
}

}  // namespace octet::cli
