// Running models: generating text, evaluating predictions, and collecting the mean squared inputs
// of weights, on an original checkpoint or on the codes of a set. GPT-2 and T5 (FLAN-T5). Plain
// values. These functions are in the library octet_model, which is built with the command line and
// not installed, because it needs PCRE2.
//
// MODEL is a checkpoint or a set (docs/cli.md, "Paths"), with config.json and, unless ids are
// given, the tokenizer beside it. Weights are mapped, never held in memory as a whole. Results
// depend on the instruction set in the last bits; they do not depend on the number of threads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "octet/options.hpp"
#include "octet/report.hpp"

namespace octet {

/// How the next token is chosen. The defaults take the most likely token.
struct Sampling {
    double temperature = 0;   ///< 0: greedy; otherwise the logits are divided by it
    std::uint64_t top_k = 0;  ///< only the K most likely tokens; 0: all
    double top_p = 1;  ///< only the most likely tokens whose probabilities add up to P, in (0, 1]
    std::uint64_t seed = 0;  ///< the same seed gives the same tokens
};

/// Options of generate().
struct GenerateOptions {
    std::string prompt;                             ///< UTF-8; other bytes are kUsage
    std::optional<std::vector<std::uint32_t>> ids;  ///< instead of the prompt: the tokens that the
                                                    ///< model reads, the end token of T5 included
    std::uint64_t max_new_tokens = 32;
    Sampling sampling;
    unsigned threads = 0;  ///< 0: one per core
    std::function<bool()> stop_requested;
    bool follow_links = false;  ///< as in ReadOptions
    /// Called with all new text so far, whenever it has grown by whole characters. May be empty.
    std::function<void(const std::string& text)> on_text;
};

/// Why generating ended.
enum class Stop : std::uint8_t {
    kEnd,      ///< the model's end token
    kLength,   ///< max_new_tokens
    kContext,  ///< the model has no more positions
};

/// "end", "length", "context".
std::string_view stop_name(Stop stop) noexcept;

/// What generate() returns.
struct Generation {
    std::string input;  ///< the path as it was given
    bool continues_prompt =
        true;            ///< GPT-2: the text continues the prompt; T5 (false): the text answers
    std::string prompt;  ///< empty where ids were given without a tokenizer
    std::vector<std::uint32_t> prompt_ids;  ///< the tokens that the model read
    std::vector<std::uint32_t> ids;         ///< new tokens, without start and end
    std::vector<std::string>
        pieces;        ///< the text that each new token adds; empty without a tokenizer
    std::string text;  ///< the text of the new tokens
    Stop stop = Stop::kLength;
    double prompt_seconds = 0;     ///< time up to the first token
    double tokens_per_second = 0;  ///< rate of the tokens after the first; 0 when there are none
    double seconds = 0;            ///< total, opening the model included
};

/// Continues (GPT-2) or answers (T5) a prompt. Throws Error: kBadInput (a model that octet does not
/// run, a broken tokenizer, a prompt longer than the context), kUsage (an empty prompt, an option
/// out of range), kIo, kInterrupted.
Generation generate(const std::filesystem::path& model, const GenerateOptions& options);

/// Limits on the figures of evaluate(). All of them need a reference.
struct ModelGates {
    std::optional<double> max_kl;                ///< Fidelity::mean_kl, in nats
    std::optional<double> min_same_top_1;        ///< Fidelity::same_top_1, 0 .. 1
    std::optional<double> max_perplexity_ratio;  ///< perplexity / reference perplexity
};

/// Options of evaluate(). Exactly one of `text`, `pairs` and `ids` is given.
struct EvaluateOptions {
    std::optional<std::filesystem::path> text;   ///< GPT-2: lines of UTF-8
    std::optional<std::filesystem::path> pairs;  ///< T5: lines of prompt, tab, answer
    std::optional<std::filesystem::path> ids;    ///< GPT-2: token ids, in one stream
    std::optional<std::filesystem::path> reference;
    bool tensor_ablation = false;  ///< needs a set and a reference
    ModelGates gates;
    ReadOptions read;  ///< progress counts bytes of the text file
};

/// A mean and its standard error, with tokens treated as independent.
struct Estimate {
    double mean = 0;
    double standard_error = 0;
};

/// How far the predictions are from the reference's, over all predicted tokens.
struct Fidelity {
    Estimate kl;  ///< sum p_ref ln(p_ref / p), nats
    double median_kl = 0;
    double p99_kl = 0;
    double max_kl = 0;
    Estimate same_top_1;  ///< share of tokens for which both models find the same token most likely
    Estimate delta_p;     ///< probability of the right token, minus the reference's
    double rms_delta_p = 0;  ///< root mean square of the same difference
    double reference_loss = 0;
    double reference_perplexity = 0;
    double perplexity_ratio = 0;
};

/// The effect of one quantized tensor alone, with all other tensors from the reference.
struct Ablation {
    std::string tensor;
    double mean_kl = 0;
};

/// What evaluate() returns.
struct Evaluation {
    std::string input;
    std::string reference;     ///< empty without one
    std::string text;          ///< the file that was read
    std::uint64_t tokens = 0;  ///< number of predicted tokens
    Estimate loss;             ///< mean of -ln p(right token), nats
    double perplexity = 0;     ///< exp(loss)
    std::optional<std::uint64_t> pairs;
    std::optional<std::uint64_t> exact;  ///< pairs whose every label is the most likely token,
                                         ///< given the right labels before it
    std::optional<Fidelity> fidelity;
    std::vector<Ablation> ablation;  ///< worst first
    std::vector<Check> checks;
    double seconds = 0;
};

/// Measures loss, perplexity and exact answers, and how far the predictions are from a reference's.
/// GPT-2: the end token precedes each line, and the stream of tokens is cut into windows of the
/// model's positions. In each window every token but the first is predicted. The rest is dropped,
/// unless it is all there is.
/// T5: each line is evaluated by itself; every label of the answer and its end token are predicted.
/// Memory: the model, a window, and 4 bytes per token. Throws as generate() does, and kBadInput for
/// a text with nothing to predict.
Evaluation evaluate(const std::filesystem::path& model, const EvaluateOptions& options);

/// What judge() returns: one of the two.
struct TextJudgement {
    std::optional<Evaluation> evaluation;
    std::string not_run;  ///< why one of the two models is not run, naming it
};

/// evaluate() against `options.reference`, which is required, where octet runs both models and
/// knows the tokenizer. `options.text` is what the family reads: text for GPT-2, pairs for T5. With
/// gates a model that is not run is kBadInput, since nothing could be said of its limits. Throws as
/// evaluate() does.
TextJudgement judge(const std::filesystem::path& model, EvaluateOptions options);

/// What calibrate() returns.
struct Calibration {
    std::string input;
    std::string output;
    std::uint64_t tokens = 0;
    std::uint64_t weights = 0;
    FileReport file;  ///< the file that was written, with its SHA-256 if requested
    double seconds = 0;
};

/// Runs the text of `options` (text, pairs or ids, as for evaluate()) through the model and writes
/// a safetensors file: for each weight that activations are multiplied with, under the weight's
/// name, one F32 vector with the mean square of each input. The file appears whole or not at all;
/// an existing file is kUsage. Of `write`, sync, sha256 and note are used.
Calibration calibrate(const std::filesystem::path& model, const EvaluateOptions& options,
                      const std::filesystem::path& output, const WriteOptions& write = {});

}  // namespace octet
