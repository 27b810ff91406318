// The options of running models: prompts, sampling, texts, and the model to hold against.
#include <limits>

#include "base/text.hpp"
#include "cli/option.hpp"

namespace octet::cli {
namespace {

constexpr std::uint64_t kMostNewTokens = 1'000'000;
constexpr std::uint64_t kMostTopK = 1'000'000'000;  // more than any vocabulary
constexpr Commands kReading = kEvaluate | kCalibrate;

/// Numbers of at most nine digits with commas between them.
void set_ids(Arguments& arguments, const Given& given) {
    std::vector<std::uint32_t> ids;
    const std::string& text = given.text;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t comma = std::min(text.find(',', at), text.size());
        const std::string number = text.substr(at, comma - at);
        const bool is_id = !number.empty() && number.size() <= 9 &&
                           number.find_first_not_of("0123456789") == number.npos;
        if (!is_id || comma + 1 == text.size())
            given.refuse("is no list of token ids, such as 1,2,3");
        ids.push_back(static_cast<std::uint32_t>(std::stoul(number)));
        at = comma + 1;
    }
    arguments.generate.ids = ids;
}

constexpr Option kOptions[] = {
    {
        .name = "--prompt",
        .value = "TEXT",
        .commands = kGenerate,
        .group = Group::kPrompt,
        .help = "what to continue or answer",
        .manual = "What to continue or answer. One of the three options under this heading has to "
                  "be given.",
        .set = [](Arguments& a, const Given& given) { a.prompt = given.text; },
    },
    {
        .name = "--prompt-file",
        .value = "FILE",
        .commands = kGenerate,
        .group = Group::kPrompt,
        .help = "the prompt from a file",
        .set = [](Arguments& a, const Given& given) { a.prompt_file = given.text; },
    },
    {
        .name = "--prompt-ids",
        .value = "IDS",
        .commands = kGenerate,
        .group = Group::kPrompt,
        .help = "token ids instead, such as 1,2,3",
        .manual = "Token ids instead of text, such as `1,2,3`. They are not changed: T5's end "
                  "token has to be among them.",
        .set = set_ids,
    },
    {
        .name = "--max-new-tokens",
        .value = "N",
        .commands = kGenerate,
        .group = Group::kSampling,
        .help = "the most tokens to generate, 1 to 1,000,000",
        .manual = "The most tokens to generate, 1 to 1,000,000. Memory grows with the tokens.",
        .fallback = "32",
        .set =
            [](Arguments& a, const Given& given) {
                a.generate.max_new_tokens = given.count(1, kMostNewTokens);
            },
    },
    {
        .name = "--temperature",
        .value = "T",
        .commands = kGenerate,
        .group = Group::kSampling,
        .help = "divides the logits; 0 takes the most likely token (default: 1 with --top-k or "
                "--top-p, else 0)",
        .manual = R"(Divides the logits; 0 takes the most likely token. The default is 1 beside
            `--top-k` or `--top-p`, else 0.)",
        .set = [](Arguments& a, const Given& given) { a.temperature = given.number(); },
    },
    {
        .name = "--top-k",
        .value = "K",
        .commands = kGenerate,
        .group = Group::kSampling,
        .help = "sample among the K most likely tokens, 1 or more",
        .fallback = "all of them",
        .set = [](Arguments& a,
                  const Given& given) { a.generate.sampling.top_k = given.count(1, kMostTopK); },
    },
    {
        .name = "--top-p",
        .value = "P",
        .commands = kGenerate,
        .group = Group::kSampling,
        .help = "sample among the most likely tokens whose probabilities add up to P",
        .fallback = "1",
        .set = [](Arguments& a, const Given& given) { a.generate.sampling.top_p = given.number(); },
    },
    {
        .name = "--seed",
        .value = "N",
        .commands = kGenerate,
        .group = Group::kSampling,
        .help = "seed of sampling: the same seed gives the same tokens",
        .fallback = "0",
        .set =
            [](Arguments& a, const Given& given) {
                a.generate.sampling.seed =
                    given.count(0, std::numeric_limits<std::uint64_t>::max());
            },
    },
    {
        .name = "--text",
        .value = "FILE",
        .commands = kReading,
        .group = Group::kText,
        .help = "lines of text, for GPT-2",
        .manual = R"(Lines of text, for GPT-2. One of the three options under this heading has to be
            given. What is predicted: [evaluate](#evaluate).)",
        .set = [](Arguments& a, const Given& given) { a.evaluate.text = given.path(); },
    },
    {
        .name = "--text",
        .value = "FILE",
        .commands = kCompare,
        .group = Group::kText,
        .help = "also run them on it: KL divergence and more of each",
        .manual =
            R"(Also runs A and what is judged on it, as evaluate does with A as `--reference`, where
            octet runs the architecture: text for GPT-2; for T5 lines of prompt, tab, answer.)",
        .set = [](Arguments& a, const Given& given) { a.evaluate.text = given.path(); },
    },
    {
        .name = "--pairs",
        .value = "FILE",
        .commands = kReading,
        .group = Group::kText,
        .help = "lines of prompt, tab, answer, for T5",
        .set = [](Arguments& a, const Given& given) { a.evaluate.pairs = given.path(); },
    },
    {
        .name = "--ids",
        .value = "FILE",
        .commands = kReading,
        .group = Group::kText,
        .help = "token ids, for GPT-2",
        .set = [](Arguments& a, const Given& given) { a.evaluate.ids = given.path(); },
    },
    {
        .name = "--versus",
        .value = "MODEL2",
        .commands = kGenerate,
        .group = Group::kAgainst,
        .help = "the same prompt through another model, side by side",
        .manual = "The same prompt through another model, side by side, the first different token "
                  "in brackets.",
        .set = [](Arguments& a, const Given& given) { a.versus = given.text; },
    },
    {
        .name = "--reference",
        .value = "MODEL2",
        .commands = kEvaluate,
        .group = Group::kAgainst,
        .help = "the model to hold MODEL against: KL divergence and more",
        .manual =
            "The model to hold MODEL against, of the same architecture, vocabulary and context.",
        .set = [](Arguments& a, const Given& given) { a.evaluate.reference = given.path(); },
    },
    {
        .name = "--tensor-ablation",
        .commands = kEvaluate,
        .group = Group::kAgainst,
        .help = "each quantized tensor of MODEL alone in the reference",
        .manual = "MODEL is a set. Evaluates the reference with each quantized tensor of MODEL "
                  "alone, worst first.",
        .set = [](Arguments& a, const Given& given) { a.evaluate.tensor_ablation = given.is_on(); },
    },
    {
        .name = "--max-kl",
        .value = "NATS",
        .commands = kEvaluate,
        .group = Group::kGates,
        .help = "exit 1 if the mean KL divergence is higher",
        .manual =
            R"(A gate against the reference, on `mean_kl`. An impossible limit (below 0, a share
            above 1) is exit code 2, also for the next two options.)",
        .set = [](Arguments& a, const Given& given) { a.evaluate.gates.max_kl = given.number(); },
    },
    {
        .name = "--max-kl",
        .value = "NATS",
        .commands = kCompare,
        .group = Group::kGates,
        .help = "exit 1 if the mean KL divergence is higher",
        .manual = "With `--text` a gate on `mean_kl` of each that is judged.",
        .needs = "--text",
        .set = [](Arguments& a, const Given& given) { a.evaluate.gates.max_kl = given.number(); },
    },
    {
        .name = "--min-same-top-1",
        .value = "F",
        .commands = kEvaluate,
        .group = Group::kGates,
        .help = "exit 1 if a lower share of most likely tokens is the same",
        .manual = "A gate against the reference, on `same_top_1`.",
        .set = [](Arguments& a,
                  const Given& given) { a.evaluate.gates.min_same_top_1 = given.number(); },
    },
    {
        .name = "--min-same-top-1",
        .value = "F",
        .commands = kCompare,
        .group = Group::kGates,
        .help = "exit 1 if a lower share of most likely tokens is the same",
        .manual = "With `--text` a gate on `same_top_1` of each that is judged.",
        .needs = "--text",
        .set = [](Arguments& a,
                  const Given& given) { a.evaluate.gates.min_same_top_1 = given.number(); },
    },
    {
        .name = "--max-perplexity-ratio",
        .value = "R",
        .commands = kEvaluate,
        .group = Group::kGates,
        .help = "exit 1 if perplexity over the reference's is higher",
        .manual = "A gate against the reference, on `perplexity_ratio`.",
        .set = [](Arguments& a,
                  const Given& given) { a.evaluate.gates.max_perplexity_ratio = given.number(); },
    },
    {
        .name = "--max-perplexity-ratio",
        .value = "R",
        .commands = kCompare,
        .group = Group::kGates,
        .help = "exit 1 if perplexity over the reference's is higher",
        .manual = "With `--text` a gate on `perplexity_ratio` of each that is judged.",
        .needs = "--text",
        .set = [](Arguments& a,
                  const Given& given) { a.evaluate.gates.max_perplexity_ratio = given.number(); },
    },
};

}  // namespace

std::span<const Option> model_options() {
    return kOptions;
}

}  // namespace octet::cli
