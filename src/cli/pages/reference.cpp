// The reference in docs/cli.md: what stands between "<!-- made: NAME -->" and "<!-- end -->", in
// lines of 100 columns.
#include <algorithm>
#include <cctype>
#include <stdexcept>

#include <fmt/format.h>

#include "cli/help.hpp"
#include "cli/pages/pages.hpp"
#include "octet/octet.hpp"

namespace octet::cli {
namespace {

constexpr std::size_t kWidth = 100;
constexpr char kHeld = '\x1f';

/// `text` in lines, all but the first behind `indent` blanks.
std::string hanging(const std::string& text, std::size_t indent) {
    return fmt::format("{}\n",
                       fmt::join(wrapped(text, kWidth - indent), "\n" + std::string(indent, ' ')));
}

/// `text` with blanks at which hanging() does not break.
std::string in_one_line(std::string text) {
    std::replace(text.begin(), text.end(), ' ', kHeld);
    return text;
}

/// The name, and what stands behind it in a synopsis.
std::string usage_of(const Option& option) {
    const std::string value =
        option.choices.empty() ? std::string(option.value) : choices_of(option);
    const std::string name =
        option.letter == 0 ? std::string(option.name) : fmt::format("-{}", option.letter);
    return value.empty() ? name : name + " " + value;
}

std::string synopses() {
    std::string text = "```\n";
    for (const Command& command : commands()) {
        std::string line = fmt::format("octet {} {}", command.name, paths_of(command));
        for (const Option* option : options_of(command.bit)) {
            if (option->group == Group::kRun) continue;
            const std::string usage = usage_of(*option) + (option->repeatable ? " ..." : "");
            line += " " + in_one_line(option->required ? usage : "[" + usage + "]");
        }
        text += hanging(line, 6);
    }
    std::replace(text.begin(), text.end(), kHeld, ' ');
    std::vector<std::string> common;
    for (const Option* option : options_of(kQuantize, Group::kRun))
        common.push_back("`" + signature(*option) + "`");
    return text + "octet --version [--json] | --help | COMMAND --help | help [COMMAND]\n```\n\n" +
           hanging(fmt::format("Every command also takes {}.", fmt::join(common, ", ")), 0) + "\n";
}

std::string commands_text(const Option& option) {
    if (option.commands == kEveryCommand || option.commands == (kEveryCommand | kProgram))
        return "every command";
    const std::vector<std::string> names = command_names(option.commands);
    return names.empty() ? "octet itself" : fmt::format("{}", fmt::join(names, ", "));
}

std::string option_list() {
    std::string text;
    for (std::size_t group = 0; group < kGroupTitles.size(); ++group) {
        text += fmt::format("\n### {}\n\n", kGroupTitles[group]);
        for (const Option* option :
             options_of(kEveryCommand | kProgram, static_cast<Group>(group))) {
            const std::string name =
                has_words(*option) || option->letter != 0 ? signature(*option) : usage_of(*option);
            text += "* " + hanging(fmt::format("`{}` ({}): {}", name, commands_text(*option),
                                               paragraph_of(*option)),
                                   2);
            for (const Choice& choice : option->choices) {
                if (has_words(*option))
                    text += "  * " + hanging(fmt::format("`{}`: {}", choice.name, choice.help), 4);
            }
        }
    }
    return text + "\n";
}

std::string facts(std::span<const Fact> list) {
    std::string text = "\n";
    for (const Fact& fact : list)
        text += "* " + hanging(fmt::format("`{}`: {}.", fact.name, fact.text), 2);
    return text + "\n";
}

std::string made(std::string_view name) {
    if (name == "synopses") return synopses();
    if (name == "options") return option_list();
    if (name == "environment") return facts(environment_variables());
    if (name == "exit codes") return facts(exit_codes());
    throw std::runtime_error(fmt::format("nothing is made for the marker '{}'", name));
}

}  // namespace

std::string sentence(std::string_view text) {
    std::string result(text);
    if (result.empty()) return result;
    result.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(result.front())));
    if (result.back() != '.') result += '.';
    return result;
}

std::string paragraph_of(const Option& option) {
    std::string text = sentence(option.manual.empty() ? option.help : option.manual);
    if (option.repeatable) text += " It may be repeated.";
    if (!option.needs.empty()) text += fmt::format(" It needs `{}`.", option.needs);
    const std::string_view quote =
        option.fallback.find(' ') == option.fallback.npos ? "`" : "";  // else it is no value
    if (!option.fallback.empty())
        text += fmt::format(" Default: {0}{1}{0}.", quote, option.fallback);
    return text;
}

std::string choices_of(const Option& option) {
    std::string text;
    for (const Choice& choice : option.choices)
        text += fmt::format("{}{}", text.empty() ? "" : "|", choice.name);
    return text;
}

std::string with_reference(std::string_view document) {
    constexpr std::string_view kBegin = "<!-- made: ";
    constexpr std::string_view kEnd = "<!-- end -->";
    std::string result;
    for (;;) {
        const std::size_t begin = document.find(kBegin);
        if (begin == document.npos) return result.append(document);
        const std::size_t after = document.find(" -->\n", begin);
        const std::size_t end = document.find(kEnd, begin);
        if (after == document.npos || end == document.npos)
            throw std::runtime_error("a marker has no end");
        const std::string_view name =
            document.substr(begin + kBegin.size(), after - begin - kBegin.size());
        result.append(document.substr(0, after + 5)).append(made(name));
        document.remove_prefix(end);
        result.append(kEnd);
        document.remove_prefix(kEnd.size());
    }
}

}  // namespace octet::cli
