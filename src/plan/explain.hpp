// Why a tensor is treated as it is, in words for the user of `octet plan`. Pure.
#pragma once

#include <cstddef>
#include <string>

#include "plan/output_plan.hpp"

namespace octet::plan {

struct Explanation {
    std::string rule;    ///< what decided
    std::string reason;  ///< why
    std::string change;  ///< what would change it
};

/// Of tensor `number` of the decisions that `options` led to.
Explanation explain(const Decisions& decisions, std::size_t number, const state::CodeOptions& options);

}  // namespace octet::plan
