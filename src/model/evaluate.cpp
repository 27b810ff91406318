// evaluate(): models run over the same examples, each token scored against its label and against
// the reference. Logits of a bounded number of places are in memory at once.
#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "base/text.hpp"
#include "model/examples.hpp"
#include "model/model_gates.hpp"
#include "model/scores.hpp"
#include "octet/error.hpp"
#include "octet/model.hpp"

namespace octet::model {
namespace {

/// Places whose logits are in memory at once.
constexpr std::size_t kPlaces = 64;

/// The states behind the last norm for every place of an example.
void run_example(Model& network, const Example& example, Matrix& hidden) {
    Sequence sequence = network.begin(example.source, example.inputs.size());
    network.advance(sequence, example.inputs, hidden);
}

/// One of the models that are held against the same reference.
struct Judged {
    Model* network;
    Scores scores;
};

class Evaluator {
  public:
    Evaluator(ComputeContext& compute, Model* reference)
        : compute_(compute), reference_(reference) {}

    void add(const Example& example, std::vector<Judged>& judged) {
        check_labels(example, judged.front().network->config());
        if (reference_ != nullptr) run_example(*reference_, example, reference_hidden_);
        for (Judged& one : judged) {
            run_example(*one.network, example, hidden_);
            score(example, one);
        }
    }

  private:
    static void check_labels(const Example& example, const Config& config) {
        for (const std::uint32_t id : example.labels) {
            if (id < config.vocabulary) continue;
            throw Error(ErrorCode::kBadInput,
                        fmt::format("token {} is beyond the model's vocabulary of {}; the "
                                    "tokenizer, or the ids, belong "
                                    "to another model",
                                    id, config.vocabulary));
        }
    }

    void score(const Example& example, Judged& one) {
        bool is_exact = true;
        for (std::size_t first = 0; first < example.labels.size(); first += kPlaces) {
            const std::size_t count = std::min(kPlaces, example.labels.size() - first);
            one.network->logits(hidden_, first, count, logits_);
            if (reference_ != nullptr)
                reference_->logits(reference_hidden_, first, count, reference_logits_);
            const auto scores = score_rows(compute_.team(), logits_,
                                           reference_ != nullptr ? &reference_logits_ : nullptr,
                                           std::span(example.labels).subspan(first, count));
            for (const TokenScore& token : scores) {
                one.scores.add(token);
                is_exact = is_exact && token.is_right;
            }
        }
        if (!example.source.empty()) one.scores.end_pair(is_exact);
    }

    ComputeContext& compute_;
    Model* reference_;
    Matrix hidden_;
    Matrix reference_hidden_;
    Matrix logits_;
    Matrix reference_logits_;
};

void check_fit(const Loaded& loaded, const Loaded& reference) {
    const Config& a = loaded.config();
    const Config& b = reference.config();
    if (a.family == b.family && a.vocabulary == b.vocabulary && a.positions == b.positions) return;
    throw Error(ErrorCode::kBadInput, printable(reference.weights().input()),
                fmt::format("is no reference for {}: other architecture, vocabulary ({} and {}) or "
                            "context ({} and {})",
                            printable(loaded.weights().input()), b.vocabulary, a.vocabulary,
                            b.positions, a.positions));
}

/// Networks of the reference's weights, with one tensor of the set each.
struct Mixtures {
    std::vector<Weights> weights;
    std::vector<std::unique_ptr<Model>> networks;
    std::vector<std::string> names;
};

Mixtures mixtures_of(const Loaded& set, const Loaded& reference, ComputeContext& compute) {
    if (!set.weights().is_set())
        throw Error(ErrorCode::kUsage,
                    "--tensor-ablation: MODEL has to be a set, whose tensors are tried one by one");
    Mixtures mixtures;
    for (const std::string& name : set.weights().quantized()) {
        if (set.weights().is_used(name)) mixtures.names.push_back(name);
    }
    mixtures.weights.reserve(mixtures.names.size());
    for (const std::string& name : mixtures.names) {
        mixtures.weights.push_back(reference.weights().with_one_of(set.weights(), name));
        mixtures.networks.push_back(
            open_model(mixtures.weights.back(), reference.config(), compute));
    }
    return mixtures;
}

}  // namespace
}  // namespace octet::model

namespace octet {

Evaluation evaluate(const std::filesystem::path& path, const EvaluateOptions& options) {
    using namespace model;
    const auto start = std::chrono::steady_clock::now();
    check_limits(options.gates, options.reference.has_value());
    if (options.tensor_ablation && !options.reference)
        throw Error(ErrorCode::kUsage,
                    "--tensor-ablation: needs --reference, the original of the set");
    ComputeContext compute(options.read.threads);
    Loaded loaded(path, compute, options.read.follow_links);
    std::optional<Loaded> reference;
    if (options.reference) {
        reference.emplace(*options.reference, compute, options.read.follow_links);
        check_fit(loaded, *reference);
    }
    Mixtures mixtures;
    if (options.tensor_ablation) mixtures = mixtures_of(loaded, *reference, compute);
    std::vector<Judged> judged;
    judged.push_back({&loaded.network(), {}});
    for (const auto& network : mixtures.networks) judged.push_back({network.get(), {}});

    const std::unique_ptr<Examples> examples = open_examples(options, loaded);
    Evaluator evaluator(compute, reference ? &reference->network() : nullptr);
    while (const std::optional<Example> example = examples->next()) {
        if (options.read.stop_requested && options.read.stop_requested())
            throw Error(ErrorCode::kInterrupted, "interrupted; nothing was changed");
        evaluator.add(*example, judged);
        if (options.read.progress)
            options.read.progress(examples->read_bytes(), examples->total_bytes());
    }
    Evaluation evaluation;
    evaluation.input = path.native();
    evaluation.reference = options.reference ? options.reference->native() : "";
    evaluation.text = (options.text    ? *options.text
                       : options.pairs ? *options.pairs
                                       : *options.ids)
                          .native();
    judged.front().scores.report(evaluation, reference.has_value());
    if (evaluation.tokens == 0)
        throw Error(ErrorCode::kBadInput, printable(evaluation.text),
                    "holds nothing to predict; give more text");
    for (std::size_t i = 0; i < mixtures.names.size(); ++i)
        evaluation.ablation.push_back({mixtures.names[i], judged[i + 1].scores.mean_kl()});
    std::stable_sort(
        evaluation.ablation.begin(), evaluation.ablation.end(),
        [](const Ablation& a, const Ablation& b) { return is_below(b.mean_kl, a.mean_kl); });
    evaluation.checks = check_gates(options.gates, evaluation);
    evaluation.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return evaluation;
}

TextJudgement judge(const std::filesystem::path& path, EvaluateOptions options) {
    using namespace model;
    const ModelGates& gates = options.gates;
    check_limits(gates, options.reference.has_value());
    try {
        ComputeContext compute(1);  // for a look: nothing is computed
        Loaded loaded(path, compute, options.read.follow_links);
        const Loaded reference(*options.reference, compute, options.read.follow_links);
        check_fit(loaded, reference);
        static_cast<void>(loaded.tokenizer());
        if (loaded.is_t5()) options.pairs = std::exchange(options.text, std::nullopt);
    } catch (const Error& error) {
        const bool has_gates = gates.max_kl || gates.min_same_top_1 || gates.max_perplexity_ratio;
        if (error.code() != ErrorCode::kBadInput || has_gates) throw;
        return {std::nullopt, error.what()};
    }
    return {evaluate(path, options), {}};
}

}  // namespace octet
