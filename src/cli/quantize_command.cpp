#include <memory>

#include <CLI/CLI.hpp>

#include "cli/commands.hpp"
#include "octet/octet.hpp"

namespace octet::cli {
namespace {

struct QuantizeArguments {
    QuantizeOptions options;
    GateArguments gates;
    SchemeArguments scheme;
    std::string importance;
    std::string preset = "all";
    std::string on_non_finite = "error";
};

int run_quantize(QuantizeArguments& arguments, Terminal& terminal, const CommonOptions& common) {
    QuantizeOptions& options = arguments.options;
    options.preset = static_cast<Preset>(choice_of("--preset", arguments.preset, {"all", "lesson", "q8", "q6", "q4"}));
    options.scheme = scheme_options_of(arguments.scheme);
    if (!arguments.importance.empty()) options.importance = arguments.importance;
    options.on_non_finite =
        static_cast<OnNonFinite>(choice_of("--on-non-finite", arguments.on_non_finite, {"error", "keep"}));
    options.gates = gates_of(arguments.gates);
    options.write = with_progress(options.write, terminal, common, "quantizing");
    report::ReportOptions shown;
    shown.command = "quantize";
    return print_report(terminal, common, quantize(common.input, common.output, options), shown);
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
    command->add_option("--preset", arguments->preset,
                        "all: every float tensor; lesson: parameters only, truncated; q8, q6, q4: best at 8.5, "
                        "6.5625, 4.5 bits a weight");
    add_scheme_options(*command, arguments->scheme);
    command->add_option("--importance", arguments->importance,
                        "a safetensors file: for each tensor searched one weight an input");
    command->add_option("--on-non-finite", arguments->on_non_finite, "error, or keep: copy such a tensor");
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
