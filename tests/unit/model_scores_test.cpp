// What evaluate() sums up, against figures worked out by hand.
#include <cmath>
#include <limits>

#include "model/scores.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

Fidelity fidelity_of(const std::vector<double>& divergences) {
    model::Scores scores;
    for (const double kl : divergences) {
        model::TokenScore token;
        token.kl = kl;
        scores.add(token);
    }
    Evaluation evaluation;
    scores.report(evaluation, true);
    return *evaluation.fidelity;
}

}  // namespace

TEST_CASE("the median and the 99th percentile of divergences lie between their neighbours") {
    CHECK(fidelity_of({3}).median_kl == 3);
    CHECK(fidelity_of({3}).p99_kl == 3);
    CHECK(fidelity_of({4, 1, 2}).median_kl == 2);
    CHECK(fidelity_of({8, 1, 4, 2}).median_kl == 3);
    CHECK(std::abs(fidelity_of({0, 1}).p99_kl - 0.99) < 1e-12);
    std::vector<double> up_to_200;
    for (int i = 200; i >= 0; --i) up_to_200.push_back(i);
    CHECK(fidelity_of(up_to_200).p99_kl == 198);
    CHECK(fidelity_of(up_to_200).median_kl == 100);
    CHECK(fidelity_of(up_to_200).kl.mean == 100);
    CHECK(std::abs(fidelity_of(up_to_200).kl.standard_error - std::sqrt(202.0 / 12)) < 1e-12);
}

TEST_CASE("a divergence that is no number is above all others") {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const Fidelity fidelity = fidelity_of({nan, 1, 2, 3, 4});
    CHECK(fidelity.median_kl == 3);
    CHECK(std::isnan(fidelity.p99_kl));
    CHECK(std::isnan(fidelity.max_kl));
}

}  // namespace octet::test
