// octet join: the parts of an output become the output.
#include "cli/command.hpp"
#include "cli/report_files.hpp"
#include "octet/octet.hpp"
#include "report/part_report.hpp"

namespace octet::cli {

int run_join(Terminal& terminal, Arguments& arguments) {
    if (arguments.discard) {
        for (const std::string& line : discard_parts(arguments.output)) terminal.note(line);
        if (arguments.json) terminal.out(report::discard_json(arguments.output));
        return 0;
    }
    JoinOptions& options = arguments.join;
    options.keep_on_failure = arguments.coding.keep_on_failure;
    options.write = writing(terminal, arguments, "joining");
    ReportFiles files(terminal, arguments);
    return print_report(terminal, arguments, join(arguments.output, options), {}, &files);
}

}  // namespace octet::cli
