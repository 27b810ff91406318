#include "plan/planner.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/json_text.hpp"
#include "base/text.hpp"
#include "octet/error.hpp"
#include "quant/error_sums.hpp"
#include "quant/stored_form.hpp"

namespace octet::plan {
namespace {

/// What rounding figures to six digits can take from a ratio that holds.
constexpr double kRoundingMargin = 1e-5;

/// Points of the curve, before those that are equal are left out.
constexpr int kCurvePoints = 32;

/// Tensors of all the layouts that are tried to use a budget to its last bytes.
constexpr std::size_t kMostLaidOutTensors = 100'000;

double elements_of(const TensorReport& tensor) {
    return static_cast<double>(element_count(tensor.shape).value_or(0));
}

/// From the rounded figure, as totals are.
double loss_of(const MeasuredScheme& measured, const TensorReport& tensor) {
    return measured.statistics.rmse * measured.statistics.rmse * elements_of(tensor);
}

std::string decibels_text(double sqnr_db) {
    return std::isinf(sqnr_db) ? "lossless" : fmt::format("{} dB", sqnr_db);
}

}  // namespace

Planner::Planner(const checkpoint::Checkpoint& checkpoint, const std::vector<TensorReport>& tensors,
                 std::vector<TensorChoices> choices)
    : checkpoint_(checkpoint), tensors_(tensors), choices_(std::move(choices)) {
    count_digits();
    Choice rest{static_cast<double>(empty_set_bytes(checkpoint)), 0, 0};
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        const TensorChoices& one = choices_[i];
        if (one.as_of) continue;
        if (!one.measured.empty() && tensors[i].kind != Kind::kBuffer) signal_ += one.measured.front().signal;
        add_item(i);
        if (item_choices_.back().size() > 1) continue;
        const Choice& only = item_choices_.back().front();
        rest = {rest.cost + only.cost, rest.loss + only.loss, rest.worth + only.worth};
        items_.pop_back();
        item_choices_.pop_back();
    }
    item_choices_.push_back({rest});
    front_.emplace(item_choices_);
}

/// The digits of the largest offsets that choices can lead to, file by file, and what the smallest ones would save.
void Planner::count_digits() {
    std::vector<std::uint64_t> most(checkpoint_.shards.size());
    std::vector<std::uint64_t> least(most);
    constexpr double kOffsetsATensor = 2 * 5;  // of at most five parts
    slack_ = 14.0 * static_cast<double>(most.size());
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
        const TensorChoices& one = choices_[i];
        std::uint64_t largest = one.may_be_kept ? tensors_[i].source_bytes : 0;
        std::uint64_t smallest = one.may_be_kept ? largest : ~std::uint64_t{0};
        for (const MeasuredScheme& measured : one.measured) {
            const std::uint64_t bytes = data_bytes(i, measured.scheme);
            largest = std::max(largest, bytes);
            smallest = std::min(smallest, bytes);
        }
        const std::uint32_t shard = checkpoint_.tensors[i].shard;
        const std::size_t fewest = std::to_string(least[shard]).size();
        if (!one.as_of) {
            most[shard] += largest;
            least[shard] += smallest;
        }
        digits_.push_back(std::to_string(most[shard]).size());
        slack_ += kOffsetsATensor * static_cast<double>(digits_.back() - fewest);
    }
}

void Planner::add_item(std::size_t tensor) {
    const TensorChoices& one = choices_[tensor];
    std::vector<Choice> choices;
    choices.reserve(one.measured.size() + 1);
    const auto add = [&](const std::optional<Scheme>& scheme, double loss, double worth) {
        const std::uint64_t cost = data_bytes(tensor, scheme) + header_bytes(tensor, scheme, digits_[tensor]);
        choices.push_back({static_cast<double>(cost), loss, worth});
    };
    for (const MeasuredScheme& measured : one.measured) {
        const double worth = tensors_[tensor].kind == Kind::kBuffer ? 0.0 : measured.signal;
        add(measured.scheme, loss_of(measured, tensors_[tensor]), worth);
    }
    if (one.may_be_kept) add(std::nullopt, 0, 0);
    items_.push_back(tensor);
    item_choices_.push_back(std::move(choices));
}

std::uint64_t Planner::data_bytes(std::size_t tensor, const std::optional<Scheme>& scheme) const {
    return scheme ? quant::stored_bytes(*scheme, tensors_[tensor].shape) : tensors_[tensor].source_bytes;
}

/// With offsets of so many digits: at most that many, so that costs add up whatever else is chosen.
std::uint64_t Planner::header_bytes(std::size_t tensor, const std::optional<Scheme>& scheme,
                                    std::uint64_t digits) const {
    const TensorReport& t = tensors_[tensor];
    if (!scheme) return safetensors::entry_bytes(t.name, t.dtype, t.shape, digits);
    std::uint64_t bytes = 0;
    for (const quant::StoredPart& part : quant::stored_parts(*scheme, t.shape))
        bytes += safetensors::entry_bytes(t.name + std::string(part.suffix), part.dtype, part.shape, digits);
    return bytes;
}

/// Costs count the most digits that offsets can have, so those of a selection that fits can be a little above the budget: from there down, the
/// first one that fits is the best of all that do.
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
    throw Error(
        ErrorCode::kCheckFailed, "--max-size",
        fmt::format("{} bytes cannot be reached; the smallest data files that the planner has take {} bytes, with an "
                    "SQNR of {}",
                    with_commas(max_bytes), with_commas(smallest.byte_count), decibels_text(smallest.sqnr_db)));
}

Plan Planner::reaching(double sqnr_db) const {
    const auto found = front_->cheapest_with(std::pow(10.0, -sqnr_db / 10) * (1 - kRoundingMargin));
    if (found) return plan_of(*found, found->cost);
    const Selection best = front_->purest();
    throw Error(ErrorCode::kCheckFailed, "--target-sqnr",
                fmt::format("{} dB cannot be reached; the best that the planner has is {} dB, in {} bytes", sqnr_db,
                            std::floor(quant::sqnr_db(best.worth * (1 - 2 * kRoundingMargin), best.loss) * 1e3) / 1e3,
                            with_commas(plan_of(best, best.cost).byte_count)));
}

std::vector<CurvePoint> Planner::curve() const {
    double most = 0;
    for (const auto& item : item_choices_) {
        const auto largest = std::max_element(item.begin(), item.end(),
                                              [](const Choice& a, const Choice& b) { return a.cost < b.cost; });
        most += largest->cost;
    }
    const double least = front_->cheapest().cost;
    std::vector<CurvePoint> points;
    for (int i = 0; i < kCurvePoints; ++i) {
        const double share = i / (kCurvePoints - 1.0);
        const double limit = i == 0 ? least : i + 1 == kCurvePoints ? most : least * std::pow(most / least, share);
        const auto selection = front_->best_within(limit);
        if (!selection) continue;
        const Plan plan = plan_of(*selection, limit);
        if (!points.empty() && plan.sqnr_db <= points.back().sqnr_db) continue;
        points.push_back({plan.byte_count, plan.sqnr_db});
    }
    return points;
}

double Planner::sqnr_of(double loss) const {
    return six_digits(quant::sqnr_db(signal_, loss));
}

Plan Planner::plan_of(const Selection& selection, double limit) const {
    Plan plan;
    plan.chosen.resize(tensors_.size());
    std::vector<std::size_t> numbers(tensors_.size(), 0);
    for (std::size_t i = 0; i < items_.size(); ++i) numbers[items_[i]] = selection.choices[i];
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
        const TensorChoices& one = choices_[i];
        if (one.as_of || numbers[i] >= one.measured.size()) continue;
        const MeasuredScheme& measured = one.measured[numbers[i]];
        plan.chosen[i] = {measured.scheme, measured.statistics};
        plan.sum_of_squares += measured.signal;
    }
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
        if (choices_[i].as_of) plan.chosen[i] = plan.chosen[*choices_[i].as_of];
    }
    plan.sum_of_squares = six_digits(plan.sum_of_squares);
    plan.loss = selection.loss;
    plan.sqnr_db = sqnr_of(selection.loss);
    plan.byte_count = exact_bytes(plan.chosen);
    const double bound = front_->least_loss(limit + slack_);
    if (bound > 0) plan.least_loss = bound;
    return plan;
}

std::uint64_t Planner::exact_bytes(const std::vector<Chosen>& chosen) const {
    const auto scheme = [&](std::size_t i) { return chosen[i].scheme; };
    const auto is_tied = [&](std::size_t i) { return choices_[i].as_of.has_value(); };
    std::uint64_t bytes = 0;
    for (const FilePlan& file : plan_set(checkpoint_, tensors_, scheme, is_tied).files) bytes += file.byte_count;
    return bytes;
}

}  // namespace octet::plan
