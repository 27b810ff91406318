// Steps along the lower convex hulls of all items, sorted by what they gain for their cost, make a
// path from the cheapest choices to the best; near the limit fronts of combined items hold choices
// off the hulls, too. Only exact operations decide.
#include "plan/choice_front.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "plan/choice_walk.hpp"

namespace octet::plan {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Points of all fronts together, at 40 bytes each.
constexpr std::size_t kAllPoints = 512U << 10U;
constexpr std::size_t kMostPoints = 1024;
constexpr std::size_t kLeastPoints = 64;

/// Steps of the path between places whose sums are kept.
constexpr std::size_t kStepsAPlace = 256;

/// So many pairs are sorted; of more the best of each cell of cost is kept.
constexpr std::size_t kMostSortedPairs = 64U << 10U;
constexpr std::size_t kCells = 64U << 10U;

/// Of a number above 0, the logarithm to base 2 within 0.09 and increasing, from exact operations
/// only: the same on every machine.
double rough_log2(double value) {
    int exponent = 0;
    const double mantissa = std::frexp(value, &exponent);
    return exponent + 2 * mantissa - 2;
}

/// Loss below this part of the largest counts as that.
constexpr double kLeastLoss = 0x1p-60;

/// The better of two, of which either may be missing.
template <typename IsBetter>
std::optional<Selection> better_of(std::optional<Selection> a, std::optional<Selection> b,
                                   IsBetter is_better) {
    if (!a || (b && is_better(*b, *a))) return b;
    return a;
}

}  // namespace

/// Sorted by cost, each with less loss than the one before.
ChoiceFront::Points ChoiceFront::undominated(Points points) {
    std::sort(points.begin(), points.end(), [](const Point& a, const Point& b) {
        if (a.cost != b.cost) return a.cost < b.cost;
        if (a.loss != b.loss) return a.loss < b.loss;
        return a.left != b.left ? a.left < b.left : a.right < b.right;
    });
    double least = kInfinity;
    std::erase_if(points, [&](const Point& point) {
        if (point.loss >= least) return true;
        least = point.loss;
        return false;
    });
    return points;
}

ChoiceFront::Points ChoiceFront::points_of(std::size_t item) const {
    Points points;
    for (std::uint32_t i = 0; i < items_.choices_of(item); ++i) {
        const Choice choice = items_.choice(item, i);
        points.push_back({choice.cost, choice.loss, choice.worth, i, 0});
    }
    return undominated(std::move(points));
}

/// The steps along the lower convex hull of an item's points.
void ChoiceFront::add_steps(std::uint32_t item, const Points& points, std::vector<Step>& steps) {
    std::vector<const Point*> hull;
    const auto is_below = [](const Point& a, const Point& b,
                             const Point& c) {  // b lies below the line from a to c
        return (a.loss - b.loss) * (c.cost - a.cost) > (a.loss - c.loss) * (b.cost - a.cost);
    };
    for (const Point& point : points) {
        while (hull.size() >= 2 && !is_below(*hull[hull.size() - 2], *hull.back(), point))
            hull.pop_back();
        hull.push_back(&point);
    }
    double before = kInfinity;
    for (std::size_t i = 1; i < hull.size(); ++i) {
        const Point& from = *hull[i - 1];
        const Point& to = *hull[i];
        before =
            std::min(before, (from.loss - to.loss) /
                                 (to.cost - from.cost));  // falls along a hull, but for rounding
        steps.push_back(
            {before, item, static_cast<std::uint16_t>(i), static_cast<std::uint16_t>(to.left)});
    }
}

void ChoiceFront::add_places() {
    places_.push_back({0, start_sums_.cost, start_sums_.loss, start_sums_.worth});
    for (Walk walk(*this); !walk.is_at_end();) {
        walk.step();
        if (walk.place().steps % kStepsAPlace == 0) places_.push_back(walk.place());
    }
}

ChoiceFront::ChoiceFront(Items items)
    : items_(std::move(items)),
      most_points_(std::clamp(kAllPoints / items_.count, kLeastPoints, kMostPoints)),
      nothing_(1) {
    std::vector<Points> fronts;
    std::size_t most_steps = 0;
    for (std::size_t i = 0; i < items_.count; ++i) most_steps += items_.choices_of(i) - 1;
    steps_.reserve(most_steps);
    start_.reserve(items_.count);
    const bool with_tree = items_.count <= kMostTreeItems;
    for (std::uint32_t i = 0; i < items_.count; ++i) {
        Points points = points_of(i);
        start_.push_back(points.front().left);
        start_sums_.cost += points.front().cost;
        start_sums_.loss += points.front().loss;
        start_sums_.worth += points.front().worth;
        add_steps(i, points, steps_);
        if (with_tree) fronts.push_back(std::move(points));
    }
    std::sort(steps_.begin(), steps_.end(), [](const Step& a, const Step& b) {
        if (a.slope != b.slope) return a.slope > b.slope;
        return a.item != b.item ? a.item < b.item : a.number < b.number;
    });
    add_places();
    if (!with_tree) return;
    const std::size_t half = (items_.count + 1) / 2;
    root_left_ = add_node(fronts, 0, half);
    if (half < items_.count) root_right_ = add_node(fronts, half, items_.count - half);
}

std::size_t ChoiceFront::add_node(const std::vector<Points>& items, std::size_t first,
                                  std::size_t count) {
    Node node;
    node.first = first;
    node.count = count;
    if (count == 1) {
        node.points = items[first];
    } else {
        const std::size_t half = (count + 1) / 2;
        node.left = add_node(items, first, half);
        node.right = add_node(items, first + half, count - half);
        node.points = thinned(combined(nodes_[node.left].points, nodes_[node.right].points));
    }
    nodes_.push_back(std::move(node));
    return nodes_.size() - 1;
}

ChoiceFront::Points ChoiceFront::combined(const Points& a, const Points& b) {
    if (a.size() * b.size() > kMostSortedPairs) return combined_in_cells(a, b);
    Points points;
    points.reserve(a.size() * b.size());
    for (std::uint32_t i = 0; i < a.size(); ++i) {
        for (std::uint32_t j = 0; j < b.size(); ++j)
            points.push_back(
                {a[i].cost + b[j].cost, a[i].loss + b[j].loss, a[i].worth + b[j].worth, i, j});
    }
    return undominated(std::move(points));
}

/// Of the pairs in each of many equal ranges of cost the one with the least loss; and the cheapest
/// of all.
ChoiceFront::Points ChoiceFront::combined_in_cells(const Points& a, const Points& b) {
    struct Cell {
        double loss = kInfinity;
        std::uint32_t i = 0;
        std::uint32_t j = 0;
    };
    std::vector<Cell> cells(kCells + 1);
    const double least = a.front().cost + b.front().cost;
    const double range = a.back().cost + b.back().cost - least;
    const double scale = static_cast<double>(kCells - 1) / range;
    for (std::uint32_t i = 0; i < a.size(); ++i) {
        for (std::uint32_t j = 0; j < b.size(); ++j) {
            const double loss = a[i].loss + b[j].loss;
            const double place = (a[i].cost - least + b[j].cost) * scale;
            Cell& cell = cells[i + j == 0 ? 0 : 1 + static_cast<std::size_t>(place)];
            if (loss < cell.loss) cell = {loss, i, j};
        }
    }
    Points points;
    for (const Cell& cell : cells) {
        const auto& [loss, i, j] = cell;
        if (loss == kInfinity) continue;
        points.push_back({a[i].cost + b[j].cost, loss, a[i].worth + b[j].worth, i, j});
    }
    return undominated(std::move(points));
}

/// At most most_points_ of them, the first and the last always: evenly spaced where cost grows and
/// loss falls by factors, and of those near each other the one that is low in both.
ChoiceFront::Points ChoiceFront::thinned(Points points) const {
    if (points.size() <= most_points_) return points;
    const double floor = points.front().loss * kLeastLoss;
    const auto cost_log = [&](const Point& p) { return rough_log2(p.cost + 1); };
    const auto loss_log = [&](const Point& p) { return rough_log2(std::max(p.loss, floor)); };
    const double cost_range = cost_log(points.back()) - cost_log(points.front());
    const double loss_range = loss_log(points.front()) - loss_log(points.back());
    const double cells = static_cast<double>(most_points_ - 3);
    Points kept{points.front()};
    std::size_t last_cell = most_points_;
    double lowest = 0;
    for (std::size_t i = 1; i + 1 < points.size(); ++i) {
        const double cost =
            cost_range > 0 ? (cost_log(points[i]) - cost_log(points.front())) / cost_range : 0;
        const double loss =
            loss_range > 0 ? (loss_log(points.front()) - loss_log(points[i])) / loss_range : 0;
        const auto cell = static_cast<std::size_t>((cost + loss) / 2 * cells);
        if (cell != last_cell) {
            kept.push_back(points[i]);
            last_cell = cell;
            lowest = cost - loss;
        } else if (cost - loss < lowest) {
            kept.back() = points[i];
            lowest = cost - loss;
        }
    }
    kept.push_back(points.back());
    return kept;
}

void ChoiceFront::take(std::size_t number, std::uint32_t point,
                       std::vector<std::uint32_t>& choices) const {
    const Node& node = nodes_[number];
    const Point& taken = node.points[point];
    if (node.count == 1) {
        choices[node.first] = taken.left;
        return;
    }
    take(node.left, taken.left, choices);
    take(node.right, taken.right, choices);
}

/// With the sums added up item by item, however it was found.
Selection ChoiceFront::summed(std::vector<std::uint32_t> choices) const {
    Selection selection;
    for (std::size_t i = 0; i < choices.size(); ++i) {
        const Choice choice = items_.choice(i, choices[i]);
        selection.cost += choice.cost;
        selection.loss += choice.loss;
        selection.worth += choice.worth;
    }
    selection.choices = std::move(choices);
    return selection;
}

Selection ChoiceFront::selection_of(const Pair& pair) const {
    std::vector<std::uint32_t> choices(items_.count);
    take(root_left_, pair.a, choices);
    if (items_.count > 1) take(root_right_, pair.b, choices);
    return summed(std::move(choices));
}

Selection ChoiceFront::after_steps(std::size_t count) const {
    std::vector<std::uint32_t> choices = start_;
    for (std::size_t i = 0; i < count; ++i) choices[steps_[i].item] = steps_[i].choice;
    return summed(std::move(choices));
}

const ChoiceFront::Points& ChoiceFront::right_half() const noexcept {
    return items_.count > 1 ? nodes_[root_right_].points : nothing_;
}

/// Calls visit(pair, its sums) with the pairs of the two halves, the cheaper ones of the right half
/// first; false ends those of a point.
template <typename Visit>
void ChoiceFront::for_each_pair(Visit visit) const {
    if (nodes_.empty()) return;
    const Points& left = nodes_[root_left_].points;
    const Points& right = right_half();
    for (std::uint32_t i = 0; i < left.size(); ++i) {
        for (std::uint32_t j = 0; j < right.size(); ++j) {
            const Point& a = left[i];
            const Point& b = right[j];
            if (!visit(Pair{i, j},
                       Point{a.cost + b.cost, a.loss + b.loss, a.worth + b.worth, 0, 0}))
                break;
        }
    }
}

std::optional<Selection> ChoiceFront::best_within(double limit) const {
    if (start_sums_.cost > limit) return std::nullopt;
    Walk walk(*this, [&](const Place& place) { return place.cost <= limit; });
    while (!walk.is_at_end() && walk.place().cost + walk.next_cost() <= limit) walk.step();
    const Selection on_path = after_steps(walk.place().steps);
    if (nodes_.empty()) return on_path;
    const Points& left = nodes_[root_left_].points;
    const Points& right = right_half();
    std::optional<Pair> best;
    double least = kInfinity;
    std::size_t end = right.size();
    for (std::uint32_t i = 0; i < left.size(); ++i) {
        while (end > 0 && left[i].cost + right[end - 1].cost > limit) --end;
        if (end == 0) break;
        const double loss = left[i].loss + right[end - 1].loss;
        if (loss >= least) continue;
        least = loss;
        best = Pair{i, static_cast<std::uint32_t>(end - 1)};
    }
    if (!best) return on_path;
    return better_of(selection_of(*best), on_path, [](const Selection& a, const Selection& b) {
        return a.loss != b.loss ? a.loss < b.loss : a.cost < b.cost;
    });
}

std::optional<Selection> ChoiceFront::cheapest_with(double ratio) const {
    std::optional<Selection> on_path;
    for (Walk walk(*this); !on_path; walk.step()) {
        if (walk.place().loss <= ratio * walk.place().worth) {
            on_path = after_steps(walk.place().steps);
            if (on_path->loss > ratio * on_path->worth) on_path.reset();  // rounded away
        }
        if (walk.is_at_end()) break;
    }
    if (nodes_.empty()) return on_path;
    std::optional<Pair> best;
    double least = kInfinity;
    for_each_pair([&](const Pair& pair, const Point& sum) {
        if (sum.cost >= least) return false;
        if (sum.loss > ratio * sum.worth) return true;
        least = sum.cost;
        best = pair;
        return false;
    });
    std::optional<Selection> in_tree;
    if (best) in_tree = selection_of(*best);
    return better_of(std::move(in_tree), std::move(on_path),
                     [](const Selection& a, const Selection& b) {
                         return a.cost != b.cost ? a.cost < b.cost : a.loss < b.loss;
                     });
}

Selection ChoiceFront::purest() const {
    const auto is_purer = [](const auto& a, const auto& b) {
        return a.loss == 0 || b.loss == 0 ? a.loss < b.loss : a.worth * b.loss > b.worth * a.loss;
    };
    Walk walk(*this);
    Place best_place = walk.place();
    while (!walk.is_at_end()) {
        walk.step();
        if (is_purer(walk.place(), best_place)) best_place = walk.place();
    }
    Selection best = after_steps(best_place.steps);
    std::optional<Pair> best_pair;
    Point best_sum;
    for_each_pair([&](const Pair& pair, const Point& sum) {
        if (best_pair && !is_purer(sum, best_sum)) return true;
        best_pair = pair;
        best_sum = sum;
        return true;
    });
    if (!best_pair) return best;
    Selection in_tree = selection_of(*best_pair);
    return is_purer(in_tree, best) ? in_tree : best;
}

Selection ChoiceFront::cheapest() const {
    return after_steps(0);
}

double ChoiceFront::least_loss(double limit) const {
    Walk walk(*this, [&](const Place& place) { return place.cost <= limit; });
    for (; !walk.is_at_end(); walk.step()) {
        const double over = walk.place().cost + walk.next_cost() - limit;
        if (over > 0)
            return walk.place().loss -
                   walk.next_avoided() * (limit - walk.place().cost) / walk.next_cost();
    }
    return std::max(walk.place().loss, 0.0);
}

}  // namespace octet::plan
