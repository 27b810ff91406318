#include <memory>

#include <CLI/CLI.hpp>

#include "cli/commands.hpp"
#include "octet/octet.hpp"
#include "report/plan_report.hpp"

namespace octet::cli {
namespace {

struct PlanArguments {
    QuantizeOptions options;
    CodeArguments codes;
    bool scan = false;
    bool list_schemes = false;
};

int list_schemes(Terminal& terminal, bool json) {
    if (json) {
        terminal.out(report::schemes_json(named_schemes()));
        return 0;
    }
    std::string text;
    for (const Scheme& scheme : named_schemes()) text += scheme_name(scheme) + "\n";
    terminal.out(text);
    return 0;
}

int run_plan(PlanArguments& arguments, Terminal& terminal, const CommonOptions& common) {
    if (arguments.list_schemes) return list_schemes(terminal, common.json);
    set_code_options(arguments.codes, arguments.options);
    arguments.options.write = with_progress({}, terminal, common, "scanning");
    const PlanReport report = plan_quantize(common.input, arguments.options, arguments.scan);
    note_overruled(arguments.codes, arguments.options, terminal);  // not before: a failure is one line
    const TextSink to_stdout = [&](std::string_view piece) { terminal.out(piece); };
    if (common.json) {
        terminal.out(report::plan_json(report, to_stdout));
    } else if (!common.quiet) {
        terminal.out(report::plan_text(report, terminal.color(), to_stdout));
    }
    return 0;
}

}  // namespace

void add_plan(CLI::App& app, Invocation& invocation) {
    auto arguments = std::make_shared<PlanArguments>();
    CLI::App* const command = app.add_subcommand("plan", "Say what quantize would do to each tensor, and why");
    command->add_option("INPUT", invocation.common.input,
                        "a .safetensors file, a *.safetensors.index.json, or a folder");
    add_code_options(*command, arguments->codes);
    command->add_flag("--scan", arguments->scan, "read the data too, for what depends on values");
    CLI::Option* const list =
        command->add_flag("--list-schemes", arguments->list_schemes, "print the named schemes, one a line");
    for (CLI::Option* const option : command->get_options()) {
        if (option != list && option != command->get_help_ptr()) list->excludes(option);
    }
    add_common_options(*command, invocation.common);
    command->callback([arguments, &invocation] {
        invocation.command = "plan";
        invocation.needs_input = !arguments->list_schemes;
        invocation.run = [arguments](Terminal& terminal, const CommonOptions& common) {
            return run_plan(*arguments, terminal, common);
        };
    });
}

}  // namespace octet::cli
