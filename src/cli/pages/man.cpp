// Manual pages in the man(7) macros, which groff and mandoc read. Markdown of the tables becomes
// fonts: `code` and **strong** are bold; of [text](link) the text stays.
#include <cctype>

#include <fmt/format.h>

#include "cli/help.hpp"
#include "cli/pages/pages.hpp"
#include "octet/octet.hpp"

namespace octet::cli {
namespace {

/// One character of text, safe in any place of a line.
std::string escaped(char c) {
    switch (c) {
        case '\\':
            return "\\e";
        case '-':
            return "\\-";
        case '\'':
            return "\\(aq";
        case '`':
            return "\\(ga";
        case '^':
            return "\\(ha";
        case '~':
            return "\\(ti";
        case '"':
            return "\\(dq";
        case '\n':
            return " ";
        default:
            return std::string(1, c);
    }
}

std::string plain(std::string_view text) {
    std::string result;
    for (const char c : text) result += escaped(c);
    return result;
}

std::string bold(std::string_view text) {
    return "\\fB" + plain(text) + "\\fR";
}

std::string italic(std::string_view text) {
    return "\\fI" + plain(text) + "\\fR";
}

/// Text from Markdown, before it is cut into lines.
std::string with_fonts(std::string_view text) {
    std::string result;
    bool is_bold = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool strong = text.substr(i).starts_with("**");
        if (text[i] == '`' || strong) {
            is_bold = !is_bold;
            result += is_bold ? "\\fB" : "\\fR";
            if (strong) ++i;
        } else if (!is_bold && text[i] == '[' && text.find("](", i) != text.npos) {
            continue;
        } else if (!is_bold && text.substr(i).starts_with("](")) {
            i = text.find(')', i);
        } else {
            result += escaped(text[i]);
        }
    }
    return result;
}

/// Lines of text, none of which begins like a request.
std::string roff(std::string_view markdown) {
    std::vector<std::string> lines = wrapped(with_fonts(markdown), 78);
    for (std::string& line : lines) {
        if (line.starts_with('.')) line.insert(0, "\\&");
    }
    return fmt::format("{}", fmt::join(lines, "\n"));
}

/// A tagged paragraph.
std::string tagged(const std::string& tag, std::string_view markdown) {
    return ".TP\n" + tag + "\n" + roff(markdown) + "\n";
}

std::string option_tag(const Option& option) {
    std::string tag = option.letter == 0 ? "" : bold(fmt::format("-{}", option.letter)) + ", ";
    tag += bold(option.name);
    return option.value.empty() ? tag : tag + " " + italic(option.value);
}

std::string option_text(const Option& option) {
    std::string text = tagged(option_tag(option), paragraph_of(option));
    if (option.choices.empty()) return text;
    if (!has_words(option)) return text + "One of " + bold(choices_of(option)) + ".\n";
    text += ".RS\n";
    for (const Choice& choice : option.choices)
        text += tagged(bold(choice.name), sentence(choice.help));
    return text + ".RE\n";
}

std::string options_text(const Command& command) {
    std::string text = ".SH OPTIONS\n";
    for (std::size_t group = 0; group < kGroupTitles.size(); ++group) {
        const std::vector<const Option*> options =
            options_of(command.bit, static_cast<Group>(group));
        if (options.empty()) continue;
        if (command.bit != kProgram) text += fmt::format(".SS {}\n", plain(kGroupTitles[group]));
        for (const Option* option : options) text += option_text(*option);
    }
    return text;
}

std::string fact_list(std::string_view heading, std::span<const Fact> facts) {
    std::string text = fmt::format(".SH {}\n", heading);
    for (const Fact& fact : facts) text += tagged(bold(fact.name), sentence(fact.text));
    return text;
}

std::string page_name(const Command& command) {
    return command.bit == kProgram ? "octet" : fmt::format("octet-{}", command.name);
}

std::string see_also(const Command& command) {
    std::string text;
    const auto add = [&](const Command& other) {
        if (other.bit != command.bit)
            text +=
                fmt::format("{}.BR {} (1)", text.empty() ? "" : " ,\n", plain(page_name(other)));
    };
    add(program());
    for (const Command& other : commands()) add(other);
    return ".SH SEE ALSO\n" + text + "\n";
}

std::string program_commands() {
    std::string text = ".SH COMMANDS\n";
    for (const Command& command : commands())
        text +=
            tagged(bold(command.name) + " " + italic(paths_of(command)), sentence(command.summary));
    return text;
}

}  // namespace

std::string man_page(const Command& command, std::string_view date) {
    const bool is_program = command.bit == kProgram;
    std::string title = page_name(command);
    for (char& c : title) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    std::string text =
        fmt::format(".\\\" Made from the tables in src/cli.\n.TH {} 1 {} \"octet {}\" \"octet\"\n",
                    plain(title), date, version());
    text += fmt::format(
        ".SH NAME\n{} \\- {}\n", plain(page_name(command)),
        is_program ? "quantize safetensors checkpoints and restore them" : plain(command.summary));
    text +=
        ".SH SYNOPSIS\n" + bold("octet") + " " +
        (is_program ? italic("COMMAND") : bold(command.name) + " " + italic(paths_of(command))) +
        " " + "[" + italic("OPTIONS") + "]\n";
    text += ".SH DESCRIPTION\n" + roff(command.manual) + "\n";
    for (const Positional& positional : command.positionals)
        text += tagged(italic(positional.name), sentence(positional.help));
    if (is_program) text += program_commands();
    text += options_text(command);
    text += fact_list("EXIT STATUS", exit_codes());
    text += fact_list("ENVIRONMENT", environment_variables());
    text += ".SH EXAMPLES\n.nf\n" + plain(command.example) + "\n.fi\n";
    return text + see_also(command);
}

}  // namespace octet::cli
