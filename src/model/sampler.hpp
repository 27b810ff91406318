// Choosing the next token from its logits.
#pragma once

#include <cstdint>
#include <random>
#include <span>

#include "octet/model.hpp"

namespace octet::model {

class Sampler {
  public:
    /// Options out of range: kUsage.
    explicit Sampler(const Sampling& sampling);

    /// The chosen token. Greedy: the first of the largest.
    std::uint32_t choose(std::span<const float> logits);

  private:
    Sampling sampling_;
    std::mt19937_64 generator_;
};

}  // namespace octet::model
