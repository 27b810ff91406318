// Tokens are sorted by their logits, cut after the k likeliest and at the share p, and drawn with
// 53 random bits of a generator of a given seed: the same tokens on every machine with the same
// logits.
#include "model/sampler.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include <fmt/format.h>

#include "octet/error.hpp"

namespace octet::model {

Sampler::Sampler(const Sampling& sampling) : sampling_(sampling), generator_(sampling.seed) {
    if (!(sampling.temperature >= 0) || !std::isfinite(sampling.temperature))
        throw Error(ErrorCode::kUsage, "--temperature",
                    fmt::format("{} is no number from 0 up", sampling.temperature));
    if (!(sampling.top_p > 0) || sampling.top_p > 1)
        throw Error(ErrorCode::kUsage, "--top-p",
                    fmt::format("{} is not above 0 and at most 1", sampling.top_p));
}

std::uint32_t Sampler::choose(std::span<const float> logits) {
    const auto best =
        static_cast<std::uint32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
    if (sampling_.temperature == 0) return best;
    std::vector<std::uint32_t> order(logits.size());
    std::iota(order.begin(), order.end(), 0U);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return logits[a] > logits[b]; });
    if (sampling_.top_k > 0 && sampling_.top_k < order.size()) order.resize(sampling_.top_k);
    std::vector<double> sums;  // of the probabilities so far, not normalized
    const double largest = static_cast<double>(logits[best]);
    double sum = 0;
    for (const std::uint32_t token : order) {
        sum += std::exp((static_cast<double>(logits[token]) - largest) / sampling_.temperature);
        sums.push_back(sum);
    }
    const double kept = sampling_.top_p * sum;
    const auto last = std::lower_bound(sums.begin(), sums.end(), kept);
    sums.resize(std::min(static_cast<std::size_t>(last - sums.begin()) + 1, sums.size()));
    // 53 random bits: the same on every standard library, unlike uniform_real_distribution.
    const double random = static_cast<double>(generator_() >> 11U) * 0x1p-53 * sums.back();
    const auto found = std::upper_bound(sums.begin(), sums.end(), random);
    return order[std::min(static_cast<std::size_t>(found - sums.begin()), sums.size() - 1)];
}

}  // namespace octet::model
