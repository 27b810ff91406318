#include <algorithm>
#include <array>
#include <filesystem>
#include <new>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/confine.hpp"
#include "cli/signals.hpp"
#include "io/large_buffer.hpp"
#include "io/sandbox.hpp"
#include "octet/octet.hpp"
#include "quant/active_kernels.hpp"

namespace octet::cli {
namespace {

struct Command {
    std::string_view name;
    void (*add)(CLI::App& app, Invocation& invocation);
    const char* example;

    void add_to(CLI::App& app, Invocation& invocation) const {
        add(app, invocation);
        app.get_subcommand(std::string(name))->footer(fmt::format("Example: {}", example));
    }
};

/// In the order of `octet --help`.
constexpr std::array kCommands = {
    Command{"quantize", add_quantize,
            "octet quantize model.safetensors out/ --granularity group --bits 4 --min-sqnr 20"},
    Command{"dequantize", add_dequantize, "octet dequantize out/ restored.safetensors"},
    Command{"inspect", add_inspect, "octet inspect out/ --sizes --tensors '*.weight' --sort sqnr"},
    Command{"verify", add_verify, "octet verify out/ --source model.safetensors"},
    Command{"compare", add_compare, "octet compare model.safetensors out/ --min-sqnr-tensor 30"},
    Command{"plan", add_plan, "octet plan model.safetensors --rule '*.bias=keep' --max-size 70MB"},
    Command{"generate", add_generate,
            "octet generate out/ --versus model/ --prompt 'The quick brown fox' --max-new-tokens 20"},
    Command{"evaluate", add_evaluate, "octet evaluate out/ --text eval.txt --reference model/ --max-kl 0.01"},
    Command{"calibrate", add_calibrate, "octet calibrate model/ --text some.txt -o importance.safetensors"},
};

std::vector<std::string> command_names() {
    std::vector<std::string> names;
    for (const Command& command : kCommands) names.emplace_back(command.name);
    return names;
}

/// Only the command that is called, where the first word names one: all of them take a millisecond to describe.
void add_commands(CLI::App& app, const std::string& first_word, Invocation& invocation) {
    const auto* const named = std::find_if(kCommands.begin(), kCommands.end(),
                                           [&](const Command& command) { return command.name == first_word; });
    if (named != kCommands.end()) return named->add_to(app, invocation);
    for (const Command& command : kCommands) command.add_to(app, invocation);
}

/// Called under one of these names the program is that command.
const std::vector<std::string> kLinkNames = {"quantize", "dequantize", "inspect"};

When when_of(std::string_view option, const std::string& value) {
    return static_cast<When>(choice_of(option, value, {"auto", "always", "never"}));
}

std::vector<std::string> option_names(const CLI::App& command) {
    std::vector<std::string> names;
    for (const CLI::Option* option : command.get_options()) {
        for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
    return names;
}

/// The line for a command line that CLI11 refused, with the nearest right spelling.
std::string usage_message(const CLI::App& app, const CLI::ParseError& error) {
    const auto chosen = app.get_subcommands();
    const CLI::App& command = chosen.empty() ? app : *chosen.front();
    const std::string help = chosen.empty() ? "octet --help" : "octet " + command.get_name() + " --help";
    const std::vector<std::string> extras = app.remaining(true);
    if (!extras.empty()) {
        const std::string word = extras.front().substr(0, extras.front().find('='));
        const bool is_option = word.starts_with("-");
        const auto nearest = nearest_spelling(word, is_option        ? option_names(command)
                                                    : chosen.empty() ? command_names()
                                                                     : std::vector<std::string>{});
        const std::string what = is_option        ? "unknown option "
                                 : chosen.empty() ? "unknown command "
                                                  : "one argument too many: ";
        return fmt::format("{}{}; {}", what, in_quotes(word),
                           nearest ? fmt::format("did you mean {}?", *nearest) : "see " + help);
    }
    std::string text = error.what();
    std::replace(text.begin(), text.end(), '\n', ' ');
    if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
        const bool repeated = text.find("but received") != std::string::npos;
        text = text.substr(0, text.find(':')) + (repeated ? ": is given more than once" : ": needs a value");
    }
    return fmt::format("{}; see {}", printable(text), help);
}

void describe(CLI::App& app) {
    app.name("octet");
    app.description(
        "octet quantizes safetensors checkpoints to 8, 6, 5, 4, 3 or 2 bits and back, and says what it cost.");
    app.set_version_flag("--version", "octet " + std::string(version()));
    app.require_subcommand(1);
    app.get_formatter()->column_width(34);
    app.footer("Example: octet quantize model.safetensors out/ && octet inspect out/ --sizes");
}

/// "quantize a b" when the program was called under that name.
std::vector<std::string> with_link_name(const std::vector<std::string>& arguments) {
    const std::string name = std::filesystem::path(arguments.front()).filename().native();
    std::vector<std::string> rest(arguments.begin() + 1, arguments.end());
    const bool linked = std::find(kLinkNames.begin(), kLinkNames.end(), name) != kLinkNames.end();
    const bool asks_version = !rest.empty() && rest.front() == "--version";
    if (linked && !asks_version) rest.insert(rest.begin(), name);
    return rest;
}

/// "octet help" and "octet help COMMAND" are "octet --help" and "octet COMMAND --help".
std::vector<std::string> with_help_as_option(std::vector<std::string> words) {
    if (words.empty() || words.front() != "help") return words;
    words.erase(words.begin());
    const std::vector<std::string> names = command_names();
    // What is no command is refused as such.
    if (words.empty() || std::find(names.begin(), names.end(), words.front()) != names.end())
        words.emplace_back("--help");
    return words;
}

int fail(Terminal& terminal, const Invocation& invocation, ErrorCode code, const std::string& message) {
    terminal.error(message);
    const CommonOptions& common = invocation.common;
    const int exit_code = static_cast<int>(code) + (code == ErrorCode::kInterrupted ? signal_received() : 0);
    try {
        if (common.json)
            terminal.out(report::json_error(invocation.command, common.input, common.output, exit_code, message));
    } catch (const Error&) {
        // Standard output is what failed, or fails too: the line on stderr has to do.
    }
    return exit_code;
}

int run_invocation(Terminal& terminal, const Invocation& invocation) {
    static constexpr std::array<std::string_view, 4> kWithOutput = {"quantize", "dequantize", "compare", "calibrate"};
    const bool has_output = std::find(kWithOutput.begin(), kWithOutput.end(), invocation.command) != kWithOutput.end();
    if ((invocation.needs_input && invocation.common.input.empty()) || (has_output && invocation.common.output.empty()))
        throw Error(ErrorCode::kUsage, "a path is empty; see octet " + invocation.command + " --help");
    const bool writes = has_output && invocation.command != "compare";
    quant::active_kernels();  // an unknown OCTET_ISA is refused whatever the command
    terminal.set_quiet(invocation.common.quiet);
    terminal.set_color(when_of("--color", invocation.common.color));
    terminal.set_progress(when_of("--progress", invocation.common.progress));
    // Before INPUT is read and before there are threads: what is given up is given up by those that are started later.
    if (invocation.common.sandbox)
        io::enter_sandbox(allowed_paths(invocation.words, writes ? invocation.common.output : ""));
    return invocation.run(terminal, invocation.common);
}

/// Nothing but octet::Error is expected; anything else is a defect, except that memory can run out anywhere.
int guarded(Terminal& terminal, const Invocation& invocation, const std::function<int()>& action) {
    try {
        return action();
    } catch (const Error& error) {
        return fail(terminal, invocation, error.code(), error.what());
    } catch (const std::bad_alloc&) {
        return fail(terminal, invocation, ErrorCode::kInternal, "out of memory; nothing was written");
    } catch (const std::filesystem::filesystem_error& error) {
        return fail(terminal, invocation, ErrorCode::kIo,
                    printable(error.path1().native()) + ": " + error.code().message());
    } catch (const std::exception& error) {
        return fail(terminal, invocation, ErrorCode::kInternal,
                    fmt::format("internal error: {}; nothing was written, please report it with the command line",
                                printable(error.what())));
    }
}

}  // namespace

int run_command_line(const std::vector<std::string>& arguments) {
    io::return_large_pieces();
    Terminal terminal;
    watch_signals();
    Invocation invocation;
    CLI::App app;
    describe(app);
    return guarded(terminal, invocation, [&]() -> int {
        std::vector<std::string> reversed = with_help_as_option(with_link_name(arguments));
        add_commands(app, reversed.empty() ? "" : reversed.front(), invocation);
        if (reversed.empty()) {
            terminal.note("no command; see octet --help");
            return static_cast<int>(ErrorCode::kUsage);
        }
        invocation.words = reversed;
        // Known before parsing, so that a refused command line also answers in JSON.
        invocation.common.json = std::find(reversed.begin(), reversed.end(), "--json") != reversed.end();
        std::reverse(reversed.begin(), reversed.end());
        try {
            app.parse(reversed);
        } catch (const CLI::CallForHelp&) {
            const auto chosen = app.get_subcommands();
            terminal.out(chosen.empty() ? app.help() : chosen.front()->help());
            return 0;
        } catch (const CLI::CallForVersion& request) {
            terminal.out(std::string(request.what()) + "\n");
            return 0;
        } catch (const CLI::ParseError& error) {
            const auto chosen = app.get_subcommands();
            if (!chosen.empty()) invocation.command = chosen.front()->get_name();
            return fail(terminal, invocation, ErrorCode::kUsage, usage_message(app, error));
        }
        return run_invocation(terminal, invocation);
    });
}

}  // namespace octet::cli
