// Errors become numbers in a common unit, tensors of one kind share their costs, and the front
// (plan/choice_front) finds choices at the limit. Layouts of the choices are counted exactly, as
// headers take bytes, too.
#include "plan/planner.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/json_text.hpp"
#include "base/text.hpp"
#include "formats/layout.hpp"
#include "octet/error.hpp"
#include "quant/error_sums.hpp"
#include "quant/storage_layout.hpp"

namespace octet::plan {
namespace {

/// What rounding figures to six digits can take from a ratio that holds.
constexpr double kRoundingMargin = 2e-5;

/// Points of the curve, before those that are equal are left out.
constexpr int kCurvePoints = 32;

/// Tensors of all the layouts that are tried to use a budget to its last bytes.
constexpr std::size_t kMostLaidOutTensors = 100'000;

double elements_of(const TensorReport& tensor) {
    return static_cast<double>(element_count(tensor.shape).value_or(0));
}

std::string decibels_text(double sqnr_db) {
    return std::isinf(sqnr_db) ? "lossless" : fmt::format("{} dB", sqnr_db);
}

}  // namespace

Planner::Planner(const formats::Format& format, const checkpoint::Checkpoint& checkpoint,
                 const std::vector<TensorReport>& tensors, Measurements measured,
                 std::vector<TensorChoices> choices)
    : format_(format),
      checkpoint_(checkpoint),
      tensors_(tensors),
      name_of_(format.part_names(tensors)),
      measured_(std::move(measured)),
      choices_(std::move(choices)) {
    count_digits();
    add_items();
    front_.emplace(Items{
        items_.size() + 1,
        [this](std::size_t item) { return item < items_.size() ? choices_of(items_[item]) : 1; },
        [this](std::size_t item, std::uint32_t number) { return choice(item, number); }});
}

/// The digits of the largest offsets that choices can lead to, file by file, and what the smallest
/// ones would save.
void Planner::count_digits() {
    std::vector<std::uint64_t> most(checkpoint_.shards.size());
    std::vector<std::uint64_t> least(most);
    constexpr double kOffsetsATensor = 2 * 5;  // of at most five parts
    slack_ = 14.0 * static_cast<double>(most.size());
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
        const TensorChoices& one = choices_[i];
        std::uint64_t largest = one.may_be_kept ? tensors_[i].source_bytes : 0;
        std::uint64_t smallest = one.may_be_kept ? largest : ~std::uint64_t{0};
        for (const Scheme& scheme : measured_.schemes_of(i)) {
            const std::uint64_t bytes = data_bytes(i, scheme);
            largest = std::max(largest, bytes);
            smallest = std::min(smallest, bytes);
        }
        const std::uint32_t shard = checkpoint_.tensors[i].shard;
        const std::size_t fewest = std::to_string(least[shard]).size();
        if (!one.as_of) {
            most[shard] += largest;
            least[shard] += smallest;
        }
        digits_.push_back(static_cast<std::uint8_t>(std::to_string(most[shard]).size()));
        slack_ += kOffsetsATensor * static_cast<double>(digits_.back() - fewest);
    }
}

/// Squares of float64 weights below 1e-150 have sums that are no doubles.
void Planner::settle_unit() {
    quant::WideSum all;
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
        if (!measured_.schemes_of(i).empty()) all += measured_.signal(i, 0);
    }
    unit_ = all.exponent / 2;
}

double Planner::in_unit(const quant::WideSum& sum) const {
    return quant::WideSum::scaled(sum.value, sum.exponent - 2 * unit_).as_double();
}

/// An item for each tensor that has more than one choice; the others' only choices together are one
/// item.
void Planner::add_items() {
    settle_unit();
    rest_ = {static_cast<double>(formats::empty_bytes(format_, checkpoint_)), 0, 0};
    std::unordered_map<std::string, std::uint32_t> known;
    for (std::uint32_t i = 0; i < tensors_.size(); ++i) {
        if (choices_[i].as_of) continue;
        const auto [found, is_new] =
            known.emplace(cost_key(i), static_cast<std::uint32_t>(costs_.size()));
        if (is_new) add_costs(i);
        items_.push_back(i);
        first_cost_.push_back(found->second);
        if (choices_of(i) > 1) continue;
        const Choice only = choice(items_.size() - 1, 0);
        rest_ = {rest_.cost + only.cost, rest_.loss + only.loss, rest_.worth + only.worth};
        items_.pop_back();
        first_cost_.pop_back();
    }
}

/// The schemes that were measured, then copying it.
std::uint32_t Planner::choices_of(std::size_t tensor) const {
    return static_cast<std::uint32_t>(measured_.schemes_of(tensor).size()) +
           (choices_[tensor].may_be_kept ? 1 : 0);
}

Choice Planner::choice(std::size_t item, std::uint32_t number) const {
    if (item == items_.size()) return rest_;
    const std::size_t tensor = items_[item];
    const double cost = costs_[first_cost_[item] + number];
    if (number == measured_.schemes_of(tensor).size()) return {cost, 0, 0};
    const double rmse = std::ldexp(measured_.rmse(tensor, number),
                                   -unit_);  // the rounded figure, as totals take it
    const double worth =
        tensors_[tensor].kind == Kind::kBuffer ? 0.0 : in_unit(measured_.signal(tensor, number));
    return {cost, rmse * rmse * elements_of(tensors_[tensor]), worth};
}

/// Tensors with equal keys cost the same in every choice: a hundred thousand tensors are of few
/// sorts.
std::string Planner::cost_key(std::size_t tensor) const {
    const TensorReport& t = tensors_[tensor];
    const bool is_kept = choices_[tensor].may_be_kept;
    const std::uint64_t name_bytes = safetensors::entry_bytes(t.name, t.dtype, {}, 1);
    return fmt::format("{} {} {} {} {} {}", measured_.lists().of[tensor], is_kept,
                       static_cast<int>(t.dtype), name_bytes, digits_[tensor],
                       fmt::join(t.shape, ","));
}

void Planner::add_costs(std::size_t tensor) {
    const auto add = [&](const std::optional<Scheme>& scheme) {
        const std::uint64_t cost =
            data_bytes(tensor, scheme) + header_bytes(tensor, scheme, digits_[tensor]);
        costs_.push_back(static_cast<double>(cost));
    };
    for (const Scheme& scheme : measured_.schemes_of(tensor)) add(scheme);
    if (choices_[tensor].may_be_kept) add(std::nullopt);
}

std::uint64_t Planner::data_bytes(std::size_t tensor, const std::optional<Scheme>& scheme) const {
    std::uint64_t bytes = 0;
    for (const quant::StoredPart& part : format_.parts_of(tensors_[tensor], scheme))
        bytes += part.byte_count;
    return bytes;
}

/// With offsets of so many digits: at most that many, so that costs add up whatever else is chosen.
std::uint64_t Planner::header_bytes(std::size_t tensor, const std::optional<Scheme>& scheme,
                                    std::uint64_t digits) const {
    const TensorReport& t = tensors_[tensor];
    std::uint64_t bytes = 0;
    for (const quant::StoredPart& part : format_.parts_of(t, scheme))
        bytes +=
            safetensors::entry_bytes(name_of_(t.name, part.suffix), part.dtype, part.shape, digits);
    return bytes;
}

/// Costs count the most digits that offsets can have, so those of a selection that fits can be a
/// little above the budget: from there down, the first one that fits is the best of all that do.
Plan Planner::within(std::uint64_t max_bytes) const {
    const auto limit = static_cast<double>(max_bytes);
    const std::size_t most_tries = kMostLaidOutTensors / std::max<std::size_t>(tensors_.size(), 1);
    auto found = front_->best_within(limit + slack_);
    for (std::size_t tries = 0; found && found->cost > limit && tries < most_tries; ++tries) {
        Plan plan = plan_of(*found, limit);
        if (plan.byte_count <= max_bytes) return plan;
        found = front_->best_within(found->cost - 1);
    }
    if (found && found->cost > limit) found = front_->best_within(limit);
    if (found) return plan_of(*found, limit);
    const Plan smallest = plan_of(front_->cheapest(), front_->cheapest().cost);
    throw Error(ErrorCode::kCheckFailed, "--max-size",
                fmt::format("{} bytes cannot be reached; the smallest data files that the planner "
                            "has take {} bytes, with an "
                            "SQNR of {}",
                            with_commas(max_bytes), with_commas(smallest.byte_count),
                            decibels_text(smallest.sqnr_db)));
}

Plan Planner::reaching(double sqnr_db) const {
    const auto found = front_->cheapest_with(std::pow(10.0, -sqnr_db / 10) * (1 - kRoundingMargin));
    if (found) return plan_of(*found, found->cost);
    const Selection best = front_->purest();
    throw Error(
        ErrorCode::kCheckFailed, "--target-sqnr",
        fmt::format(
            "{} dB cannot be reached; the best that the planner has is {} dB, in {} bytes", sqnr_db,
            std::floor(quant::sqnr_db(best.worth * (1 - 2 * kRoundingMargin), best.loss) * 1e3) /
                1e3,
            with_commas(plan_of(best, best.cost).byte_count)));
}

std::vector<CurvePoint> Planner::curve() const {
    double most = rest_.cost;
    for (std::size_t i = 0; i < items_.size(); ++i) {
        const auto first = costs_.begin() + first_cost_[i];
        most += *std::max_element(first, first + choices_of(items_[i]));
    }
    const double least = front_->cheapest().cost;
    std::vector<CurvePoint> points;
    for (int i = 0; i < kCurvePoints; ++i) {
        const double share = i / (kCurvePoints - 1.0);
        const double limit = i == 0                  ? least
                             : i + 1 == kCurvePoints ? most
                                                     : least * std::pow(most / least, share);
        const auto selection = front_->best_within(limit);
        if (!selection) continue;
        const Plan plan = plan_of(*selection, limit);
        if (!points.empty() && plan.sqnr_db <= points.back().sqnr_db) continue;
        points.push_back({plan.byte_count, plan.sqnr_db});
    }
    return points;
}

Plan Planner::plan_of(const Selection& selection, double limit) const {
    Plan plan;
    quant::WideSum sum_of_squares;
    plan.chosen.resize(tensors_.size());
    std::vector<std::uint32_t> numbers(tensors_.size(), 0);
    for (std::size_t i = 0; i < items_.size(); ++i) numbers[items_[i]] = selection.choices[i];
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
        if (choices_[i].as_of || numbers[i] >= measured_.schemes_of(i).size()) continue;
        plan.chosen[i] = measured_.schemes_of(i)[numbers[i]];
        sum_of_squares += measured_.signal(i, numbers[i]);
        if (const TensorStatistics* const known = measured_.statistics(i, numbers[i])) {
            plan.statistics.resize(tensors_.size());
            plan.statistics[i] = *known;
        }
    }
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
        if (!choices_[i].as_of) continue;
        plan.chosen[i] = plan.chosen[*choices_[i].as_of];
        if (!plan.statistics.empty()) plan.statistics[i] = plan.statistics[*choices_[i].as_of];
    }
    plan.sum_of_squares = six_digits(sum_of_squares.as_double());
    plan.loss = selection.loss;
    plan.sqnr_db = six_digits(quant::sqnr_db(selection.worth, selection.loss));
    plan.byte_count = exact_bytes(plan.chosen);
    const double bound = front_->least_loss(limit + slack_);
    if (bound > 0) plan.least_loss = bound;
    return plan;
}

std::uint64_t Planner::exact_bytes(const std::vector<std::optional<Scheme>>& chosen) const {
    const auto scheme = [&](std::size_t i) { return chosen[i]; };
    const auto is_tied = [&](std::size_t i) { return choices_[i].as_of.has_value(); };
    return formats::bytes_of(format_, checkpoint_, tensors_, scheme, is_tied);
}

}  // namespace octet::plan
