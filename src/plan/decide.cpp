#include <fmt/format.h>

#include "checkpoint/kind.hpp"
#include "plan/output_plan.hpp"
#include "quant/codecs.hpp"

namespace octet::plan {
namespace {

Scheme scheme_of(const state::CodeOptions& options) {
    const Rounding preset = options.preset == Preset::kLesson ? Rounding::kTruncate : Rounding::kNearest;
    Scheme scheme;
    scheme.rounding = options.rounding.value_or(preset);
    quant::check_has_codec(scheme);
    return scheme;
}

std::string reason_to_keep(const TensorReport& tensor, const state::CodeOptions& options, bool not_finite) {
    if (dtype_name(tensor.dtype).starts_with("F") && !is_quantizable(tensor.dtype))
        return fmt::format("{} is small already", dtype_name(tensor.dtype));
    if (tensor.dtype == Dtype::kBool) return "boolean dtype";
    if (tensor.dtype == Dtype::kC64) return "complex dtype";
    if (!is_quantizable(tensor.dtype)) return "integer dtype";
    if (options.preset == Preset::kLesson && tensor.kind == Kind::kBuffer) return "a buffer, not a parameter";
    return not_finite ? "holds values that are not finite" : "";
}

}  // namespace

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
    checkpoint::assign_kinds(reports);
    for (std::size_t i = 0; i < reports.size(); ++i) {
        TensorReport& report = reports[i];
        report.reason = reason_to_keep(report, options, !keep.empty() && keep[i]);
        if (report.reason.empty()) report.scheme = scheme_of(options);
        const std::uint64_t elements = report.source_bytes * 8 / dtype_bits(report.dtype);
        report.output_bytes = report.scheme ? elements + 2 * sizeof(float) : report.source_bytes;
    }
    return reports;
}

}  // namespace octet::plan
