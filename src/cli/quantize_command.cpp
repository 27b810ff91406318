// octet quantize: a checkpoint becomes a set, or one part of it.
#include "cli/command.hpp"
#include "cli/report_files.hpp"
#include "octet/octet.hpp"
#include "report/part_report.hpp"

namespace octet::cli {
namespace {

int run_part(Terminal& terminal, const Arguments& arguments, const QuantizeOptions& options) {
    if (!arguments.reports.empty())
        throw Error(ErrorCode::kUsage, "--report", "is of the whole output; give it to octet join");
    const PartReport report =
        quantize_part(arguments.input, arguments.output, options, *arguments.part);
    if (arguments.json) {
        terminal.out(report::part_json(report));
    } else if (!arguments.quiet) {
        terminal.out(report::part_summary(report));
    }
    return 0;
}

}  // namespace

int run_quantize(Terminal& terminal, Arguments& arguments) {
    QuantizeOptions& options = arguments.coding;
    options.gates = arguments.gates;
    options.write = writing(terminal, arguments, "quantizing");
    if (arguments.part && arguments.resume)
        throw Error(
            ErrorCode::kUsage, "--resume",
            "is for one machine, and a part that is done is never made again; leave it out");
    if (arguments.part) return run_part(terminal, arguments, options);
    ReportFiles files(terminal, arguments);
    const Report report = (arguments.resume ? quantize_resumable : quantize)(
        arguments.input, arguments.output, options);
    if (!report::failure(report)) note_overruled(terminal, options);  // a failure is one line
    return print_report(terminal, arguments, report, {}, &files);
}

}  // namespace octet::cli
