// Why a tensor is treated as it is, in words for the user of `octet plan`. Pure.
#pragma once

#include <cstddef>

#include "octet/plan.hpp"
#include "plan/decide.hpp"

namespace octet::plan {

/// Of tensor `number` of the decisions that `options` led to.
PlanReason explain(const Decisions& decisions, std::size_t number,
                   const octet_set::CodeOptions& options);

}  // namespace octet::plan
