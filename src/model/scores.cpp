// Log-sums in double over float32 logits. Means have the standard error of independent tokens;
// quantiles are numpy's (in proportion between neighbours). NaN stays NaN.
#include "model/scores.hpp"

#include <algorithm>
#include <cmath>

namespace octet::model {
namespace {

/// ln of the sum of exponentials.
double log_sum(const float* logits, std::size_t count, float largest) {
    double sum = 0;
    for (std::size_t i = 0; i < count; ++i)
        sum += std::exp(static_cast<double>(logits[i]) - static_cast<double>(largest));
    return static_cast<double>(largest) + std::log(sum);
}

TokenScore score_row(const float* logits, const float* reference, std::size_t count,
                     std::uint32_t label) {
    TokenScore score;
    const float* const best = std::max_element(logits, logits + count);
    const double all = log_sum(logits, count, *best);
    score.loss = all - static_cast<double>(logits[label]);
    score.is_right = best == logits + label;
    if (reference == nullptr) return score;
    const float* const reference_best = std::max_element(reference, reference + count);
    const double reference_all = log_sum(reference, count, *reference_best);
    score.reference_loss = reference_all - static_cast<double>(reference[label]);
    score.is_same = best - logits == reference_best - reference;
    for (std::size_t i = 0; i < count; ++i) {
        const double log_p = static_cast<double>(reference[i]) - reference_all;
        score.kl += std::exp(log_p) * (log_p - (static_cast<double>(logits[i]) - all));
    }
    return score;
}

/// The value at `share` of the way through `sorted`, between two neighbours in proportion, as
/// numpy.quantile has it.
double quantile(const std::vector<float>& sorted, double share) {
    const double place = share * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, sorted.size() - 1);
    const double part = place - static_cast<double>(below);
    const auto low = static_cast<double>(sorted[below]);
    return part == 0 ? low : low + part * (static_cast<double>(sorted[above]) - low);
}

}  // namespace

std::vector<TokenScore> score_rows(Team& team, const Matrix& logits, const Matrix* reference,
                                   std::span<const std::uint32_t> labels) {
    std::vector<TokenScore> scores(labels.size());
    team.run(labels.size(), [&](std::size_t row, unsigned) {
        scores[row] =
            score_row(logits.row(row), reference != nullptr ? reference->row(row) : nullptr,
                      logits.columns, labels[row]);
    });
    return scores;
}

bool is_below(double a, double b) noexcept {
    return std::isnan(b) ? !std::isnan(a) : a < b;
}

Estimate Scores::Moments::estimate(std::uint64_t count) const {
    if (count == 0) return {};
    const auto n = static_cast<double>(count);
    const double mean = sum / n;
    const double variance =
        squares / n - mean * mean;  // rounding can leave a hair below 0; NaN stays
    return {mean, count > 1 ? std::sqrt((variance < 0 ? 0.0 : variance) / (n - 1)) : 0.0};
}

void Scores::add(const TokenScore& score) {
    ++tokens_;
    loss_.add(score.loss);
    reference_loss_.add(score.reference_loss);
    const double kl =
        score.kl < 0 ? 0.0 : score.kl;  // rounding can leave a hair below 0; NaN stays
    kl_.add(kl);
    if (is_below(max_kl_, kl)) max_kl_ = kl;
    every_kl_.push_back(static_cast<float>(kl));
    same_.add(score.is_same ? 1 : 0);
    delta_p_.add(std::exp(-score.loss) - std::exp(-score.reference_loss));
}

void Scores::end_pair(bool is_exact) {
    ++pairs_;
    exact_ += is_exact ? 1 : 0;
}

double Scores::mean_kl() const {
    return kl_.estimate(tokens_).mean;
}

void Scores::report(Evaluation& evaluation, bool has_reference) {
    evaluation.tokens = tokens_;
    evaluation.loss = loss_.estimate(tokens_);
    evaluation.perplexity = std::exp(evaluation.loss.mean);
    if (pairs_ > 0) {
        evaluation.pairs = pairs_;
        evaluation.exact = exact_;
    }
    if (!has_reference || tokens_ == 0) return;
    Fidelity fidelity;
    fidelity.kl = kl_.estimate(tokens_);
    fidelity.max_kl = max_kl_;
    std::sort(every_kl_.begin(), every_kl_.end(), is_below);
    fidelity.median_kl = quantile(every_kl_, 0.5);
    fidelity.p99_kl = quantile(every_kl_, 0.99);
    fidelity.same_top_1 = same_.estimate(tokens_);
    fidelity.delta_p = delta_p_.estimate(tokens_);
    fidelity.rms_delta_p = std::sqrt(delta_p_.squares / static_cast<double>(tokens_));
    fidelity.reference_loss = reference_loss_.estimate(tokens_).mean;
    fidelity.reference_perplexity = std::exp(fidelity.reference_loss);
    fidelity.perplexity_ratio = std::exp(evaluation.loss.mean - fidelity.reference_loss);
    evaluation.fidelity = fidelity;
}

}  // namespace octet::model
