// octet quantize: a checkpoint becomes a set.
#include "cli/command.hpp"
#include "cli/report_files.hpp"
#include "octet/octet.hpp"

namespace octet::cli {

int run_quantize(Terminal& terminal, Arguments& arguments) {
    QuantizeOptions& options = arguments.coding;
    options.gates = arguments.gates;
    options.write = writing(terminal, arguments, "quantizing");
    ReportFiles files(terminal, arguments);
    const Report report = quantize(arguments.input, arguments.output, options);
    if (!report::failure(report)) note_overruled(terminal, options);  // a failure is one line
    return print_report(terminal, arguments, report, {}, &files);
}

}  // namespace octet::cli
