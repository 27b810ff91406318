#include <algorithm>
#include <numeric>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/signals.hpp"
#include "octet/error.hpp"

namespace octet::cli {
namespace {

bool is_thread_count(const std::string& text) {
    const bool digits = !text.empty() && text.size() <= 4 && text.find_first_not_of("0123456789") == text.npos;
    return digits && std::stoi(text) >= 1 && std::stoi(text) <= 1024;
}

}  // namespace

void add_common_options(CLI::App& command, CommonOptions& common) {
    command.add_option("--threads", common.threads, "workers, 1 to 1024 (default: one a core)")
        ->check([](const std::string& text) {
            return is_thread_count(text) ? std::string() : in_quotes(text) + " is not a number from 1 to 1024";
        });
    command.add_flag("--json", common.json, "one JSON object on standard output");
    command.add_flag("--quiet", common.quiet, "print nothing but errors and --json");
    command.add_flag("--verbose", common.verbose, "print every tensor");
    command.add_option("--color", common.color, "auto (default), always or never");
    command.add_option("--progress", common.progress, "auto (default), always or never");
    command.add_flag_callback(
        "--no-sandbox", [&common] { common.sandbox = false; },
        "do without the kernel's guard against opening other files, networks and programs");
}

void add_write_options(CLI::App& command, WriteOptions& write) {
    command.add_flag("--force", write.force, "replace what octet wrote there before");
    add_file_options(command, write);
}

void add_file_options(CLI::App& command, WriteOptions& write) {
    command.add_flag("--sha256", write.sha256, "also SHA-256 of every file, for those who publish it");
    command.add_flag_callback(
        "--no-sync", [&write] { write.sync = false; }, "do not wait until the output is on the disk");
}

std::size_t choice_of(std::string_view option, const std::string& value, const std::vector<std::string>& choices) {
    const auto found = std::find(choices.begin(), choices.end(), value);
    if (found != choices.end()) return static_cast<std::size_t>(found - choices.begin());
    const auto nearest = nearest_spelling(value, choices);
    throw Error(ErrorCode::kUsage, option,
                fmt::format("{} is not one of {}{}", in_quotes(value), fmt::join(choices, ", "),
                            nearest ? "; did you mean " + *nearest + "?" : ""));
}

WriteOptions with_progress(WriteOptions write, Terminal& terminal, const CommonOptions& common, std::string_view verb) {
    write.threads = common.threads;
    write.stop_requested = [] { return signal_received() != 0; };
    write.note = [&terminal](const std::string& line) { terminal.note(line); };
    if (terminal.shows_progress()) {
        write.progress = [&terminal, verb](std::uint64_t done, std::uint64_t total) {
            terminal.draw_progress(verb, done, total);
        };
    }
    return write;
}

ReadOptions reading_with_progress(Terminal& terminal, const CommonOptions& common, std::string_view verb) {
    const WriteOptions write = with_progress({}, terminal, common, verb);
    return {write.threads, write.progress, write.stop_requested};
}

int print_report(Terminal& terminal, const CommonOptions& common, const Report& report, report::ReportOptions options) {
    if (options.shown.empty()) {
        options.shown.resize(report.tensors.size());
        std::iota(options.shown.begin(), options.shown.end(), 0U);
    }
    options.color = terminal.color();
    options.table = options.table || common.verbose;
    if (common.json) {
        terminal.out(report::json(report, options, [&](std::string_view piece) { terminal.out(piece); }));
    } else if (!common.quiet) {
        terminal.out(report::text(report, options));
    }
    const std::optional<std::string> failure = report::failure(report);
    if (failure) terminal.error(*failure);
    return failure ? static_cast<int>(ErrorCode::kCheckFailed) : 0;
}

}  // namespace octet::cli
