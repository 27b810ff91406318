// How good predictions are, and how far from a reference's: for each token from its logits, and
// summed up over all of them. Probabilities are computed in double from float32 logits.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/model.hpp"
#include "octet/model.hpp"

namespace octet::model {

/// What the logits of one place say.
struct TokenScore {
    double loss = 0;            ///< -ln p(right token)
    double reference_loss = 0;  ///< the same of the reference
    double kl = 0;              ///< sum p_ref ln(p_ref / p)
    bool is_right = false;      ///< the most likely token is the right one
    bool is_same = false;       ///< the most likely token is the reference's
};

/// Scores rows of logits against the right tokens, and against the reference's logits unless those
/// are null.
std::vector<TokenScore> score_rows(Team& team, const Matrix& logits, const Matrix* reference,
                                   std::span<const std::uint32_t> labels);

/// An order of divergences in which NaN, of a model that computes one, is above everything.
bool is_below(double a, double b) noexcept;

/// Sums of everything that evaluate() reports.
class Scores {
  public:
    void add(const TokenScore& score);

    /// A pair is through: exact if every token of it was right.
    void end_pair(bool is_exact);

    double mean_kl() const;

    /// Fills in tokens, loss, perplexity, and with a reference `fidelity`.
    void report(Evaluation& evaluation, bool has_reference);

  private:
    struct Moments {
        double sum = 0;
        double squares = 0;
        void add(double value) {
            sum += value;
            squares += value * value;
        }
        Estimate estimate(std::uint64_t count) const;
    };

    std::uint64_t tokens_ = 0;
    std::uint64_t pairs_ = 0;
    std::uint64_t exact_ = 0;
    Moments loss_;
    Moments reference_loss_;
    Moments kl_;
    Moments same_;
    Moments delta_p_;
    double max_kl_ = 0;
    std::vector<float> every_kl_;  ///< for the median and the 99th percentile
};

}  // namespace octet::model
