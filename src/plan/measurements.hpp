// What was measured of every tensor under every scheme that it may have: a hundred thousand tensors
// have a million such tries, so they lie in flat arrays, of many no more than the choice among them
// needs. Plain memory; measuring is run/measure's business.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "base/json_text.hpp"
#include "octet/report.hpp"
#include "quant/wide_sum.hpp"

namespace octet::plan {

/// The error of a scheme that cannot hold a tensor's values: no choice takes it where another does.
constexpr double kCannotHold = std::numeric_limits<double>::infinity();

/// What is to be measured of each tensor. Many have the same list, which stands there once.
struct SchemeLists {
    std::vector<std::vector<Scheme>> lists;  ///< the first is empty
    std::vector<std::uint32_t> of;           ///< of each tensor: its list

    const std::vector<Scheme>& operator[](std::size_t tensor) const { return lists[of[tensor]]; }
};

class Measurements {
  public:
    /// So many tries keep all their figures, at 64 bytes each; of more only the RMSE stays, and one
    /// sum of squares a tensor.
    static constexpr std::size_t kMostKept = 32U << 10U;

    explicit Measurements(SchemeLists lists) : lists_(std::move(lists)) {
        std::size_t tries = 0;
        first_.reserve(lists_.of.size());
        for (std::size_t i = 0; i < lists_.of.size(); ++i) {
            first_.push_back(static_cast<std::uint32_t>(tries));
            tries += lists_[i].size();
        }
        keeps_all_ = tries <= kMostKept;
        rmses_.reserve(tries);
    }

    /// The next try, tensor by tensor in the order of their lists. `signal` is the sum of the
    /// tensor's squares.
    void add(std::size_t tensor, const TensorStatistics& statistics, const quant::WideSum& signal) {
        const bool is_first = rmses_.size() == first_[tensor];
        constexpr float kLeast =
            std::numeric_limits<float>::denorm_min();  // nothing that was lost becomes 0
        const auto rmse = static_cast<float>(statistics.rmse);
        rmses_.push_back(statistics.rmse > 0 ? std::max(rmse, kLeast) : rmse);
        if (keeps_all_) statistics_.push_back(statistics);
        if (!keeps_all_) signals_.resize(lists_.of.size());
        if (keeps_all_) signals_.push_back(signal);
        if (!keeps_all_ && is_first) signals_[tensor] = signal;
    }

    const SchemeLists& lists() const noexcept { return lists_; }

    const std::vector<Scheme>& schemes_of(std::size_t tensor) const { return lists_[tensor]; }

    /// Six digits, which a float holds wherever the figure is a normal one.
    double rmse(std::size_t tensor, std::size_t number) const {
        const std::size_t place = first_[tensor] + number;
        return keeps_all_ ? statistics_[place].rmse : six_digits(double{rmses_[place]});
    }

    const quant::WideSum& signal(std::size_t tensor, std::size_t number) const {
        return signals_[keeps_all_ ? first_[tensor] + number : tensor];
    }

    /// Null where there were too many tries.
    const TensorStatistics* statistics(std::size_t tensor, std::size_t number) const {
        return keeps_all_ ? &statistics_[first_[tensor] + number] : nullptr;
    }

  private:
    SchemeLists lists_;
    std::vector<std::uint32_t> first_;  // of each tensor: the number of its first try
    bool keeps_all_ = true;
    std::vector<float> rmses_;
    std::vector<quant::WideSum> signals_;  // of all tries, or of all tensors
    std::vector<TensorStatistics> statistics_;
};

}  // namespace octet::plan
