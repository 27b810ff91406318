// octet plan: what quantize would do, and why.
#include "cli/command.hpp"
#include "cli/report_files.hpp"
#include "octet/octet.hpp"
#include "report/plan_report.hpp"

namespace octet::cli {
namespace {

int print_schemes(Terminal& terminal, bool json) {
    std::string text;
    for (const Scheme& scheme : named_schemes()) text += scheme_name(scheme) + "\n";
    terminal.out(json ? report::schemes_json(named_schemes()) : text);
    return 0;
}

}  // namespace

int run_plan(Terminal& terminal, Arguments& arguments) {
    if (arguments.list_schemes) return print_schemes(terminal, arguments.json);
    QuantizeOptions& options = arguments.coding;
    options.write = writing(terminal, arguments, "scanning");
    ReportFiles files(terminal, arguments);
    const PlanReport report = plan_quantize(arguments.input, options, arguments.scan);
    note_overruled(terminal, options);  // not before: a failure is one line
    if (!files.empty()) files.write(report::document_of(report));
    const TextSink to_stdout = [&](std::string_view piece) { terminal.out(piece); };
    if (arguments.json) {
        terminal.out(report::plan_json(report, to_stdout));
    } else if (!arguments.quiet) {
        terminal.out(report::plan_text(report, terminal.color(), to_stdout));
    }
    return 0;
}

}  // namespace octet::cli
