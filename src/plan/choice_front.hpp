// Which choice to take for each of many items, so that what is lost is little and what is spent is
// not more than a limit: the multiple-choice knapsack. Pure arithmetic on costs and losses; knows
// nothing of tensors.
//
// A front is made once, without any limit: for each half of the items the combinations that no
// other one beats in cost and loss, made from the fronts of their halves and so on down to the
// single items. A limit then asks for the best pair of one point of either half. So all limits
// choose from the same combinations, and a larger limit never loses more.
//
// As long as no half has more than `most_points()` such combinations, the front has all of them,
// and what it chooses is the optimum. Beyond that it keeps them evenly spaced. Where there are too
// many items for that (kMostTreeItems), the front is the path along the lower convex hulls alone:
// the steps with the largest loss avoided for each unit of cost, one after the other (the greedy
// solution of the linear relaxation; H. Kellerer, U. Pferschy, D. Pisinger, "Knapsack Problems",
// Springer 2004, chapter 11). Elsewhere the path counts too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace octet::plan {

/// One way to do an item. Costs and losses are finite, not negative; costs are whole numbers below
/// 2^50.
struct Choice {
    double cost = 0;
    double loss = 0;
    double worth = 0;  ///< of what is not lost: what limits on the ratio of the two ask for
};

/// What there is to choose. Asked for again and again rather than kept: all choices of a hundred
/// thousand items take tens of megabytes.
struct Items {
    std::size_t count = 0;
    std::function<std::uint32_t(std::size_t item)> choices_of;  ///< how many it has, 1 to 65,536
    std::function<Choice(std::size_t item, std::uint32_t number)> choice;
};

/// One choice for each item.
struct Selection {
    std::vector<std::uint32_t> choices;
    double cost = 0;  ///< the sums of the choices'
    double loss = 0;
    double worth = 0;
};

class ChoiceFront {
  public:
    /// Every item has at least one choice; there is at least one item. What `items` refers to
    /// outlives this.
    explicit ChoiceFront(Items items);

    /// The least loss at a cost of at most `limit`, ties to less cost; nothing where even the least
    /// cost is more.
    std::optional<Selection> best_within(double limit) const;

    /// The least cost with loss <= ratio * worth; nothing where no combination of the front has
    /// that.
    std::optional<Selection> cheapest_with(double ratio) const;

    /// The combination of the front with the least loss for its worth.
    Selection purest() const;

    Selection cheapest() const;

    /// What no choice at all can beat at that cost, whether it is on the front or not: the optimum
    /// of the linear relaxation. `limit` is not below the least cost.
    double least_loss(double limit) const;

    /// Combinations that a half keeps.
    std::size_t most_points() const noexcept { return most_points_; }

    static constexpr std::size_t kMostTreeItems = 4096;

  private:
    struct Point {
        double cost = 0;
        double loss = 0;
        double worth = 0;
        std::uint32_t left = 0;  ///< of an item: the choice; else the points of the two halves
        std::uint32_t right = 0;
    };
    using Points = std::vector<Point>;

    /// A run of items: one of them, or two halves.
    struct Node {
        std::size_t first = 0;
        std::size_t count = 1;
        std::size_t left = 0;  ///< nodes
        std::size_t right = 0;
        Points points;
    };

    /// A step from one choice of an item to the next on its lower convex hull. There are millions
    /// of them, so what a step adds is not kept.
    struct Step {
        double slope =
            0;  ///< loss avoided for each unit of cost; not above that of the item's step before
        std::uint32_t item = 0;
        std::uint16_t number = 0;  ///< of the item's steps
        std::uint16_t choice = 0;  ///< after it
    };

    /// The path along the hulls after some of its steps.
    struct Place {
        std::size_t steps = 0;
        double cost = 0;  ///< sums
        double loss = 0;
        double worth = 0;
    };
    class Walk;

    /// A point of either half.
    struct Pair {
        std::uint32_t a = 0;
        std::uint32_t b = 0;
    };

    Points points_of(std::size_t item) const;
    static void add_steps(std::uint32_t item, const Points& points, std::vector<Step>& steps);
    void add_places();
    static Points combined(const Points& a, const Points& b);
    static Points combined_in_cells(const Points& a, const Points& b);
    static Points undominated(Points points);
    Points thinned(Points points) const;
    std::size_t add_node(const std::vector<Points>& items, std::size_t first, std::size_t count);
    void take(std::size_t node, std::uint32_t point, std::vector<std::uint32_t>& choices) const;
    const Points& right_half() const noexcept;
    Selection summed(std::vector<std::uint32_t> choices) const;
    Selection selection_of(const Pair& pair) const;
    Selection after_steps(std::size_t steps) const;
    template <typename Visit>
    void for_each_pair(Visit visit) const;

    Items items_;
    std::size_t most_points_;
    std::vector<Node> nodes_;  // empty where there are too many items
    std::size_t root_left_ = 0;
    std::size_t root_right_ = 0;
    Points nothing_;                    // the right half of a single item: one point, free
    std::vector<std::uint32_t> start_;  // the cheapest choices
    Point start_sums_;
    std::vector<Step> steps_;    // steepest first
    std::vector<Place> places_;  // after every so many steps, from none on
};

}  // namespace octet::plan
