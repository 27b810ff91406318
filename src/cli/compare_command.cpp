// octet compare: B held against A, value by value.
#include "cli/command.hpp"
#include "cli/report_files.hpp"
#include "octet/compare.hpp"

namespace octet::cli {

int run_compare(Terminal& terminal, Arguments& arguments) {
    const CompareOptions options = {arguments.tensors, arguments.gates, reading(terminal, arguments, "comparing")};
    ReportFiles files(terminal, arguments);
    const CompareReport report = compare(arguments.input, arguments.output, options);
    if (!files.empty()) files.write(report::document_of(report));
    report::ReportOptions shown;
    shown.command = arguments.command;
    shown.color = terminal.color();
    shown.table = arguments.verbose;
    if (arguments.json) {
        terminal.out(report::compare_json(report, [&](std::string_view piece) { terminal.out(piece); }));
    } else if (!arguments.quiet) {
        terminal.out(report::compare_text(report, shown));
    }
    return exit_code_of(terminal, report::failure(report));
}

}  // namespace octet::cli
