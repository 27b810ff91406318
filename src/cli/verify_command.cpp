// octet verify: a set is what was written, or which of it is not.
#include "cli/command.hpp"
#include "cli/report_files.hpp"
#include "octet/octet.hpp"
#include "report/verify_report.hpp"

namespace octet::cli {

int run_verify(Terminal& terminal, Arguments& arguments) {
    VerifyOptions& options = arguments.verify;
    const ReadOptions read = reading(terminal, arguments, "verifying");
    options.threads = read.threads;
    options.progress = read.progress;
    options.stop_requested = read.stop_requested;
    options.follow_links = read.follow_links;
    ReportFiles files(terminal, arguments);
    const VerifyReport report = verify(arguments.input, options);
    if (!files.empty()) files.write(report::document_of(report));
    if (arguments.json) {
        terminal.out(
            report::verify_json(report, [&](std::string_view piece) { terminal.out(piece); }));
    } else if (!arguments.quiet) {
        terminal.out(report::verify_text(report, terminal.style()));
    }
    if (report.findings.empty()) return 0;
    return exit_code_of(terminal, report::verify_failure(report));
}

}  // namespace octet::cli
