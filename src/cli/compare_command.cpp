#include <memory>

#include <CLI/CLI.hpp>

#include "cli/commands.hpp"
#include "octet/compare.hpp"
#include "octet/error.hpp"

namespace octet::cli {
namespace {

struct CompareArguments {
    CompareOptions options;
    GateArguments gates;
};

int run_compare(CompareArguments& arguments, Terminal& terminal, const CommonOptions& common) {
    arguments.options.gates = gates_of(arguments.gates);
    arguments.options.read = reading_with_progress(terminal, common, "comparing");
    const CompareReport report = compare(common.input, common.output, arguments.options);
    report::ReportOptions shown;
    shown.command = "compare";
    shown.color = terminal.color();
    shown.table = common.verbose;
    if (common.json) {
        terminal.out(report::compare_json(report, [&](std::string_view piece) { terminal.out(piece); }));
    } else if (!common.quiet) {
        terminal.out(report::compare_text(report, shown));
    }
    const std::optional<std::string> failure = report::failure(report);
    if (failure) terminal.error(*failure);
    return failure ? static_cast<int>(ErrorCode::kCheckFailed) : 0;
}

}  // namespace

void add_compare(CLI::App& app, Invocation& invocation) {
    auto arguments = std::make_shared<CompareArguments>();
    CLI::App* const command = app.add_subcommand("compare", "Hold a checkpoint or set against another, value by value");
    command->add_option("A", invocation.common.input, "the reference: a checkpoint or a set")->required();
    command->add_option("B", invocation.common.output, "what is judged: a checkpoint or a set")->required();
    command->add_option("--tensors", arguments->options.tensors, "only names that match: a glob, or re:REGEX");
    add_gate_options(*command, arguments->gates);
    add_common_options(*command, invocation.common);
    command->callback([arguments, &invocation] {
        invocation.command = "compare";
        invocation.run = [arguments](Terminal& terminal, const CommonOptions& common) {
            return run_compare(*arguments, terminal, common);
        };
    });
}

}  // namespace octet::cli
