#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "cli/commands.hpp"

namespace octet::cli {

void add_code_options(CLI::App& command, CodeArguments& arguments) {
    command.add_option("--preset", arguments.preset,
                       "all (default): every float tensor; lesson: parameters only, truncated; linear: int8 rows of "
                       "Linear weights; q8, q6, "
                       "q4: best at 8.5, 6.5625, 4.5 bits a weight");
    add_scheme_options(command, arguments.scheme);
    command
        .add_option("--rule", arguments.rules,
                    "PATTERN=SCHEME, repeatable, the first match wins: a glob, re:REGEX or kind:KIND; a scheme or keep")
        ->take_all()
        ->allow_extra_args(false);  // one value each: what follows is a path
    command.add_option("--rules", arguments.rules_file, "a JSON file of rules, after those of --rule");
    command.add_option("--importance", arguments.importance,
                       "a safetensors file: for each tensor searched one weight an input");
    command.add_option("--max-size", arguments.max_size,
                       "SIZE, as in 70MB: choose schemes for the least error in data files of that size");
    command.add_option("--target-sqnr", arguments.target_sqnr,
                       "DB: choose schemes for the smallest set that has it, buffers not counted");
    command.add_option("--on-non-finite", arguments.on_non_finite, "error (default), or keep: copy such a tensor");
}

void set_code_options(const CodeArguments& arguments, QuantizeOptions& options) {
    options.preset =
        static_cast<Preset>(choice_of("--preset", arguments.preset, {"all", "lesson", "linear", "q8", "q6", "q4"}));
    options.scheme = scheme_options_of(arguments.scheme);
    for (const std::string& rule : arguments.rules) options.rules.push_back(parse_rule(rule));
    if (!arguments.rules_file.empty()) {
        const std::vector<TensorRule> rules = read_rules(arguments.rules_file);
        options.rules.insert(options.rules.end(), rules.begin(), rules.end());
    }
    if (!arguments.importance.empty()) options.importance = arguments.importance;
    options.max_size = size_of("--max-size", arguments.max_size);
    options.target_sqnr_db = number_of("--target-sqnr", arguments.target_sqnr);
    options.on_non_finite =
        static_cast<OnNonFinite>(choice_of("--on-non-finite", arguments.on_non_finite, {"error", "keep"}));
}

void note_overruled(const CodeArguments& arguments, const QuantizeOptions& options, Terminal& terminal) {
    if (!options.max_size && !options.target_sqnr_db) return;
    const bool with_scheme = options.scheme != SchemeOptions{};
    if (options.preset == Preset::kAll && !with_scheme) return;
    terminal.note(fmt::format("{} chooses the scheme of every tensor that no rule decides; {} no say in that",
                              options.max_size ? "--max-size" : "--target-sqnr",
                              with_scheme ? "the scheme options have" : "--preset " + arguments.preset + " has"));
}

}  // namespace octet::cli
