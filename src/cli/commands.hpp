// One file a subcommand: each declares its options on a CLI11 app and leaves behind what to run once they are parsed.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/terminal.hpp"
#include "octet/options.hpp"
#include "octet/report.hpp"
#include "report/report_options.hpp"

namespace CLI {
class App;
}

namespace octet::cli {

/// What every command can be told.
struct CommonOptions {
    unsigned threads = 0;
    bool quiet = false;
    bool verbose = false;
    bool json = false;
    bool sandbox = true;
    std::string color = "auto";
    std::string progress = "auto";
    std::string input;
    std::string output;
};

/// A command line that has been parsed.
struct Invocation {
    std::string command;
    std::vector<std::string> words;  ///< of the command line, for what may be opened
    CommonOptions common;
    bool needs_input = true;
    std::function<int(Terminal&, const CommonOptions&)> run;  ///< returns the exit code
};

void add_quantize(CLI::App& app, Invocation& invocation);
void add_dequantize(CLI::App& app, Invocation& invocation);
void add_inspect(CLI::App& app, Invocation& invocation);
void add_verify(CLI::App& app, Invocation& invocation);
void add_compare(CLI::App& app, Invocation& invocation);
void add_plan(CLI::App& app, Invocation& invocation);
void add_generate(CLI::App& app, Invocation& invocation);
void add_evaluate(CLI::App& app, Invocation& invocation);
void add_calibrate(CLI::App& app, Invocation& invocation);

/// --threads, --quiet, --verbose, --color, --progress, --json.
void add_common_options(CLI::App& command, CommonOptions& common);

/// --force and --no-sync.
void add_write_options(CLI::App& command, WriteOptions& write);

/// Those of them that every command has that writes: --sha256 and --no-sync.
void add_file_options(CLI::App& command, WriteOptions& write);

/// Threads and progress of this invocation, for a command that writes nothing.
ReadOptions reading_with_progress(Terminal& terminal, const CommonOptions& common, std::string_view verb);

/// What the user gave for the gates, before it is understood.
struct GateArguments {
    std::optional<std::string> min_sqnr_tensor;
    std::optional<std::string> min_sqnr;
    std::optional<std::string> max_abs_error;
    std::optional<std::string> max_output_size;
};

/// --min-sqnr-tensor, --min-sqnr, --max-abs-error, --max-output-size.
void add_gate_options(CLI::App& command, GateArguments& arguments);

/// The number that an option was given, if it was; kUsage naming the option where it is none.
std::optional<double> number_of(std::string_view option, const std::optional<std::string>& text);

/// The size that an option was given, if it was; kUsage naming the option where it is none.
std::optional<std::uint64_t> size_of(std::string_view option, const std::optional<std::string>& text);

/// What the user gave for the scheme, before it is understood.
struct SchemeArguments {
    std::optional<std::string> bits;
    std::optional<std::string> granularity;
    std::optional<std::string> group_size;
    std::optional<std::string> axis;
    bool symmetric = false;
    std::optional<std::string> zero_point;
    std::optional<std::string> rounding;
    std::optional<std::string> range;
    std::optional<std::string> scale_dtype;
};

/// --bits, --granularity, --group-size, --axis, --symmetric, --zero-point, --rounding, --range, --scale-dtype.
void add_scheme_options(CLI::App& command, SchemeArguments& arguments);

/// The parts of a scheme that were asked for; kUsage naming the option where a value is none of its choices.
SchemeOptions scheme_options_of(const SchemeArguments& arguments);

/// What the user gave for what decides the codes, before it is understood.
struct CodeArguments {
    SchemeArguments scheme;
    std::vector<std::string> rules;
    std::string rules_file;
    std::string importance;
    std::string preset = "all";
    std::string on_non_finite = "error";
    std::optional<std::string> max_size;
    std::optional<std::string> target_sqnr;
};

/// --preset, the scheme options, --rule, --rules, --importance, --max-size, --target-sqnr, --on-non-finite.
void add_code_options(CLI::App& command, CodeArguments& arguments);

/// Fills in what was asked for; kUsage naming the option, and what read_rules() throws.
void set_code_options(const CodeArguments& arguments, QuantizeOptions& options);

/// Says on stderr what the planner leaves no say to: it comes before preset and scheme options (docs/cli.md).
void note_overruled(const CodeArguments& arguments, const QuantizeOptions& options, Terminal& terminal);

/// The gates that were asked for; kUsage naming the option where a value is no number or no size.
Gates gates_of(const GateArguments& arguments);

/// `value` if it is one of `choices`; kUsage naming the option and the nearest right spelling otherwise.
std::size_t choice_of(std::string_view option, const std::string& value, const std::vector<std::string>& choices);

/// The write options with threads and progress of this invocation filled in.
WriteOptions with_progress(WriteOptions write, Terminal& terminal, const CommonOptions& common, std::string_view verb);

/// Prints a report the way the user asked for it; returns the exit code: 1, with a line on stderr, when a check failed.
int print_report(Terminal& terminal, const CommonOptions& common, const Report& report, report::ReportOptions options);

/// Runs a command line; returns the exit code. Everything but main().
int run_command_line(const std::vector<std::string>& arguments);

}  // namespace octet::cli
