// How the table of options becomes a parser: each row is registered with CLI11 under its names,
// keeps the text it was given, and is set when the whole command line is known to be well formed,
// in the order of the table.
#include "cli/parse.hpp"

#include <algorithm>
#include <deque>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "base/text.hpp"
#include "octet/error.hpp"
#include "quant/active_kernels.hpp"

namespace octet::cli {
namespace {

/// A row, and what it was given.
struct Slot {
    const Option* row = nullptr;
    CLI::Option* parser = nullptr;
    std::string text = {};
    std::vector<std::string> texts = {};  ///< of a repeatable one
    bool on = false;                      ///< of a flag
};

/// A deque, since CLI11 keeps the addresses of what it writes into.
using Slots = std::deque<Slot>;

void add_option(CLI::App& app, Slot& slot, Arguments& arguments) {
    const Option& row = *slot.row;
    const std::string name =
        row.letter == 0 ? std::string(row.name) : fmt::format("-{},{}", row.letter, row.name);
    if (row.path != nullptr) {
        slot.parser = app.add_option(name, arguments.*row.path);
    } else if (row.value.empty()) {
        slot.parser = app.add_flag(name, slot.on);
    } else if (row.repeatable) {  // one value each: what follows is a path
        slot.parser = app.add_option(name, slot.texts)->take_all()->allow_extra_args(false);
    } else {
        slot.parser = app.add_option(name, slot.text);
    }
    slot.parser->required(row.required);
}

void relate(Slots& slots, const std::vector<CLI::Option*>& positionals) {
    for (const Slot& slot : slots) {
        for (const Slot& other : slots) {
            if (!slot.row->needs.empty() && other.row->name == slot.row->needs)
                slot.parser->needs(other.parser);
            if (slot.row->alone && other.row->group != Group::kRun && &other != &slot)
                slot.parser->excludes(other.parser);
        }
        for (CLI::Option* positional : positionals) {
            if (slot.row->alone) slot.parser->excludes(positional);
        }
    }
}

/// Everything that the command takes, but --help and --version, which CLI11 answers by itself.
void describe(CLI::App& app, const Command& command, Slots& slots, Arguments& arguments) {
    app.set_help_flag("-h,--help");
    if (command.bit == kProgram) {
        app.set_version_flag("--version", std::string());
        app.add_flag("--json");  // beside --version alone, as the rest of a program's options
    }
    std::vector<CLI::Option*> positionals;
    for (const Positional& positional : command.positionals) {
        const std::string name(positional.name);
        positionals.push_back(positional.rest != nullptr
                                  ? app.add_option(name, arguments.*positional.rest)
                                  : app.add_option(name, arguments.*positional.path));
        positionals.back()->required(positional.required);
    }
    for (const Option* row : options_of(command.bit)) {
        if (row->set == nullptr && row->path == nullptr) continue;
        slots.push_back({row});
        add_option(app, slots.back(), arguments);
    }
    relate(slots, positionals);
}

std::string help_of(const Command& command) {
    return command.bit == kProgram ? "octet --help" : fmt::format("octet {} --help", command.name);
}

/// The line for a word that nobody takes.
std::string unknown_word(const Command& command, const std::string& word) {
    const bool is_option = word.starts_with("-");
    const bool is_command = !is_option && command.bit == kProgram;
    std::vector<std::string> candidates = is_command ? command_names() : std::vector<std::string>();
    if (is_option) {
        for (const Option* row : options_of(command.bit)) candidates.emplace_back(row->name);
    }
    const auto nearest = nearest_spelling(word, candidates);
    return fmt::format(
        "{}{}; {}",
        is_option    ? "unknown option "
        : is_command ? "unknown command "
                     : "one argument too many: ",
        in_quotes(word),
        nearest ? fmt::format("did you mean {}?", *nearest) : "see " + help_of(command));
}

/// The line for a command line that CLI11 refused.
std::string usage_message(const Command& command, const CLI::App& app,
                          const CLI::ParseError& error) {
    const std::vector<std::string> extras = app.remaining(true);
    if (!extras.empty())
        return unknown_word(command, extras.front().substr(0, extras.front().find('=')));
    std::string text = error.what();
    std::replace(text.begin(), text.end(), '\n', ' ');
    if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
        const bool repeated = text.find("but received") != std::string::npos;
        text = text.substr(0, text.find(':')) +
               (repeated ? ": is given more than once" : ": needs a value");
    }
    return fmt::format("{}; see {}", printable(text), help_of(command));
}

void set(const Slot& slot, Arguments& arguments) {
    const Option& row = *slot.row;
    if (row.set == nullptr || slot.parser->count() == 0) return;
    if (row.value.empty()) return row.set(arguments, {row, slot.on ? "true" : "false"});
    if (!row.repeatable) return row.set(arguments, {row, slot.text});
    for (const std::string& text : slot.texts) row.set(arguments, {row, text});
}

/// list_schemes needs no path; any other has to have all of its own.
void check_paths(const Command& command, const Slots& slots, const Arguments& arguments) {
    const bool is_alone = std::any_of(slots.begin(), slots.end(), [](const Slot& slot) {
        return slot.row->alone && slot.parser->count() != 0 && slot.on;
    });
    if (is_alone) return;
    const auto is_empty = [&](std::string Arguments::*path) {
        return path != nullptr && (arguments.*path).empty();
    };
    const auto has_empty = [&](const Positional& positional) {
        if (positional.rest == nullptr) return is_empty(positional.path);
        const std::vector<std::string>& rest = arguments.*positional.rest;
        return std::find(rest.begin(), rest.end(), std::string()) != rest.end();
    };
    const bool some_empty =
        std::any_of(command.positionals.begin(), command.positionals.end(), has_empty) ||
        std::any_of(slots.begin(), slots.end(), [&](const Slot& slot) {
            return slot.row->required && is_empty(slot.row->path);
        });
    if (some_empty) throw Error(ErrorCode::kUsage, "a path is empty; see " + help_of(command));
}

}  // namespace

Request parse(const Command& command, const std::vector<std::string>& words, Arguments& arguments) {
    CLI::App app;
    Slots slots;
    describe(app, command, slots, arguments);
    try {
        app.parse(std::vector<std::string>(words.rbegin(),
                                           words.rend()));  // it takes the last word first
    } catch (const CLI::CallForHelp&) {
        return Request::kHelp;
    } catch (const CLI::CallForVersion&) {
        return Request::kVersion;
    } catch (const CLI::ParseError& error) {
        throw Error(ErrorCode::kUsage, usage_message(command, app, error));
    }
    if (command.bit == kProgram && !words.empty())
        throw Error(ErrorCode::kUsage, unknown_word(command, words.front()));
    check_paths(command, slots, arguments);
    quant::active_kernels();  // an unknown OCTET_ISA is refused whatever the command
    for (const Slot& slot : slots) set(slot, arguments);
    return Request::kRun;
}

}  // namespace octet::cli
