// What several commands share: options of a run with its threads and progress, and how a report is
// printed.
#include <numeric>

#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/report_files.hpp"
#include "cli/signals.hpp"
#include "formats/octet_set/sidecar.hpp"
#include "octet/error.hpp"

namespace octet::cli {

WriteOptions writing(Terminal& terminal, const Arguments& arguments, std::string_view verb) {
    WriteOptions write = arguments.write;
    write.threads = arguments.threads;
    write.stop_requested = [] { return signal_received() != 0; };
    write.note = [&terminal](const std::string& line) { terminal.note(line); };
    if (terminal.shows_progress()) {
        write.progress = [&terminal, verb](std::uint64_t done, std::uint64_t total) {
            terminal.draw_progress(verb, done, total);
        };
    }
    return write;
}

ReadOptions reading(Terminal& terminal, const Arguments& arguments, std::string_view verb) {
    const WriteOptions write = writing(terminal, arguments, verb);
    return {write.threads, write.progress, write.stop_requested, write.follow_links};
}

int print_report(Terminal& terminal, const Arguments& arguments, const Report& report,
                 report::ReportOptions options, ReportFiles* files) {
    if (options.shown.empty()) {
        options.shown.resize(report.tensors.size());
        std::iota(options.shown.begin(), options.shown.end(), 0U);
    }
    options.command = arguments.command;
    options.style = terminal.style();
    options.table = options.table || arguments.verbose;
    if (files != nullptr && !files->empty()) files->write(report::document_of(report, options));
    if (arguments.json) {
        terminal.out(
            report::json(report, options, [&](std::string_view piece) { terminal.out(piece); }));
    } else if (!arguments.quiet) {
        terminal.out(report::text(report, options));
    }
    return exit_code_of(terminal, report::failure(report));
}

int exit_code_of(Terminal& terminal, const std::optional<std::string>& failure) {
    if (!failure) return 0;
    terminal.error(*failure);
    return static_cast<int>(ErrorCode::kCheckFailed);
}

void note_overruled(Terminal& terminal, const QuantizeOptions& options) {
    if (!options.max_size && !options.target_sqnr_db) return;
    const bool with_scheme = options.scheme != SchemeOptions{};
    if (options.preset == Preset::kAll && !with_scheme) return;
    terminal.note(fmt::format(
        "{} chooses the scheme of every tensor that no rule decides; {} no say in that",
        options.max_size ? "--max-size" : "--target-sqnr",
        with_scheme ? "the scheme options have"
                    : fmt::format("--preset {} has", octet_set::preset_name(options.preset))));
}

}  // namespace octet::cli
