#include <array>
#include <memory>

#include <CLI/CLI.hpp>

#include "cli/commands.hpp"
#include "octet/octet.hpp"

namespace octet::cli {
namespace {

struct DequantizeArguments {
    DequantizeOptions options;
    std::string dtype = "source";
};

int run_dequantize(DequantizeArguments& arguments, Terminal& terminal, const CommonOptions& common) {
    static constexpr std::array<std::optional<Dtype>, 4> kDtypes = {std::nullopt, Dtype::kF32, Dtype::kF16,
                                                                    Dtype::kBF16};
    arguments.options.dtype = kDtypes[choice_of("--dtype", arguments.dtype, {"source", "f32", "f16", "bf16"})];
    arguments.options.write = with_progress(arguments.options.write, terminal, common, "restoring");
    report::ReportOptions shown;
    shown.command = "dequantize";
    return print_report(terminal, common, dequantize(common.input, common.output, arguments.options), shown);
}

}  // namespace

void add_dequantize(CLI::App& app, Invocation& invocation) {
    auto arguments = std::make_shared<DequantizeArguments>();
    CLI::App* const command = app.add_subcommand("dequantize", "Restore a checkpoint from a set");
    command->add_option("SET", invocation.common.input, "a folder that octet quantize wrote")->required();
    command
        ->add_option("OUT", invocation.common.output,
                     "a name ending in .safetensors for one file, else a new or empty folder")
        ->required();
    command->add_option("--dtype", arguments->dtype, "of the float tensors: source (default), f32, f16 or bf16");
    add_write_options(*command, arguments->options.write);
    add_common_options(*command, invocation.common);
    command->callback([arguments, &invocation] {
        invocation.command = "dequantize";
        invocation.run = [arguments](Terminal& terminal, const CommonOptions& common) {
            return run_dequantize(*arguments, terminal, common);
        };
    });
}

}  // namespace octet::cli
