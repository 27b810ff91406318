// octet show: one tensor, as the cells of a notebook print it.
#include "cli/command.hpp"
#include "octet/show.hpp"
#include "report/show_report.hpp"

namespace octet::cli {

int run_show(Terminal& terminal, Arguments& arguments) {
    ShowOptions options = arguments.show;
    options.npy = arguments.output;
    options.write = writing(terminal, arguments, "reading");
    if (arguments.verify.source) options.source = *arguments.verify.source;
    const ShowReport report = show(arguments.input, arguments.tensor, options);
    if (arguments.json) {
        terminal.out(report::show_json(report));
    } else if (!arguments.quiet) {
        terminal.out(report::show_text(report, arguments.precision, terminal.style()));
    }
    return 0;
}

}  // namespace octet::cli
