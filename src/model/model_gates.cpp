// One row a limit, as in commands/gates; a NaN fails.
#include "model/model_gates.hpp"

#include <cmath>
#include <string_view>

#include <fmt/format.h>

#include "base/json_text.hpp"
#include "octet/error.hpp"

namespace octet::model {
namespace {

Check check(const std::string& name, double limit, double figure, bool is_upper,
            const std::string& what) {
    const double value = six_digits(figure);
    Check check{name, limit, value, is_upper ? value <= limit : value >= limit,
                fmt::format("{} is {}", what, value)};
    if (!check.passed) {
        check.detail += fmt::format(", {} {} --{} {}", six_digits(std::abs(value - limit)),
                                    is_upper ? "above" : "below", name, limit);
    }
    return check;
}

}  // namespace

void check_limits(const ModelGates& gates, bool has_reference) {
    const auto check_one = [&](std::string_view option, const std::optional<double>& limit,
                               std::string_view (*impossible)(double)) {
        if (!limit) return;
        if (!std::isfinite(*limit))
            throw Error(ErrorCode::kUsage, option,
                        fmt::format("{} is no limit; give a finite number", *limit));
        if (const std::string_view why = impossible(*limit); !why.empty())
            throw Error(ErrorCode::kUsage, option, fmt::format("{} {}", *limit, why));
        if (!has_reference)
            throw Error(ErrorCode::kUsage, option,
                        "needs --reference, the model to hold this one against");
    };
    // Limits that no model could hold, or none could miss.
    check_one("--max-kl", gates.max_kl, [](double limit) -> std::string_view {
        return limit < 0 ? "is negative; no divergence is below 0" : "";
    });
    check_one("--min-same-top-1", gates.min_same_top_1, [](double limit) -> std::string_view {
        return limit < 0 || limit > 1 ? "is not a share from 0 to 1; 0.99 is 99 %" : "";
    });
    check_one("--max-perplexity-ratio", gates.max_perplexity_ratio,
              [](double limit) -> std::string_view {
                  return limit <= 0 ? "is not above 0; the ratio of equal models is 1" : "";
              });
}

std::vector<Check> check_gates(const ModelGates& gates, const Evaluation& evaluation) {
    std::vector<Check> checks;
    if (!evaluation.fidelity) return checks;
    const Fidelity& found = *evaluation.fidelity;
    if (gates.max_kl)
        checks.push_back(
            check("max-kl", *gates.max_kl, found.kl.mean, true, "the mean KL divergence"));
    if (gates.min_same_top_1) {
        checks.push_back(check("min-same-top-1", *gates.min_same_top_1, found.same_top_1.mean,
                               false, "the share of tokens with the same most likely one"));
    }
    if (gates.max_perplexity_ratio) {
        checks.push_back(check("max-perplexity-ratio", *gates.max_perplexity_ratio,
                               found.perplexity_ratio, true, "the ratio of perplexities"));
    }
    return checks;
}

}  // namespace octet::model
