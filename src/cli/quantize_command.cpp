#include <memory>

#include <CLI/CLI.hpp>

#include "cli/commands.hpp"
#include "octet/octet.hpp"

namespace octet::cli {
namespace {

struct QuantizeArguments {
    QuantizeOptions options;
    GateArguments gates;
    CodeArguments codes;
};

int run_quantize(QuantizeArguments& arguments, Terminal& terminal, const CommonOptions& common) {
    QuantizeOptions& options = arguments.options;
    set_code_options(arguments.codes, options);
    options.gates = gates_of(arguments.gates);
    options.write = with_progress(options.write, terminal, common, "quantizing");
    report::ReportOptions shown;
    shown.command = "quantize";
    const Report report = quantize(common.input, common.output, options);
    if (!report::failure(report)) note_overruled(arguments.codes, options, terminal);  // a failure is one line
    return print_report(terminal, common, report, shown);
}

}  // namespace

void add_quantize(CLI::App& app, Invocation& invocation) {
    auto arguments = std::make_shared<QuantizeArguments>();
    CLI::App* const command =
        app.add_subcommand("quantize", "Quantize a checkpoint into a set: codes, state sidecar, companions");
    command
        ->add_option("INPUT", invocation.common.input, "a .safetensors file, a *.safetensors.index.json, or a folder")
        ->required();
    command->add_option("OUT_DIR", invocation.common.output, "a new or empty folder for the set")->required();
    add_code_options(*command, arguments->codes);
    add_gate_options(*command, arguments->gates);
    command->add_flag("--keep-on-failure", arguments->options.keep_on_failure, "write the set even when a gate failed");
    add_write_options(*command, arguments->options.write);
    add_common_options(*command, invocation.common);
    command->callback([arguments, &invocation] {
        invocation.command = "quantize";
        invocation.run = [arguments](Terminal& terminal, const CommonOptions& common) {
            return run_quantize(*arguments, terminal, common);
        };
    });
}

}  // namespace octet::cli
