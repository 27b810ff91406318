// Tries become choices of the front; a limit on files is one on their tensors, and what several
// files take beyond that is counted and, if it is too much, taken off.
#include "plan/gguf_types.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/json_text.hpp"
#include "base/text.hpp"
#include "octet/error.hpp"
#include "quant/error_sums.hpp"

namespace octet::plan {
namespace {

using ggml::Type;

constexpr Type kLongRows[] = {Type::kQ2_K, Type::kQ3_K, Type::kQ4_K,
                              Type::kQ5_K, Type::kQ6_K, Type::kQ8_0};
constexpr Type kShortRows[] = {Type::kQ4_0, Type::kIQ4_NL, Type::kQ4_1,
                               Type::kQ5_0, Type::kQ5_1,   Type::kQ8_0};

/// What adding up in another order can take from a ratio that holds.
constexpr double kRoundingMargin = 1e-9;

/// Points of the curve, before those that are equal are left out.
constexpr int kCurvePoints = 32;

/// Choices that are laid out to find one whose files fit.
constexpr int kMostTries = 64;

std::string decibels_text(double sqnr_db) {
    return std::isinf(sqnr_db) ? "lossless" : fmt::format("{} dB", sqnr_db);
}

std::uint64_t aligned_bytes(const gguf::TypedFileTensor& one, Type type) {
    return gguf::aligned(gguf::stored_bytes(type, one.tensor.shape));
}

}  // namespace

std::vector<Type> candidate_types(std::uint64_t row, Dtype dtype) {
    std::vector<Type> types;
    const auto add_fitting = [&](std::span<const Type> all) {
        std::copy_if(all.begin(), all.end(), std::back_inserter(types),
                     [&](Type type) { return ggml::fits_row(type, row); });
    };
    if (row > 0)
        add_fitting(ggml::fits_row(Type::kQ4_K, row) ? std::span<const Type>(kLongRows)
                                                     : kShortRows);
    if (dtype == Dtype::kBF16) {
        types.push_back(Type::kBF16);
        return types;
    }
    types.push_back(Type::kF16);
    if (dtype != Dtype::kF16) types.push_back(Type::kF32);
    return types;
}

void TypeTries::add(const std::vector<TypeTry>& tries, double signal) {
    tries_.insert(tries_.end(), tries.begin(), tries.end());
    first_.push_back(static_cast<std::uint32_t>(tries_.size()));
    signals_.push_back(signal);
}

TypePlanner::TypePlanner(const std::vector<gguf::TypedFileTensor>& tensors, TypeTries tries,
                         std::function<std::uint64_t(const std::vector<Type>&)> bytes_of)
    : tensors_(tensors), tries_(std::move(tries)), bytes_of_(std::move(bytes_of)) {
    front_.emplace(
        Items{tries_.tensors(), [this](std::size_t tensor) { return tries_.count(tensor); },
              [this](std::size_t tensor, std::uint32_t number) { return choice(tensor, number); }});
    const Selection cheapest = front_->cheapest();
    header_bytes_ =
        static_cast<double>(plan_of(cheapest, cheapest.cost).byte_count) - cheapest.cost;
}

Choice TypePlanner::choice(std::size_t tensor, std::uint32_t number) const {
    const TypeTry& one = tries_.at(tensor, number);
    const auto cost = static_cast<double>(aligned_bytes(tensors_[tensor], one.type));
    return {cost, one.noise, one.is_lossy ? tries_.signal(tensor) : 0};
}

TypePlan TypePlanner::within(std::uint64_t max_bytes) const {
    double limit = static_cast<double>(max_bytes) - header_bytes_;
    for (int i = 0; i < kMostTries; ++i) {
        const auto found = front_->best_within(limit);
        if (!found) break;
        TypePlan plan = plan_of(*found, limit);
        if (plan.byte_count <= max_bytes) return plan;
        limit = found->cost - static_cast<double>(plan.byte_count - max_bytes);
    }
    const Selection cheapest = front_->cheapest();
    const TypePlan smallest = plan_of(cheapest, cheapest.cost);
    if (smallest.byte_count <= max_bytes) return smallest;
    throw Error(ErrorCode::kCheckFailed, "--max-size",
                fmt::format("{} bytes cannot be reached; the smallest GGUF file that the planner "
                            "has takes {} bytes, "
                            "with an SQNR of {}",
                            with_commas(max_bytes), with_commas(smallest.byte_count),
                            decibels_text(smallest.sqnr_db)));
}

TypePlan TypePlanner::reaching(double sqnr_db) const {
    const auto found = front_->cheapest_with(std::pow(10.0, -sqnr_db / 10) * (1 - kRoundingMargin));
    if (found) return plan_of(*found, found->cost);
    const Selection best = front_->purest();
    const double reached = quant::sqnr_db(best.worth * (1 - 2 * kRoundingMargin), best.loss);
    throw Error(
        ErrorCode::kCheckFailed, "--target-sqnr",
        fmt::format("{} dB cannot be reached; the best that the planner has is {} dB, in {} bytes",
                    sqnr_db, std::floor(reached * 1e3) / 1e3,
                    with_commas(plan_of(best, best.cost).byte_count)));
}

std::vector<CurvePoint> TypePlanner::curve() const {
    const double least = std::max(front_->cheapest().cost, 1.0);
    double most = 0;
    for (std::size_t i = 0; i < tries_.tensors(); ++i) {
        double largest = 0;
        for (std::uint32_t k = 0; k < tries_.count(i); ++k)
            largest = std::max(largest, choice(i, k).cost);
        most += largest;
    }
    std::vector<CurvePoint> points;
    for (int i = 0; i < kCurvePoints; ++i) {
        const double share = i / (kCurvePoints - 1.0);
        const double limit = i == 0                  ? least
                             : i + 1 == kCurvePoints ? most
                                                     : least * std::pow(most / least, share);
        const auto selection = front_->best_within(limit);
        if (!selection) continue;
        const TypePlan plan = plan_of(*selection, limit);
        if (!points.empty() && plan.sqnr_db <= points.back().sqnr_db) continue;
        points.push_back({plan.byte_count, plan.sqnr_db});
    }
    return points;
}

std::vector<std::optional<TensorStatistics>> TypePlanner::statistics(const TypePlan& plan) const {
    std::vector<std::optional<TensorStatistics>> all(tries_.tensors());
    for (std::size_t i = 0; i < all.size(); ++i) {
        const TypeTry& one = tries_.at(i, plan.numbers[i]);
        if (!one.is_lossy) continue;
        const quant::ErrorSums sums{tries_.signal(i), one.noise, one.max_abs_error, 0};
        all[i] = quant::tensor_statistics(sums, element_count(tensors_[i].tensor.shape).value_or(0),
                                          one.max_abs_error);
    }
    return all;
}

TypePlan TypePlanner::plan_of(const Selection& selection, double limit) const {
    TypePlan plan;
    plan.numbers = selection.choices;
    plan.types.reserve(plan.numbers.size());
    for (std::size_t i = 0; i < plan.numbers.size(); ++i)
        plan.types.push_back(tries_.at(i, plan.numbers[i]).type);
    plan.loss = selection.loss;
    plan.sqnr_db = six_digits(quant::sqnr_db(selection.worth, selection.loss));
    plan.byte_count = bytes_of_(plan.types);
    const double bound = front_->least_loss(limit);
    if (bound > 0) plan.least_loss = bound;
    return plan;
}

}  // namespace octet::plan
