// What becomes of each tensor, from headers and options: the first rule that matches it, else the
// preset, else what was asked for; and the reason where it is kept. Pure.
#include <fmt/format.h>

#include "arch/came_quantized.hpp"
#include "base/text.hpp"
#include "checkpoint/kind.hpp"
#include "octet/error.hpp"
#include "plan/candidates.hpp"
#include "plan/decide.hpp"
#include "plan/fitting_scheme.hpp"
#include "plan/rules.hpp"
#include "plan/spared.hpp"
#include "quant/codecs.hpp"
#include "quant/search_tile.hpp"
#include "quant/storage_layout.hpp"

namespace octet::plan {
namespace {

Scheme preset_scheme(Preset preset) {
    Scheme scheme;
    if (preset == Preset::kLesson) scheme.rounding = Rounding::kTruncate;
    if (preset == Preset::kLinear) {
        scheme.symmetric = true;
        scheme.granularity = Granularity::kChannel;
    }
    return scheme;
}

/// Of a tensor without rows and columns: what was asked for whole tensors, at 8 bits.
Scheme scheme_of_vectors(const Scheme& asked) {
    Scheme scheme;
    scheme.symmetric = asked.symmetric;
    scheme.zero_point = asked.zero_point;
    scheme.rounding = asked.rounding;
    if (asked.granularity != Granularity::kTensor) return scheme;
    scheme.range = asked.range;
    scheme.percentile_ppm = asked.percentile_ppm;
    return scheme;
}

/// What a rule asks for of a tensor without rows and columns: its bits too, but one scale.
Scheme rule_scheme_of_vectors(const Scheme& asked) {
    if (asked.granularity == Granularity::kTensor) return asked;
    Scheme scheme = scheme_of_vectors(asked);
    scheme.bits = asked.bits;
    return scheme;
}

std::string dtype_reason_to_keep(Dtype dtype) {
    if (is_quantizable(dtype)) return "";
    if (dtype_name(dtype).starts_with("F"))
        return fmt::format("{} is small already", dtype_name(dtype));
    if (dtype == Dtype::kBool) return "boolean dtype";
    return dtype == Dtype::kC64 ? "complex dtype" : "integer dtype";
}

std::string preset_reason_to_keep(const TensorReport& tensor, Preset preset,
                                  checkpoint::Family family) {
    if (preset == Preset::kLesson && tensor.kind == Kind::kBuffer)
        return "a buffer, not a parameter";
    if (preset == Preset::kLinear && !checkpoint::is_linear_weight(family, tensor))
        return "no weight of a Linear layer, which --preset linear is for";
    const bool wanted = tensor.kind == Kind::kWeight || tensor.kind == Kind::kEmbedding ||
                        tensor.kind == Kind::kHead;
    if (!is_budget(preset)) return "";
    if (!wanted || tensor.shape.size() < 2)
        return fmt::format("no weight, embedding or head, which --preset {} is for",
                           octet_set::preset_name(preset));
    return element_count(tensor.shape) == 0U ? "" : spared_by_budget(preset, tensor);
}

/// Who decides, with the reason in `tensor` when it is to be kept. `rule` may be null.
Decider decider_of(TensorReport& tensor, const octet_set::CodeOptions& options,
                   const TensorRule* rule, bool not_finite, checkpoint::Family family) {
    if (tensor.role == Role::kState) return Decider::kState;
    tensor.reason = dtype_reason_to_keep(tensor.dtype);
    if (!tensor.reason.empty()) return Decider::kDtype;
    if (rule != nullptr && !rule->scheme) {
        tensor.reason = "the rule " + in_quotes(rule_text(*rule));
        return Decider::kRule;
    }
    const bool planned = rule == nullptr && asks_planner(options);
    if (rule == nullptr && !planned)
        tensor.reason = preset_reason_to_keep(tensor, options.preset, family);
    if (!tensor.reason.empty()) return Decider::kPreset;
    if (not_finite) {
        tensor.reason = "holds values that are not finite";
        return Decider::kNotFinite;
    }
    if (rule != nullptr) return Decider::kRule;
    if (planned) return Decider::kPlanner;
    return options.scheme ? Decider::kOptions : Decider::kPreset;
}

/// The matrices of the tensor that the scheme is for: their axis, whether they are a batch, and how
/// their rows are packed.
Scheme scheme_of_matrices(Scheme scheme, const TensorReport& tensor) {
    if (scheme.granularity == Granularity::kTensor)
        return quant::with_packing(scheme, tensor.shape);
    if (scheme.axis == OutputAxis::kAuto) scheme.axis = tensor.output_axis;
    scheme.batch = scheme.batch || tensor.batch;
    if (scheme.batch && tensor.shape.size() < 3)
        throw Error(
            ErrorCode::kUsage, "tensor " + in_quotes(tensor.name),
            fmt::format(
                "has {} dimensions, of which none counts the matrices of a batch; leave -batch out",
                tensor.shape.size()));
    scheme.batch = scheme.batch && tensor.source_bytes != 0;
    return quant::with_packing(scheme, tensor.shape);
}

/// The scheme of a tensor that is quantized, its axis resolved.
Scheme scheme_for(const TensorReport& tensor, const octet_set::CodeOptions& options,
                  const TensorRule* rule) {
    if (rule == nullptr && is_budget(options.preset))  // Scheme{}: of no elements
        return fitting_scheme(options.preset, tensor.shape, tensor.output_axis, tensor.batch)
            .value_or(Scheme{});
    Scheme scheme =
        rule != nullptr ? *rule->scheme : options.scheme.value_or(preset_scheme(options.preset));
    if (tensor.shape.size() < 2)
        scheme = rule != nullptr ? rule_scheme_of_vectors(scheme) : scheme_of_vectors(scheme);
    scheme = scheme_of_matrices(scheme, tensor);
    quant::check_columns(scheme, quant::matrix_of(scheme, tensor.shape), tensor.name);
    return scheme;
}

/// What the planner decided; before that, a scheme with a search where there is one: what weights
/// for the error can be held against.
void take_choice(TensorReport& tensor, const std::vector<std::optional<Scheme>>& chosen,
                 const std::vector<std::string>& spared, std::size_t number) {
    if (chosen.empty()) {
        tensor.scheme = candidate_schemes(tensor).back();
        return;
    }
    tensor.scheme = chosen[number];
    if (!tensor.scheme)
        tensor.reason = spared[number].empty() ? "the planner's choice" : spared[number];
}

/// The preset itself, without a rule or scheme options.
bool by_linear(Decider decider, const octet_set::CodeOptions& options) {
    return decider == Decider::kPreset && options.preset == Preset::kLinear;
}

/// Of so few inputs that the scales outweigh what the codes save.
void keep_as_small(TensorReport& tensor) {
    if (tensor.source_bytes == 0) return;
    tensor.scheme.reset();
    tensor.reason = "codes and scales would not be smaller than the tensor";
    tensor.output_bytes = tensor.source_bytes;
}

/// Before everything else: whatever is asked for, a weight that came quantized keeps its state.
void explain_state(std::vector<TensorReport>& tensors) {
    const std::vector<std::uint32_t> owners = arch::quantized_weights(tensors);
    for (std::size_t i = 0; i < owners.size(); ++i) {
        if (owners[i] == arch::kNobody) continue;
        tensors[i].reason = std::string(kStateReason) + in_quotes(tensors[owners[i]].name);
    }
}

}  // namespace

bool asks_planner(const octet_set::CodeOptions& options) noexcept {
    return options.max_size || options.target_sqnr_db;
}

std::optional<Scheme> asked_scheme(Preset preset, const SchemeOptions& options) {
    if (options == SchemeOptions{}) return std::nullopt;
    if (is_budget(preset))
        throw Error(ErrorCode::kUsage, fmt::format("--preset {}", octet_set::preset_name(preset)),
                    "chooses the whole scheme; leave out the other scheme options, or the preset");
    Scheme scheme = preset_scheme(preset);
    scheme.bits = options.bits.value_or(scheme.bits);
    scheme.symmetric = options.symmetric.value_or(scheme.symmetric);
    if (options.group_size) scheme.granularity = Granularity::kGroup;
    scheme.granularity = options.granularity.value_or(scheme.granularity);
    if (scheme.granularity == Granularity::kGroup) scheme.group_size = kDefaultGroupSize;
    scheme.group_size = options.group_size.value_or(scheme.group_size);
    scheme.axis = options.axis.value_or(scheme.axis);
    scheme.zero_point = options.zero_point.value_or(scheme.zero_point);
    scheme.rounding = options.rounding.value_or(scheme.rounding);
    scheme.range = options.range.value_or(scheme.range);
    scheme.percentile_ppm = options.percentile_ppm;
    scheme.scale_dtype = options.scale_dtype.value_or(scheme.scale_dtype);
    quant::check_has_codec(scheme);
    return scheme;
}

Decisions decide(const checkpoint::Checkpoint& checkpoint, const octet_set::CodeOptions& options,
                 const std::vector<bool>& keep, const std::vector<std::optional<Scheme>>& chosen) {
    Decisions decisions;
    std::vector<TensorReport>& reports = decisions.tensors;
    reports.resize(checkpoint.tensors.size());
    for (std::size_t i = 0; i < reports.size(); ++i) {
        const checkpoint::Tensor& tensor = checkpoint.tensors[i];
        reports[i].name = tensor.name;
        reports[i].dtype = tensor.dtype;
        reports[i].shape = tensor.shape;
        reports[i].source_bytes = tensor.byte_count;
    }
    const checkpoint::Family family = checkpoint::assign_kinds(reports);
    explain_state(reports);
    quant::check_has_codec(options.scheme.value_or(preset_scheme(options.preset)));
    for (const TensorRule& rule : options.rules) {
        if (rule.scheme) quant::check_has_codec(*rule.scheme);
    }
    decisions.rules = assign_rules(options.rules, reports);
    const auto rule_of = [&](std::size_t i) {
        return decisions.rules[i] ? &options.rules[*decisions.rules[i]] : nullptr;
    };
    for (std::size_t i = 0; i < reports.size(); ++i) {
        reports[i].output_bytes = reports[i].source_bytes;
        decisions.deciders.push_back(
            decider_of(reports[i], options, rule_of(i), !keep.empty() && keep[i], family));
    }
    const std::vector<std::string> spared =
        chosen.empty() ? std::vector<std::string>() : spared_by_planner(decisions);
    for (std::size_t i = 0; i < reports.size(); ++i) {
        TensorReport& report = reports[i];
        if (!report.reason.empty()) continue;
        if (decisions.deciders[i] == Decider::kPlanner) {
            take_choice(report, chosen, spared, i);
        } else {
            report.scheme = scheme_for(report, options, rule_of(i));
        }
        if (!report.scheme) continue;
        report.output_bytes = quant::stored_bytes(*report.scheme, report.shape) +
                              quant::sidecar_state_bytes(*report.scheme);
        if (by_linear(decisions.deciders[i], options) && report.output_bytes >= report.source_bytes)
            keep_as_small(report);
    }
    return decisions;
}

}  // namespace octet::plan
