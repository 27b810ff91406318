// From a size or an SQNR that was asked for to a type for each tensor of a GGUF file: which types
// can be had, what they lose, and what the planner makes of it. The part of planning that reads
// data.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "checkpoint/checkpoint.hpp"
#include "octet/options.hpp"
#include "plan/gguf_types.hpp"
#include "plan/importance.hpp"
#include "writers/gguf/contents.hpp"

namespace octet::writers {

/// What --type says where the planner is to choose.
inline constexpr std::string_view kPlannedType = "gguf";

/// True of that type, in any case.
bool plans_types(const QuantizeOptions& options);

/// A goal without that type, that type without a goal, two goals: kUsage.
void check_planner_options(const QuantizeOptions& options);

/// A planner and what it chose; the plan needs nothing of it.
struct TypeChoice {
    std::unique_ptr<plan::TypePlanner> planner;
    plan::TypePlan plan;
};

/// Measures what the types do that each tensor may have: those that the planner decides under each
/// of its candidates, the others under theirs, by the code that writes them. `contents` and `facts`
/// outlive the planner. `importance` may be null; `running` are threads, progress and
/// stop_requested. kBadInput, kIo, kInterrupted.
std::unique_ptr<plan::TypePlanner> make_type_planner(const checkpoint::Checkpoint& checkpoint,
                                                     const GgufContents& contents,
                                                     const gguf::FileFacts& facts,
                                                     const plan::Importance* importance,
                                                     const QuantizeOptions& options,
                                                     const WriteOptions& running);

/// The same with the choice that was asked for. kCheckFailed where there is none.
TypeChoice make_type_choice(const checkpoint::Checkpoint& checkpoint, const GgufContents& contents,
                            const gguf::FileFacts& facts, const plan::Importance* importance,
                            const QuantizeOptions& options, const WriteOptions& running);

/// Gives the tensors the types of the plan, and the file the number of the type that most of its
/// weights have.
void set_types(const plan::TypePlan& plan, GgufContents& contents);

/// True of a tensor whose type the planner decides, and no rule, format or value.
bool is_planned(const GgufContents& contents, const QuantizeOptions& options, std::size_t tensor);

/// Bytes that make_type_planner() reports as progress: each tensor's as often as it is tried.
std::uint64_t bytes_to_measure(const checkpoint::Checkpoint& checkpoint,
                               const GgufContents& contents, const QuantizeOptions& options);

}  // namespace octet::writers
