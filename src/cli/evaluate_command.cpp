// octet evaluate: how well a model predicts a text, and how far it is from another.
#include "cli/command.hpp"
#include "cli/report_files.hpp"
#include "octet/model.hpp"
#include "octet/octet.hpp"
#include "report/model_report.hpp"

namespace octet::cli {

int run_evaluate(Terminal& terminal, Arguments& arguments) {
    arguments.evaluate.read = reading(terminal, arguments, "evaluating");
    ReportFiles files(terminal, arguments);
    const Evaluation evaluation = evaluate(arguments.input, arguments.evaluate);
    Report model;
    if (arguments.json || !files.empty())
        model = inspect(arguments.input, arguments.write.follow_links);
    if (!files.empty()) files.write(report::document_of(evaluation, model));
    if (arguments.json) {
        terminal.out(report::evaluation_json(evaluation, model));
    } else if (!arguments.quiet) {
        terminal.out(report::evaluation_text(evaluation, terminal.style()));
    }
    return exit_code_of(terminal, report::failure(evaluation));
}

}  // namespace octet::cli
