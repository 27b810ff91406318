// What a model says: generating text and evaluating, on an original checkpoint or on the codes of a set, and collecting what quantize can
// weigh errors with. GPT-2 and T5 (FLAN-T5). Plain values. These functions are in the library octet_model, which is built with the
// command line and not installed: it needs PCRE2.
//
// MODEL is a path as docs/cli.md has it: a checkpoint or a set, with config.json and, unless ids are given, the tokenizer beside it.
// Weights are mapped, never held as a whole in memory. Results depend on the instruction set in the last bits, not on the threads.
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

/// How the next token is chosen. Without any of these: the most likely one.
struct Sampling {
    double temperature = 0;   ///< 0: greedy; else logits are divided by it
    std::uint64_t top_k = 0;  ///< only the K most likely; 0: all
    double top_p = 1;         ///< only the most likely ones that together reach P, in (0, 1]
    std::uint64_t seed = 0;   ///< the same seed gives the same tokens
};

/// Options of generate().
struct GenerateOptions {
    std::string prompt;  ///< UTF-8; kUsage when it is not
    std::optional<std::vector<std::uint32_t>>
        ids;  ///< instead of the prompt: what the model reads, end token of T5 included
    std::uint64_t max_new_tokens = 32;
    Sampling sampling;
    unsigned threads = 0;  ///< 0: one a core
    std::function<bool()> stop_requested;
    bool follow_links = false;  ///< as in ReadOptions
    /// Called with all the new text so far whenever it has become longer by whole characters. May be empty.
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
    std::string input;                      ///< the path as it was given
    bool continues_prompt = true;           ///< GPT-2: the text goes on where the prompt ends; T5: it answers
    std::string prompt;                     ///< empty where ids were given and there is no tokenizer
    std::vector<std::uint32_t> prompt_ids;  ///< what the model read
    std::vector<std::uint32_t> ids;         ///< new tokens, without start and end
    std::vector<std::string> pieces;        ///< the text that each of them adds; empty without a tokenizer
    std::string text;                       ///< of those ids
    Stop stop = Stop::kLength;
    double prompt_seconds = 0;     ///< reading the prompt, up to the first token
    double tokens_per_second = 0;  ///< of the tokens after the first; 0 when there are none
    double seconds = 0;            ///< in all, opening the model included
};

/// Continues (GPT-2) or answers (T5) a prompt. Errors: kBadInput (no model that octet runs, a broken tokenizer, a prompt longer than the
/// context), kUsage (an empty prompt, an option out of range), kIo, kInterrupted.
Generation generate(const std::filesystem::path& model, const GenerateOptions& options);

/// Limits on what evaluate() finds; those about a reference need one.
struct ModelGates {
    std::optional<double> max_kl;                ///< Fidelity::mean_kl, in nats
    std::optional<double> min_same_top_1;        ///< Fidelity::same_top_1, 0 .. 1
    std::optional<double> max_perplexity_ratio;  ///< perplexity / reference perplexity
};

/// Options of evaluate(). Exactly one of `text`, `pairs` and `ids`.
struct EvaluateOptions {
    std::optional<std::filesystem::path> text;   ///< GPT-2: lines of UTF-8
    std::optional<std::filesystem::path> pairs;  ///< T5: lines of prompt, tab, answer
    std::optional<std::filesystem::path> ids;    ///< GPT-2: token ids, in one stream
    std::optional<std::filesystem::path> reference;
    bool tensor_ablation = false;  ///< needs a set and a reference
    ModelGates gates;
    ReadOptions read;  ///< progress is about bytes of the file
};

/// A mean and its standard error, tokens taken as independent.
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
    Estimate same_top_1;     ///< share of tokens where both have the same most likely one
    Estimate delta_p;        ///< probability of the right token minus the reference's
    double rms_delta_p = 0;  ///< root of the mean square of that
    double reference_loss = 0;
    double reference_perplexity = 0;
    double perplexity_ratio = 0;
};

/// What one quantized tensor does alone, all others being the reference's.
struct Ablation {
    std::string tensor;
    double mean_kl = 0;
};

/// What evaluate() returns.
struct Evaluation {
    std::string input;
    std::string reference;     ///< empty without one
    std::string text;          ///< the file that was read
    std::uint64_t tokens = 0;  ///< that were predicted
    Estimate loss;             ///< mean of -ln p(right token), nats
    double perplexity = 0;     ///< exp(loss)
    std::optional<std::uint64_t> pairs;
    std::optional<std::uint64_t>
        exact;  ///< pairs whose every label is the most likely token, the right ones before it given
    std::optional<Fidelity> fidelity;
    std::vector<Ablation> ablation;  ///< worst first
    std::vector<Check> checks;
    double seconds = 0;
};

/// Perplexity, loss and exact answers, and how far the model is from a reference. GPT-2: the end token before each line, the stream cut
/// into windows of the model's positions, the rest dropped (unless there is no whole window); each window's tokens but the first are
/// predicted. T5: each line by itself, every label of the answer and its end predicted.
/// Memory: the model, a window, and 4 bytes a token. Errors: as generate(); kBadInput for a text that holds nothing to predict.
Evaluation evaluate(const std::filesystem::path& model, const EvaluateOptions& options);

/// What calibrate() returns.
struct Calibration {
    std::string input;
    std::string output;
    std::uint64_t tokens = 0;
    std::uint64_t weights = 0;
    FileReport file;  ///< what was written, with its SHA-256 where that was asked for
    double seconds = 0;
};

/// Runs the text of `options` (text, pairs or ids, as evaluate) through the model and writes a safetensors file: for each weight that is
/// multiplied with, under its name, the mean squared input as one F32 vector, an element for each input. An existing file: kUsage.
/// Of `write`: sync, sha256 and note; the file is there whole or not at all.
Calibration calibrate(const std::filesystem::path& model, const EvaluateOptions& options,
                      const std::filesystem::path& output, const WriteOptions& write = {});

}  // namespace octet
