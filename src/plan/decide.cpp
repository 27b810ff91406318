#include <fmt/format.h>

#include "checkpoint/kind.hpp"
#include "octet/error.hpp"
#include "plan/fitting_scheme.hpp"
#include "plan/output_plan.hpp"
#include "quant/codecs.hpp"
#include "quant/stored_form.hpp"

namespace octet::plan {
namespace {

Scheme preset_scheme(Preset preset) {
    Scheme scheme;
    if (preset == Preset::kLesson) scheme.rounding = Rounding::kTruncate;
    return scheme;
}

/// Of a tensor without rows and columns.
Scheme scheme_of_vectors(const Scheme& asked) {
    Scheme scheme;
    scheme.symmetric = asked.symmetric;
    scheme.zero_point = asked.zero_point;
    scheme.rounding = asked.rounding;
    return scheme;
}

std::string reason_to_keep(const TensorReport& tensor, const state::CodeOptions& options, bool not_finite) {
    if (dtype_name(tensor.dtype).starts_with("F") && !is_quantizable(tensor.dtype))
        return fmt::format("{} is small already", dtype_name(tensor.dtype));
    if (tensor.dtype == Dtype::kBool) return "boolean dtype";
    if (tensor.dtype == Dtype::kC64) return "complex dtype";
    if (!is_quantizable(tensor.dtype)) return "integer dtype";
    if (options.preset == Preset::kLesson && tensor.kind == Kind::kBuffer) return "a buffer, not a parameter";
    const bool wanted = tensor.kind == Kind::kWeight || tensor.kind == Kind::kEmbedding || tensor.kind == Kind::kHead;
    if (is_budget(options.preset) && (!wanted || tensor.shape.size() < 2))
        return fmt::format("no weight, embedding or head, which --preset {} is for",
                           state::preset_name(options.preset));
    return not_finite ? "holds values that are not finite" : "";
}

}  // namespace

std::optional<Scheme> asked_scheme(Preset preset, const SchemeOptions& options) {
    if (options == SchemeOptions{}) return std::nullopt;
    if (is_budget(preset))
        throw Error(ErrorCode::kUsage, fmt::format("--preset {}", state::preset_name(preset)),
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

std::vector<TensorReport> decide(const checkpoint::Checkpoint& checkpoint, const state::CodeOptions& options,
                                 const std::vector<bool>& keep) {
    std::vector<TensorReport> reports(checkpoint.tensors.size());
    for (std::size_t i = 0; i < reports.size(); ++i) {
        const checkpoint::Tensor& tensor = checkpoint.tensors[i];
        reports[i].name = tensor.name;
        reports[i].dtype = tensor.dtype;
        reports[i].shape = tensor.shape;
        reports[i].source_bytes = tensor.byte_count;
    }
    const checkpoint::Family family = checkpoint::assign_kinds(reports);
    const Scheme asked = options.scheme.value_or(preset_scheme(options.preset));
    quant::check_has_codec(asked);
    for (std::size_t i = 0; i < reports.size(); ++i) {
        TensorReport& report = reports[i];
        report.reason = reason_to_keep(report, options, !keep.empty() && keep[i]);
        report.output_bytes = report.source_bytes;
        if (!report.reason.empty()) continue;
        report.scheme = report.shape.size() < 2 ? scheme_of_vectors(asked) : asked;
        const OutputAxis axis = checkpoint::output_axis(family, report.name, report.kind);
        if (report.scheme->granularity != Granularity::kTensor && report.scheme->axis == OutputAxis::kAuto)
            report.scheme->axis = axis;
        if (is_budget(options.preset)) report.scheme = fitting_scheme(options.preset, report.shape, axis);
        report.output_bytes =
            quant::stored_bytes(*report.scheme, report.shape) + quant::sidecar_state_bytes(*report.scheme);
    }
    return reports;
}

}  // namespace octet::plan
