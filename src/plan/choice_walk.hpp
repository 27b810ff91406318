// The path along the lower convex hulls of a choice front's items. What a step adds is asked for
// again; of the sums some places on the way are kept.
#pragma once

#include <algorithm>
#include <vector>

#include "plan/choice_front.hpp"

namespace octet::plan {

/// Goes along the path step by step, with the sums.
class ChoiceFront::Walk {
  public:
    /// From the last of `front`'s places before which `is_before` holds, or from the start.
    template <typename IsBefore>
    Walk(const ChoiceFront& front, IsBefore is_before) : front_(front), choices_(front.start_) {
        const auto first_not =
            std::partition_point(front.places_.begin(), front.places_.end(), is_before);
        const Place from = first_not == front.places_.begin() ? Place{} : *(first_not - 1);
        for (std::size_t i = 0; i < from.steps; ++i)
            choices_[front.steps_[i].item] = front.steps_[i].choice;
        place_ = from.steps > 0 ? from : front.places_.front();
        look_ahead();
    }
    explicit Walk(const ChoiceFront& front)
        : front_(front),
          choices_(front.start_),
          place_{0, front.start_sums_.cost, front.start_sums_.loss, front.start_sums_.worth} {
        look_ahead();
    }

    const Place& place() const noexcept { return place_; }
    bool is_at_end() const noexcept { return place_.steps == front_.steps_.size(); }

    /// What the next step adds to the cost, and takes from the loss.
    double next_cost() const noexcept { return to_.cost - from_.cost; }
    double next_avoided() const noexcept { return from_.loss - to_.loss; }

    void step() {
        place_.cost += next_cost();
        place_.loss = std::max(place_.loss - next_avoided(), 0.0);
        place_.worth += to_.worth - from_.worth;
        choices_[front_.steps_[place_.steps].item] = front_.steps_[place_.steps].choice;
        ++place_.steps;
        look_ahead();
    }

  private:
    void look_ahead() {
        if (is_at_end()) return;
        const Step& step = front_.steps_[place_.steps];
        from_ = front_.items_.choice(step.item, choices_[step.item]);
        to_ = front_.items_.choice(step.item, step.choice);
    }

    const ChoiceFront& front_;
    std::vector<std::uint32_t> choices_;
    Place place_;
    Choice from_;  // of the next step
    Choice to_;
};

}  // namespace octet::plan
