// The table of commands, beside that of options (option.hpp): names, paths, words for people, and
// what runs.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/arguments.hpp"
#include "cli/option.hpp"
#include "report/report_options.hpp"

namespace octet::cli {

class ReportFiles;

/// A path that a command takes.
struct Positional {
    std::string_view name;  ///< "INPUT"
    std::string_view help;
    std::string Arguments::*path;  ///< null where `rest` is set
    bool required = true;
    std::vector<std::string> Arguments::*rest =
        nullptr;  ///< any number of them, the last of the command
};

struct Command {
    std::string_view name;  ///< empty: octet itself
    Commands bit = 0;
    bool is_main = false;           ///< shown by `octet` alone
    std::string_view summary = {};  ///< one line
    std::string_view manual = {};   ///< what it does, a paragraph of Markdown
    std::span<const Positional> positionals = {};
    std::string_view example = {};
    int (*run)(Terminal& terminal, Arguments& arguments) = nullptr;  ///< returns the exit code
};

/// What scripts can rely on besides options; docs/cli.md and the manual pages list them.
struct Fact {
    std::string_view name;
    std::string_view text;  ///< Markdown
};

/// In the order of `octet --help`.
std::span<const Command> commands();

/// octet itself.
const Command& program();

/// Nothing where there is none of that name.
const Command* find_command(std::string_view name);

/// The names of these commands.
std::vector<std::string> command_names(Commands commands = kEveryCommand);

/// Called under one of these names the program is that command.
std::span<const std::string_view> link_names();

std::span<const Fact> exit_codes();
std::span<const Fact> environment_variables();

// One file a command, each called NAME_command.cpp.
int run_quantize(Terminal& terminal, Arguments& arguments);
int run_dequantize(Terminal& terminal, Arguments& arguments);
int run_inspect(Terminal& terminal, Arguments& arguments);
int run_verify(Terminal& terminal, Arguments& arguments);
int run_compare(Terminal& terminal, Arguments& arguments);
int run_plan(Terminal& terminal, Arguments& arguments);
int run_generate(Terminal& terminal, Arguments& arguments);
int run_evaluate(Terminal& terminal, Arguments& arguments);
int run_calibrate(Terminal& terminal, Arguments& arguments);
int run_show(Terminal& terminal, Arguments& arguments);
int run_join(Terminal& terminal, Arguments& arguments);

// What several of them share (shared.cpp).

/// The options with threads, signals, notes and progress of this run filled in.
WriteOptions writing(Terminal& terminal, const Arguments& arguments, std::string_view verb);
ReadOptions reading(Terminal& terminal, const Arguments& arguments, std::string_view verb);

/// Prints the report the way the user asked for it; returns the exit code, 1 with a line on stderr
/// when a check failed. The files of --report, if there are any, are written before.
int print_report(Terminal& terminal, const Arguments& arguments, const Report& report,
                 report::ReportOptions options, ReportFiles* files = nullptr);

/// 0, or 1 with that line on stderr.
int exit_code_of(Terminal& terminal, const std::optional<std::string>& failure);

/// Says on stderr what the planner overrules: it comes before preset and scheme options
/// (docs/cli.md).
void note_overruled(Terminal& terminal, const QuantizeOptions& options);

/// Runs a command line; returns the exit code. Everything but main().
int run_command_line(const std::vector<std::string>& arguments);

}  // namespace octet::cli
