// One sentence for each reason of plan/decide, with the rule, preset or budget that it comes from.
#include "plan/explain.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "plan/fitting_scheme.hpp"

namespace octet::plan {
namespace {

std::string preset_reason(Preset preset) {
    if (preset == Preset::kLesson) return "every float parameter is truncated to 8 bits";
    if (preset == Preset::kLinear)
        return "the weight of a Linear layer, in 8 bits, symmetric, one scale an output";
    if (is_budget(preset)) return "the smallest groups that fit its bits per weight";
    return "every float tensor is quantized to 8 bits";
}

/// A scheme of channels or groups was asked for, and the tensor has no rows and columns.
std::string vector_note(const TensorReport& tensor, const Scheme& asked) {
    const bool narrowed =
        asked.granularity != Granularity::kTensor || tensor.scheme->bits != asked.bits;
    return tensor.shape.size() < 2 && narrowed
               ? fmt::format("; fewer than two dimensions: per tensor, {} bits",
                             tensor.scheme->bits)
               : "";
}

PlanReason by_rule(const TensorReport& tensor, const TensorRule& rule) {
    std::string reason = tensor.scheme
                             ? "the first rule that matches" + vector_note(tensor, *rule.scheme)
                             : "the first rule that matches says keep";
    return {"rule " + in_quotes(rule_text(rule)), std::move(reason),
            "a rule before it, or leaving it out"};
}

PlanReason by_preset(const TensorReport& tensor, Preset preset) {
    const bool options_apply = tensor.scheme && !is_budget(preset);
    return {fmt::format("preset {}", octet_set::preset_name(preset)),
            tensor.scheme ? preset_reason(preset) : tensor.reason,
            options_apply ? "a rule for it, scheme options, or another --preset"
                          : "a rule for it, or another --preset"};
}

PlanReason by_planner(const TensorReport& tensor, const octet_set::CodeOptions& options) {
    const std::string goal =
        options.max_size
            ? fmt::format("the least total error within --max-size {}",
                          with_commas(*options.max_size))
            : fmt::format("the fewest bytes for --target-sqnr {}", *options.target_sqnr_db);
    return {"planner", tensor.scheme ? goal : tensor.reason + "; " + goal,
            fmt::format("a rule for it, or another {}",
                        options.max_size ? "--max-size" : "--target-sqnr")};
}

}  // namespace

PlanReason explain(const Decisions& decisions, std::size_t number,
                   const octet_set::CodeOptions& options) {
    const TensorReport& tensor = decisions.tensors[number];
    switch (decisions.deciders[number]) {
        case Decider::kDtype:
            return {"dtype", tensor.reason, "nothing: octet quantizes F16, BF16, F32 and F64"};
        case Decider::kState:
            return {"came quantized", tensor.reason,
                    "nothing: without it that weight cannot be restored"};
        case Decider::kRule:
            return by_rule(tensor, options.rules[*decisions.rules[number]]);
        case Decider::kNotFinite:
            return {"on-non-finite keep", tensor.reason, "finite values"};
        case Decider::kPlanner:
            return by_planner(tensor, options);
        case Decider::kOptions:
            return {"options",
                    fmt::format("the scheme options ask for {}{}", scheme_name(*options.scheme),
                                vector_note(tensor, *options.scheme)),
                    "a rule for it, or other scheme options"};
        case Decider::kPreset:
            break;
    }
    return by_preset(tensor, options.preset);
}

}  // namespace octet::plan
