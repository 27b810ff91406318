// The planner's optimisation against every combination there is, and against what no combination
// can beat.
#include <algorithm>
#include <cmath>

#include "plan/choice_front.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

using plan::Choice;
using plan::ChoiceFront;
using plan::Selection;
using Items = std::vector<std::vector<Choice>>;

plan::Items view_of(const Items& items) {
    return {items.size(),
            [&](std::size_t i) { return static_cast<std::uint32_t>(items[i].size()); },
            [&](std::size_t i, std::uint32_t number) { return items[i][number]; }};
}

/// Items as tensors are: choices of 2 to 8 bits a weight whose losses fall by four a bit, roughly,
/// and often one without any loss. Sizes and power differ by up to so many powers of two.
Items random_items(std::mt19937_64& random, std::size_t count, std::size_t most_choices,
                   double spread = 16) {
    std::uniform_real_distribution<double> unit(0.0, 1.0);
    Items items(count);
    for (auto& item : items) {
        const double weights = std::exp2(4 + spread * unit(random));
        const double power = weights * std::exp2(-spread / 2 * unit(random));
        const std::size_t choices =
            2 + static_cast<std::size_t>(unit(random) * static_cast<double>(most_choices - 1));
        for (std::size_t i = 0; i < choices; ++i) {
            const double bits = 2 + 6 * unit(random);
            item.push_back({std::floor(weights * bits / 8),
                            power * std::exp2(-2 * bits) * (0.5 + unit(random)), power});
        }
        if (unit(random) < 0.7) item.back() = {weights * 4, 0, 0};
    }
    return items;
}

/// Every combination, by counting.
template <typename Visit>
void for_each_combination(const Items& items, Visit visit) {
    std::vector<std::size_t> number(items.size());
    for (;;) {
        Selection sums;
        for (std::size_t i = 0; i < items.size(); ++i) {
            sums.cost += items[i][number[i]].cost;
            sums.loss += items[i][number[i]].loss;
            sums.worth += items[i][number[i]].worth;
        }
        visit(sums);
        std::size_t i = 0;
        while (i < items.size() && ++number[i] == items[i].size()) number[i++] = 0;
        if (i == items.size()) return;
    }
}

double least_loss_of_all(const Items& items, double limit) {
    double least = INFINITY;
    for_each_combination(items, [&](const Selection& sums) {
        if (sums.cost <= limit) least = std::min(least, sums.loss);
    });
    return least;
}

void check_sums(const Items& items, const Selection& selection) {
    Selection sums;
    REQUIRE(selection.choices.size() == items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
        sums.cost += items[i].at(selection.choices[i]).cost;
        sums.loss += items[i].at(selection.choices[i]).loss;
    }
    REQUIRE(sums.cost == selection.cost);
    REQUIRE(sums.loss == selection.loss);
}

double most_cost(const Items& items) {
    double sum = 0;
    for (const auto& item : items)
        sum += std::max_element(item.begin(), item.end(), [](auto& a, auto& b) {
                   return a.cost < b.cost;
               })->cost;
    return sum;
}

}  // namespace

TEST_CASE("a small problem's best choice is that of trying all combinations, at every limit") {
    std::mt19937_64 random(6);
    for (int problem = 0; problem < 60; ++problem) {
        const Items items = random_items(random, 1 + random() % 6, 6);
        const ChoiceFront front(view_of(items));
        const double least = front.cheapest().cost;
        CAPTURE(problem, items.size());
        REQUIRE_FALSE(front.best_within(least - 1));
        for (int i = 0; i <= 8; ++i) {
            const double limit = std::floor(least * std::pow(most_cost(items) / least, i / 8.0));
            const auto found = front.best_within(limit);
            REQUIRE(found);
            check_sums(items, *found);
            REQUIRE(found->cost <= limit);
            REQUIRE(found->loss <= 1.000001 * least_loss_of_all(items, limit));
            REQUIRE(found->loss >= front.least_loss(limit) * 0.999999);
        }
    }
}

TEST_CASE("the cheapest choice under a ratio is on the front, and none is beyond the purest") {
    std::mt19937_64 random(7);
    for (int problem = 0; problem < 30; ++problem) {
        Items items = random_items(random, 1 + random() % 5, 5);
        if (problem % 2 == 0) items.push_back({{100, 5, 50}});  // one that a rule decides
        const ChoiceFront front(view_of(items));
        double purest = INFINITY;
        for_each_combination(items, [&](const Selection& sums) {
            purest = std::min(purest, sums.loss == 0 ? 0 : sums.loss / sums.worth);
        });
        const Selection best = front.purest();
        const double reached = best.loss == 0 ? 0 : best.loss / best.worth;
        CAPTURE(problem, purest, reached);
        REQUIRE(reached <= purest * 1.01 + 1e-12);
        if (purest > 0) REQUIRE_FALSE(front.cheapest_with(purest * 0.99));
        for (const double ratio : {reached * 1.000001, 0.3, 0.03, 0.003, 0.0003}) {
            double least = INFINITY;
            for_each_combination(items, [&](const Selection& sums) {
                if (sums.loss <= ratio * sums.worth) least = std::min(least, sums.cost);
            });
            const auto found = front.cheapest_with(ratio);
            if (ratio >= reached) REQUIRE(found);
            if (!found) continue;
            check_sums(items, *found);
            REQUIRE(found->loss <= ratio * found->worth);
            REQUIRE(found->cost <= 1.01 * least);
        }
    }
}

TEST_CASE("a larger limit never loses more, and no choice is far from the bound of all choices") {
    std::mt19937_64 random(8);
    for (const std::size_t count : {20U, 150U, 700U, 5000U}) {
        const Items items = random_items(random, count, 9, 5);
        const ChoiceFront front(view_of(items));
        const double least = front.cheapest().cost;
        const double most = most_cost(items);
        double before = INFINITY;
        double widest_gap = 0;
        for (int i = 0; i < 60; ++i) {
            const double limit = std::floor(least * std::pow(most / least, i / 60.0));
            const auto found = front.best_within(limit);
            REQUIRE(found);
            REQUIRE(found->cost <= limit);
            REQUIRE(found->loss <= before);
            before = found->loss;
            const double bound = front.least_loss(limit);
            if (count >= 150) widest_gap = std::max(widest_gap, found->loss / bound - 1);
        }
        CAPTURE(count, widest_gap);
        REQUIRE(widest_gap < 0.02);
    }
}

}  // namespace octet::test
