// Completions of bash, zsh and fish: commands, options, the values of closed lists, and paths where
// paths are taken.
#include <cctype>

#include <fmt/format.h>

#include "cli/pages/pages.hpp"

namespace octet::cli {
namespace {

constexpr std::string_view kOrigin = "made from the table of options in src/cli; not by hand";

/// What is typed of a choice: without the P of "percentile:P".
std::string_view typed(const Choice& choice) {
    const std::size_t colon = choice.name.find(':');
    return colon == choice.name.npos ? choice.name : choice.name.substr(0, colon + 1);
}

std::string typed_choices(const Option& option) {
    std::string words;
    for (const Choice& choice : option.choices)
        words += fmt::format("{}{}", words.empty() ? "" : " ", typed(choice));
    return words;
}

std::vector<std::string> names_of(const Option& option) {
    std::vector<std::string> names = {std::string(option.name)};
    if (option.letter != 0) names.push_back(fmt::format("-{}", option.letter));
    return names;
}

std::string joined(const std::vector<std::string>& words, std::string_view with) {
    return fmt::format("{}", fmt::join(words, with));
}

std::string links() {
    return fmt::format("{}", fmt::join(link_names().begin(), link_names().end(), " "));
}

/// 'quantize --preset' | 'plan --preset'
std::string bash_pattern(const Option& option) {
    std::vector<std::string> patterns;
    for (const std::string& command : command_names(option.commands)) {
        for (const std::string& name : names_of(option))
            patterns.push_back(fmt::format("'{} {}'", command, name));
    }
    return joined(patterns, " | ");
}

std::string bash_values() {
    std::string text;
    for (const Option* option : option_table()) {
        if (option->value.empty()) continue;
        const std::string action = !option->choices.empty()
                                       ? fmt::format("_octet_words '{}'", typed_choices(*option))
                                   : takes_path(*option) ? "_octet_paths"
                                                         : ":";  // nobody knows it
        text += fmt::format("        {}) {}; return ;;\n", bash_pattern(*option), action);
    }
    return text;
}

std::string bash_options() {
    std::string text;
    for (const Command& command : commands()) {
        std::vector<std::string> names;
        for (const Option* option : options_of(command.bit)) {
            for (const std::string& name : names_of(*option)) names.push_back(name);
        }
        text += fmt::format("        {}) _octet_words '{}' ;;\n", command.name, joined(names, " "));
    }
    return text;
}

/// With a backslash before everything that zsh's _arguments could take for its own.
/// The result stands inside '...'.
std::string zsh_escaped(std::string_view text, std::string_view special) {
    std::string result;
    for (const char c : text) {
        if (special.find(c) != special.npos) result += '\\';
        result += c == '\'' ? "'\\''" : std::string(1, c);
    }
    return result;
}

std::string zsh_action(const Option& option) {
    if (takes_path(option)) return "_files";
    if (option.choices.empty()) return " ";
    // A list with words has colons of its own, and none that ends in one.
    const bool with_words =
        has_words(option) && typed_choices(option).find(':') == std::string::npos;
    std::vector<std::string> items;
    for (const Choice& choice : option.choices) {
        items.push_back(zsh_escaped(typed(choice), ":"));
        if (with_words) items.back() += "\\:" + zsh_escaped(choice.help, " :()<>,;\"'\\");
    }
    const std::string list = joined(items, " ");
    return with_words ? "((" + list + "))" : "(" + list + ")";
}

/// One argument of _arguments for each name.
std::string zsh_option(const Option& option) {
    std::string text;
    const std::vector<std::string> names = names_of(option);
    for (const std::string& name : names) {
        const std::string once = option.repeatable ? "*" : fmt::format("({})", joined(names, " "));
        const bool is_long = name.starts_with("--");
        text += fmt::format(" \\\n    '{}{}{}[{}]", once, name,
                            option.value.empty() ? ""
                            : is_long            ? "="
                                                 : "+",
                            zsh_escaped(option.help, "[]\\:"));
        if (!option.value.empty())
            text += fmt::format(":{}:{}", zsh_escaped(option.value, ":"), zsh_action(option));
        text += "'";
    }
    return text;
}

std::string fish_quoted(std::string_view text) {
    std::string result = "'";
    for (const char c : text) {
        if (c == '\'' || c == '\\') result += '\\';
        result += c;
    }
    return result + "'";
}

std::string fish_option(const Option& option) {
    std::string line = fmt::format("complete -c octet -n '__octet_is {}'",
                                   joined(command_names(option.commands), " "));
    if (option.letter != 0) line += fmt::format(" -s {}", option.letter);
    line += fmt::format(" -l {}", option.name.substr(2));
    if (!option.value.empty()) line += takes_path(option) ? " -r -F" : " -x";
    if (!option.choices.empty()) {
        std::string items;
        for (const Choice& choice : option.choices) {
            items += fmt::format("{}{}", items.empty() ? "" : "\n", typed(choice));
            if (!choice.help.empty()) items += fmt::format("\\t{}", fish_quoted(choice.help));
        }
        line += fmt::format(" -a {}", fish_quoted(items));
    }
    return line + fmt::format(" -d {}\n", fish_quoted(option.help));
}

}  // namespace

std::string bash_completion() {
    std::string text = fmt::format("# octet's completion for bash, {}.\n", kOrigin);
    text += R"(
_octet_words() {
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
    # What ends in a colon goes on.
    if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *: ]]; then compopt -o nospace 2> /dev/null; fi
}

_octet_paths() {
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    compopt -o filenames 2> /dev/null
}

_octet() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[0]##*/} first=1
    COMPREPLY=()
    # --option=value comes in three words.
    if [[ $cur == = ]]; then
        cur=
    elif [[ $prev == = ]]; then
        prev=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    case $command in
)";
    text +=
        fmt::format("        {}) first=0 ;;\n        *) command=${{COMP_WORDS[1]}} ;;\n    esac\n",
                    fmt::join(link_names().begin(), link_names().end(), " | "));
    text += fmt::format(R"(    if ((first && COMP_CWORD == 1)); then
        _octet_words '{0} help --help --version'
        return
    fi
    if [[ $command == help ]]; then
        _octet_words '{0}'
        return
    fi
    case "$command $prev" in
)",
                        joined(command_names(), " "));
    text +=
        bash_values() +
        "    esac\n    if [[ $cur != -* ]]; then\n        _octet_paths\n        return\n    fi\n";
    text += "    case $command in\n" + bash_options() + "    esac\n}\n\n";
    return text + fmt::format("complete -F _octet octet {}\n", links());
}

std::string zsh_completion() {
    std::string text =
        fmt::format("#compdef octet {}\n# octet's completion for zsh, {}.\n", links(), kOrigin);
    std::string descriptions;
    for (const Command& command : commands()) {
        text += fmt::format("\n_octet_{}() {{\n  _arguments", command.name);
        for (const Option* option : options_of(command.bit)) text += zsh_option(*option);
        for (const Positional& positional : command.positionals)
            text += fmt::format(" \\\n    '{}:{}:_files'", positional.rest != nullptr ? "*" : "",
                                positional.name);
        text += "\n}\n";
        descriptions +=
            fmt::format("    '{}:{}'\n", command.name, zsh_escaped(command.summary, ":\\"));
    }
    text += "\n_octet() {\n  local -a commands=(\n" + descriptions +
            "    'help:List what a command takes'\n  )\n";
    text += R"(  if [[ $service != octet ]]; then
    _octet_$service
  elif (( CURRENT == 2 )); then
    _describe -t commands command commands
    _arguments '--help[print this help]' '--version[print the version]'
  elif [[ $words[2] == help ]]; then
    _describe -t commands command commands
  elif (( $+functions[_octet_$words[2]] )); then
    shift words
    (( CURRENT-- ))
    _octet_$words[1]
  fi
}

_octet "$@"
)";
    return text;
}

std::string fish_completion() {
    std::string text = fmt::format("# octet's completion for fish, {}.\n", kOrigin);
    text += R"(
function __octet_is
    set -l words (commandline -opc)
    test (count $words) -ge 2; and contains -- $words[2] $argv
end

function __octet_has_no_command
    test (count (commandline -opc)) -eq 1
end

complete -c octet -n __octet_has_no_command -f
)";
    for (const Command& command : commands())
        text += fmt::format("complete -c octet -n __octet_has_no_command -a {} -d {}\n",
                            command.name, fish_quoted(command.summary));
    text += "complete -c octet -n __octet_has_no_command -a help -d 'List what a command takes'\n";
    text += "complete -c octet -n __octet_has_no_command -l version -d 'print the version'\n";
    text += fmt::format("complete -c octet -n '__octet_is help' -f -a {}\n",
                        fish_quoted(joined(command_names(), " ")));
    for (const Option* option : option_table()) {
        if ((option->commands & kEveryCommand) != 0) text += fish_option(*option);
    }
    return text;
}

}  // namespace octet::cli
