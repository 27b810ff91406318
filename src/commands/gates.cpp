// Each limit is one row: its name, the figure it is held against, and which side is wrong. NaN
// fails every limit.
#include "commands/gates.hpp"

#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "base/json_text.hpp"
#include "base/text.hpp"
#include "octet/error.hpp"

namespace octet::commands {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

void check_finite(std::string_view option, const std::optional<double>& limit) {
    if (limit && !std::isfinite(*limit))
        throw Error(ErrorCode::kUsage, option,
                    fmt::format("{} is no limit; give a finite number", *limit));
}

/// " (and 3 more tensors)".
std::string and_more(std::uint64_t count) {
    return count == 0 ? "" : fmt::format(" (and {})", counted(count, "more tensor"));
}

/// The tensor that is furthest on the wrong side, and how many stand on that side. `is_worse(a,
/// b)`, `fails(tensor)`.
template <typename IsWorse, typename Fails>
std::pair<const TensorFigures*, std::uint64_t> worst_of(std::span<const TensorFigures> tensors,
                                                        IsWorse is_worse, Fails fails) {
    const TensorFigures* worst = nullptr;
    std::uint64_t failed = 0;
    for (const TensorFigures& tensor : tensors) {
        if (worst == nullptr || is_worse(tensor, *worst)) worst = &tensor;
        if (fails(tensor)) ++failed;
    }
    return {worst, failed};
}

/// A NaN is worse than any number.
bool is_lower(double a, double b) {
    return std::isnan(a) ? !std::isnan(b) : a < b;
}

bool is_higher(double a, double b) {
    return std::isnan(a) ? !std::isnan(b) : a > b;
}

Check min_sqnr_tensor(double limit, std::span<const TensorFigures> tensors) {
    const auto [worst, failed] = worst_of(
        tensors, [](const auto& a, const auto& b) { return is_lower(a.sqnr_db, b.sqnr_db); },
        [&](const auto& t) { return !(t.sqnr_db >= limit); });
    Check check{"min-sqnr-tensor", limit, worst == nullptr ? kInfinity : worst->sqnr_db,
                failed == 0, "no tensor"};
    if (worst != nullptr)
        check.detail = fmt::format("tensor {} has {} dB", in_quotes(worst->name), check.value);
    if (!check.passed)
        check.detail += fmt::format(", {} dB below --min-sqnr-tensor {}{}",
                                    six_digits(limit - check.value), limit, and_more(failed - 1));
    return check;
}

Check min_sqnr(double limit, const Totals& totals) {
    const double value = totals.sqnr_db.value_or(kInfinity);
    Check check{"min-sqnr", limit, value, value >= limit, fmt::format("the SQNR is {} dB", value)};
    if (!check.passed)
        check.detail +=
            fmt::format(", {} dB below --min-sqnr {}", six_digits(limit - value), limit);
    return check;
}

Check max_abs_error(double limit, std::span<const TensorFigures> tensors) {
    const auto [worst, failed] = worst_of(
        tensors,
        [](const auto& a, const auto& b) { return is_higher(a.max_abs_error, b.max_abs_error); },
        [&](const auto& t) { return !(t.max_abs_error <= limit); });
    Check check{"max-abs-error", limit, worst == nullptr ? 0.0 : worst->max_abs_error, failed == 0,
                "no tensor"};
    if (worst != nullptr)
        check.detail = fmt::format("tensor {} is off by {}", in_quotes(worst->name), check.value);
    if (!check.passed)
        check.detail += fmt::format(", {} above --max-abs-error {}{}",
                                    six_digits(check.value - limit), limit, and_more(failed - 1));
    return check;
}

Check max_output_size(std::uint64_t limit, const Totals& totals) {
    const std::uint64_t value = totals.output_bytes;
    Check check{"max-output-size", static_cast<double>(limit), static_cast<double>(value),
                value <= limit, fmt::format("the output has {} bytes", with_commas(value))};
    if (!check.passed)
        check.detail += fmt::format(", {} above --max-output-size {}", with_commas(value - limit),
                                    with_commas(limit));
    return check;
}

}  // namespace

void check_limits(const Gates& gates) {
    check_finite("--min-sqnr-tensor", gates.min_sqnr_tensor);
    check_finite("--min-sqnr", gates.min_sqnr);
    check_finite("--max-abs-error", gates.max_abs_error);
    if (gates.max_abs_error && *gates.max_abs_error < 0)
        throw Error(ErrorCode::kUsage, "--max-abs-error",
                    fmt::format("{} is negative; no error is below 0", *gates.max_abs_error));
}

std::vector<Check> check_gates(const Gates& gates, std::span<const TensorFigures> tensors,
                               const Totals& totals) {
    std::vector<Check> checks;
    if (gates.min_sqnr_tensor) checks.push_back(min_sqnr_tensor(*gates.min_sqnr_tensor, tensors));
    if (gates.min_sqnr) checks.push_back(min_sqnr(*gates.min_sqnr, totals));
    if (gates.max_abs_error) checks.push_back(max_abs_error(*gates.max_abs_error, tensors));
    if (gates.max_output_size) checks.push_back(max_output_size(*gates.max_output_size, totals));
    return checks;
}

std::vector<Check> check_gates(const Gates& gates, const Report& report) {
    std::vector<TensorFigures> figures;
    for (const TensorReport& t : report.tensors) {
        if (t.statistics)
            figures.push_back({t.name, t.statistics->sqnr_db, t.statistics->max_abs_error});
    }
    return check_gates(gates, figures, report.totals);
}

}  // namespace octet::commands
