#include <memory>

#include <CLI/CLI.hpp>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "octet/error.hpp"
#include "octet/model.hpp"
#include "octet/octet.hpp"
#include "report/model_report.hpp"

namespace octet::cli {
namespace {

struct EvaluateArguments {
    EvaluateOptions options;
    WriteOptions write;  ///< of calibrate
    std::string text;
    std::string pairs;
    std::string ids;
    std::string reference;
    std::optional<std::string> max_kl;
    std::optional<std::string> min_same_top_1;
    std::optional<std::string> max_perplexity_ratio;
};

void add_text_options(CLI::App& command, EvaluateArguments& arguments) {
    command.add_option("--text", arguments.text, "GPT-2: a file of text");
    command.add_option("--pairs", arguments.pairs, "T5: a file with lines of prompt, tab, answer");
    command.add_option("--ids", arguments.ids, "GPT-2: a file of token ids");
}

EvaluateOptions options_of(EvaluateArguments& arguments, Terminal& terminal, const CommonOptions& common,
                           std::string_view verb) {
    EvaluateOptions options = arguments.options;
    if (!arguments.text.empty()) options.text = arguments.text;
    if (!arguments.pairs.empty()) options.pairs = arguments.pairs;
    if (!arguments.ids.empty()) options.ids = arguments.ids;
    if (!arguments.reference.empty()) options.reference = arguments.reference;
    options.gates.max_kl = number_of("--max-kl", arguments.max_kl);
    options.gates.min_same_top_1 = number_of("--min-same-top-1", arguments.min_same_top_1);
    options.gates.max_perplexity_ratio = number_of("--max-perplexity-ratio", arguments.max_perplexity_ratio);
    options.read = reading_with_progress(terminal, common, verb);
    return options;
}

int run_evaluate(EvaluateArguments& arguments, Terminal& terminal, const CommonOptions& common) {
    const Evaluation evaluation = evaluate(common.input, options_of(arguments, terminal, common, "evaluating"));
    if (common.json) {
        terminal.out(report::evaluation_json(evaluation, inspect(common.input)));
    } else if (!common.quiet) {
        terminal.out(report::evaluation_text(evaluation, terminal.color()));
    }
    const std::optional<std::string> failure = report::failure(evaluation);
    if (failure) terminal.error(*failure);
    return failure ? static_cast<int>(ErrorCode::kCheckFailed) : 0;
}

int run_calibrate(EvaluateArguments& arguments, Terminal& terminal, const CommonOptions& common) {
    arguments.write.note = [&terminal](const std::string& line) { terminal.note(line); };
    if (!common.output.ends_with(".safetensors"))
        throw Error(ErrorCode::kUsage, "-o",
                    in_quotes(common.output) + " does not end in .safetensors, which is what calibrate writes");
    const Calibration calibration =
        calibrate(common.input, options_of(arguments, terminal, common, "calibrating"), common.output, arguments.write);
    if (common.json) {
        terminal.out(report::calibration_json(calibration, inspect(common.input)));
    } else if (!common.quiet) {
        terminal.out(report::calibration_text(calibration));
    }
    return 0;
}

}  // namespace

void add_evaluate(CLI::App& app, Invocation& invocation) {
    auto arguments = std::make_shared<EvaluateArguments>();
    CLI::App* const command =
        app.add_subcommand("evaluate", "Measure what a GPT-2 or T5 model, or its codes, predicts");
    command
        ->add_option("MODEL", invocation.common.input, "a checkpoint or set, its config.json and tokenizer beside it")
        ->required();
    add_text_options(*command, *arguments);
    command->add_option("--reference", arguments->reference,
                        "the model to hold this one against: KL divergence and more");
    command->add_flag("--tensor-ablation", arguments->options.tensor_ablation,
                      "each quantized tensor of MODEL alone in the reference, worst first");
    command->add_option("--max-kl", arguments->max_kl, "NATS: exit 1 if the mean KL divergence is higher");
    command->add_option("--min-same-top-1", arguments->min_same_top_1,
                        "F: exit 1 if the share of same tokens is lower");
    command->add_option("--max-perplexity-ratio", arguments->max_perplexity_ratio, "R: exit 1 if the ratio is higher");
    add_common_options(*command, invocation.common);
    command->callback([arguments, &invocation] {
        invocation.command = "evaluate";
        invocation.run = [arguments](Terminal& terminal, const CommonOptions& common) {
            return run_evaluate(*arguments, terminal, common);
        };
    });
}

void add_calibrate(CLI::App& app, Invocation& invocation) {
    auto arguments = std::make_shared<EvaluateArguments>();
    CLI::App* const command =
        app.add_subcommand("calibrate", "Collect the mean squared input of every weight of a GPT-2 or T5 model");
    command->add_option("MODEL", invocation.common.input, "a checkpoint, its config.json and tokenizer beside it")
        ->required();
    command->add_option("-o,--output", invocation.common.output, "the file to write, FILE.safetensors")->required();
    add_text_options(*command, *arguments);
    add_file_options(*command, arguments->write);
    add_common_options(*command, invocation.common);
    command->callback([arguments, &invocation] {
        invocation.command = "calibrate";
        invocation.run = [arguments](Terminal& terminal, const CommonOptions& common) {
            return run_calibrate(*arguments, terminal, common);
        };
    });
}

}  // namespace octet::cli
