#include <charconv>
#include <limits>
#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/signals.hpp"
#include "io/large_buffer.hpp"
#include "io/text_stream.hpp"
#include "octet/error.hpp"
#include "octet/model.hpp"
#include "octet/octet.hpp"
#include "report/model_report.hpp"

namespace octet::cli {
namespace {

constexpr std::uint64_t kMostPromptBytes = 16U << 20U;
constexpr std::uint64_t kMostNewTokens = 1'000'000;
constexpr std::uint64_t kMostTopK = 1'000'000'000;  // more than any vocabulary

struct GenerateArguments {
    std::string versus;
    std::optional<std::string> prompt;
    std::optional<std::string> prompt_file;
    std::optional<std::string> prompt_ids;
    GenerateOptions options;
    std::optional<std::string> max_new_tokens;
    std::optional<std::string> temperature;
    std::optional<std::string> top_k;
    std::optional<std::string> top_p;
    std::optional<std::string> seed;
};

std::vector<std::uint32_t> ids_of(std::string_view text) {
    std::vector<std::uint32_t> ids;
    const auto fail = [&] {
        throw Error(ErrorCode::kUsage, "--prompt-ids", in_quotes(text) + " is no list of token ids, such as 1,2,3");
    };
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t comma = std::min(text.find(',', at), text.size());
        const std::string number(text.substr(at, comma - at));
        if (number.empty() || number.size() > 9 || number.find_first_not_of("0123456789") != number.npos) fail();
        ids.push_back(static_cast<std::uint32_t>(std::stoul(number)));
        if (comma + 1 == text.size()) fail();
        at = comma + 1;
    }
    return ids;
}

/// `into`, where the option was given: a whole number from `least` to `most`.
void set_count(std::string_view option, const std::optional<std::string>& text, std::uint64_t least, std::uint64_t most,
               std::uint64_t& into) {
    if (!text) return;
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (error != std::errc() || end != text->data() + text->size() || value < least || value > most)
        throw Error(ErrorCode::kUsage, option,
                    fmt::format("{} is not a number from {} to {}", in_quotes(*text), least, with_commas(most)));
    into = value;
}

void set_sampling(const GenerateArguments& arguments, Sampling& sampling) {
    set_count("--top-k", arguments.top_k, 1, kMostTopK, sampling.top_k);
    sampling.top_p = number_of("--top-p", arguments.top_p).value_or(sampling.top_p);
    set_count("--seed", arguments.seed, 0, std::numeric_limits<std::uint64_t>::max(), sampling.seed);
    const bool samples = sampling.top_k > 0 || sampling.top_p != 1;
    sampling.temperature = number_of("--temperature", arguments.temperature).value_or(samples ? 1 : 0);
}

void fill_in(GenerateArguments& arguments, const CommonOptions& common) {
    GenerateOptions& options = arguments.options;
    const int prompts = (arguments.prompt ? 1 : 0) + (arguments.prompt_file ? 1 : 0) + (arguments.prompt_ids ? 1 : 0);
    if (prompts != 1) throw Error(ErrorCode::kUsage, "give one of --prompt, --prompt-file and --prompt-ids");
    if (arguments.prompt) options.prompt = *arguments.prompt;
    if (arguments.prompt_ids) options.ids = ids_of(*arguments.prompt_ids);
    set_count("--max-new-tokens", arguments.max_new_tokens, 1, kMostNewTokens, options.max_new_tokens);
    set_sampling(arguments, options.sampling);
    options.threads = common.threads;
    options.stop_requested = [] { return signal_received() != 0; };
    if (arguments.prompt_file)
        options.prompt = io::read_text_stream(*arguments.prompt_file, kMostPromptBytes, options.stop_requested);
}

/// Writes what is new whenever there is more text.
class Stream {
  public:
    explicit Stream(Terminal& terminal) : terminal_(terminal) {}

    void operator()(const std::string& text) {
        if (text.size() <= written_) return;
        terminal_.out(printable(std::string_view(text).substr(written_)));
        written_ = text.size();
    }

  private:
    Terminal& terminal_;
    std::size_t written_ = 0;
};

int run_generate(GenerateArguments& arguments, Terminal& terminal, const CommonOptions& common) {
    fill_in(arguments, common);
    io::grow_in_huge_pages();
    GenerateOptions& options = arguments.options;
    const bool streams =
        terminal.is_terminal() && arguments.versus.empty() && !common.json && !common.quiet && !options.ids;
    if (streams) options.on_text = Stream(terminal);
    const Generation generation = generate(common.input, options);
    if (streams) {
        terminal.out("\n  (" + report::generation_facts(generation) + ")\n");
        return 0;
    }
    std::optional<Generation> versus;
    if (!arguments.versus.empty()) versus = generate(arguments.versus, options);
    const Generation* const other = versus ? &*versus : nullptr;
    if (common.json) {
        terminal.out(report::generation_json(generation, inspect(common.input), other));
    } else if (!common.quiet) {
        terminal.out(report::generation_text(generation, other, terminal.color()));
    }
    return 0;
}

}  // namespace

void add_generate(CLI::App& app, Invocation& invocation) {
    auto arguments = std::make_shared<GenerateArguments>();
    CLI::App* const command =
        app.add_subcommand("generate", "Let a GPT-2 or T5 model, or its codes, continue or answer a prompt");
    command
        ->add_option("MODEL", invocation.common.input, "a checkpoint or set, its config.json and tokenizer beside it")
        ->required();
    command->add_option("--versus", arguments->versus, "another model for the same prompt, side by side");
    command->add_option("--prompt", arguments->prompt, "the text to continue or answer");
    command->add_option("--prompt-file", arguments->prompt_file, "the same from a file");
    command->add_option("--prompt-ids", arguments->prompt_ids, "token ids instead, such as 1,2,3");
    command->add_option("--max-new-tokens", arguments->max_new_tokens, "when to stop at the latest (default: 32)");
    command->add_option("--temperature", arguments->temperature,
                        "0: always the most likely token (default); else sample");
    command->add_option("--top-k", arguments->top_k, "sample only among the K most likely (default: all)");
    command->add_option("--top-p", arguments->top_p, "sample only among those that reach P together (default: 1, all)");
    command->add_option("--seed", arguments->seed, "of sampling (default: 0)");
    add_common_options(*command, invocation.common);
    command->callback([arguments, &invocation] {
        invocation.command = "generate";
        invocation.run = [arguments](Terminal& terminal, const CommonOptions& common) {
            return run_generate(*arguments, terminal, common);
        };
    });
}

}  // namespace octet::cli
