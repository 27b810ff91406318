// From a size or an SQNR that was asked for to a scheme for each tensor: which schemes can be had,
// what they do, and what the planner makes of it. The part of planning that reads data.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "octet/options.hpp"
#include "plan/planner.hpp"
#include "survey/examine_values.hpp"

namespace octet::survey {

/// Measures every tensor of `decisions`, which decide() made without a choice: those that the
/// planner decides under each of its candidates, the other quantized ones under theirs. With
/// `spares` what plan::spared_by_planner() names has no choice but to be copied. The first three
/// arguments outlive the planner. `importance` may be null; `options` are threads, progress and
/// stop_requested. kBadInput, kIo.
std::unique_ptr<plan::Planner> make_planner(const formats::Format& format,
                                            const checkpoint::Checkpoint& checkpoint,
                                            const plan::Decisions& decisions,
                                            const plan::Importance* importance,
                                            const WriteOptions& options, bool spares = false);

/// A planner and what it chose; the plan needs nothing of it.
struct PlannedChoice {
    std::unique_ptr<plan::Planner> planner;
    plan::Plan plan;
};

/// The choice that was asked for, with what is spared where that can be reached, else without.
/// kCheckFailed where there is none at all; else as make_planner().
PlannedChoice make_choice(const formats::Format& format, const checkpoint::Checkpoint& checkpoint,
                          const plan::Decisions& decisions,
                          const octet_set::CodeOptions& code_options,
                          const plan::Importance* importance, const WriteOptions& options);

/// Where the plan has none: measures the schemes that `tensors` now have once more and adds their
/// statistics, to tied ones those of the other. Returns Plan::sum_of_squares.
double add_statistics(const checkpoint::Checkpoint& checkpoint, std::vector<TensorReport>& tensors,
                      const plan::Importance* importance, const WriteOptions& options);

/// Bytes that make_choice() reports as progress: each tensor's as often as it is tried.
std::uint64_t bytes_to_measure(const checkpoint::Checkpoint& checkpoint,
                               const plan::Decisions& decisions);

}  // namespace octet::survey
