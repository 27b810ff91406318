// Which rule decides which tensor. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "octet/report.hpp"
#include "octet/rules.hpp"

namespace octet::plan {

/// For each tensor the number of the first rule that matches it. A pattern that is none, and a rule
/// that decides no tensor, because it matches none or because rules before it take all of them:
/// kUsage naming the rule. `other_names`, empty or parallel to the tensors, match as well.
std::vector<std::optional<std::size_t>> assign_rules(
    const std::vector<TensorRule>& rules, const std::vector<TensorReport>& tensors,
    const std::vector<std::string>& other_names = {});

}  // namespace octet::plan
