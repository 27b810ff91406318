// One run of the program: which command the words name, what it answers, and the one place where
// errors become an exit code.
#include <algorithm>
#include <filesystem>
#include <functional>
#include <new>

#include <fmt/format.h>

#include "base/build_facts.hpp"
#include "base/json_text.hpp"
#include "base/text.hpp"
#include "cli/command.hpp"
#include "cli/components.hpp"
#include "cli/confine.hpp"
#include "cli/help.hpp"
#include "cli/parse.hpp"
#include "cli/report_files.hpp"
#include "cli/signals.hpp"
#include "io/sandbox.hpp"
#include "io/tuning/large_buffer.hpp"
#include "octet/octet.hpp"

namespace octet::cli {
namespace {

/// "quantize a b" when the program was called under that name.
std::vector<std::string> with_link_name(const std::vector<std::string>& arguments) {
    const std::string name = std::filesystem::path(arguments.front()).filename().native();
    std::vector<std::string> words(arguments.begin() + 1, arguments.end());
    const bool linked =
        std::find(link_names().begin(), link_names().end(), name) != link_names().end();
    const bool asks_version = !words.empty() && words.front() == "--version";
    if (linked && !asks_version) words.insert(words.begin(), name);
    return words;
}

/// "octet help" and "octet help COMMAND" are "octet --help" and "octet COMMAND --help".
std::vector<std::string> with_help_as_option(std::vector<std::string> words) {
    if (words.empty() || words.front() != "help") return words;
    words.erase(words.begin());
    // What is no command is refused as such.
    if (words.empty() || find_command(words.front()) != nullptr) words.emplace_back("--help");
    return words;
}

// A sanitizer examines its own process at the end, as a debugger does, and must be allowed to.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kIsSanitized = true;
#elif defined(__has_feature)
constexpr bool kIsSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kIsSanitized = false;
#endif

std::string version_text(bool json) {
    if (!json) return fmt::format("octet {}\n", version());
    const BuildFacts facts = build_facts();
    std::string text;
    JsonWriter writer(text);
    writer.begin_object().key("version").string(version()).key("commit").string(facts.commit);
    writer.key("compiler").string(facts.compiler).key("instruction_sets").begin_array();
    for (const std::string_view name : facts.instruction_sets) writer.string(name);
    writer.end_array().key("static").boolean(facts.is_static).end_object();
    return text + "\n";
}

std::vector<std::string> outputs_of(const Command& command, const Arguments& arguments) {
    std::vector<std::string> outputs = arguments.reports;
    if ((command.bit & (kWriting | kShowTensor)) != 0) outputs.push_back(arguments.output);
    return outputs;
}

/// What join reads beside what the command line names.
std::vector<std::string> with_inputs_of_parts(std::vector<std::string> words,
                                              const Command& command, const Arguments& arguments) {
    if (command.bit != kJoin) return words;
    for (const std::filesystem::path& path : inputs_of_parts(arguments.output))
        words.push_back(path.native());
    return words;
}

int run_words(Terminal& terminal, std::vector<std::string> words, Arguments& arguments) {
    if (words.empty()) {
        terminal.out(overview());
        terminal.note("no command; see octet --help");
        return static_cast<int>(ErrorCode::kUsage);
    }
    // Known before parsing, so that a refused command line also answers in JSON.
    arguments.json = std::find(words.begin(), words.end(), "--json") != words.end();
    const Command* const named = find_command(words.front());
    const Command& command = named == nullptr ? program() : *named;
    arguments.command = command.name;
    if (named != nullptr) words.erase(words.begin());
    const Request request = parse(command, words, arguments);
    if (request != Request::kRun) {
        terminal.out(request == Request::kHelp ? help(command) : version_text(arguments.json));
        return 0;
    }
    terminal.set_quiet(arguments.quiet);
    terminal.set_color(arguments.color);
    terminal.set_progress(arguments.progress);
    const std::vector<std::string> components = components_given(command, arguments);
    check_report_places(command, words, arguments);
    // Before INPUT is read and before there are threads: what is given up is given up by those that
    // are started later.
    if (arguments.sandbox && !kIsSanitized)
        io::enter_sandbox(allowed_paths(with_inputs_of_parts(words, command, arguments),
                                        outputs_of(command, arguments)));
    return components.empty() ? command.run(terminal, arguments)
                              : run_components(terminal, command, arguments, components);
}

int fail(Terminal& terminal, const Arguments& arguments, ErrorCode code,
         const std::string& message) {
    terminal.error(message);
    const int exit_code =
        static_cast<int>(code) + (code == ErrorCode::kInterrupted ? signal_received() : 0);
    try {
        if (arguments.json)
            terminal.out(report::json_error(arguments.command, arguments.input, arguments.output,
                                            exit_code, message));
    } catch (const Error&) {
        // Standard output is what failed, or fails too: the line on stderr has to do.
    }
    return exit_code;
}

/// Nothing but octet::Error is expected; anything else is a defect, except that memory can run out
/// anywhere.
int guarded(Terminal& terminal, const Arguments& arguments, const std::function<int()>& action) {
    try {
        return action();
    } catch (const Error& error) {
        return fail(terminal, arguments, error.code(), error.what());
    } catch (const std::bad_alloc&) {
        return fail(terminal, arguments, ErrorCode::kInternal,
                    "out of memory; nothing was written");
    } catch (const std::filesystem::filesystem_error& error) {
        return fail(terminal, arguments, ErrorCode::kIo,
                    printable(error.path1().native()) + ": " + error.code().message());
    } catch (const std::exception& error) {
        return fail(
            terminal, arguments, ErrorCode::kInternal,
            fmt::format(
                "internal error: {}; nothing was written, please report it with the command line",
                printable(error.what())));
    }
}

}  // namespace

int run_command_line(const std::vector<std::string>& words) {
    io::return_large_pieces();
    Terminal terminal;
    watch_signals();
    Arguments arguments;
    return guarded(terminal, arguments, [&] {
        return run_words(terminal, with_help_as_option(with_link_name(words)), arguments);
    });
}

}  // namespace octet::cli
