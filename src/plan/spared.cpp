// The planner spares routers, norms, tables of positions, and the smallest tensors that have under
// 0.1 % of the bytes together; presets of few bits spare what no scheme of their budget fits.
#include "plan/spared.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "formats/octet_set/sidecar.hpp"
#include "plan/candidates.hpp"
#include "plan/fitting_scheme.hpp"

namespace octet::plan {
namespace {

/// Rows of fewer inputs are not worth a scale.
constexpr std::uint64_t kLeastInputs = 16;

/// The part of all bytes that nobody misses.
constexpr std::uint64_t kNegligible = 1000;

/// The part of what all weights take at 8 bits that copies may take: a small model's table of
/// positions is a tenth of it. It does not depend on the size that is asked for, so that more bytes
/// never give more error.
constexpr std::uint64_t kSparedShare = 400;

/// One kernel for each channel, [channels, 1, ...].
bool is_depthwise(const TensorReport& tensor) {
    return !tensor.batch && tensor.shape.size() >= 3 && tensor.shape[0] > 1 && tensor.shape[1] == 1;
}

std::string by_kind(const TensorReport& tensor) {
    constexpr std::string_view kCopied = "which the planner copies where the size allows";
    if (tensor.role == Role::kRouter) return fmt::format("a router, {}", kCopied);
    if (tensor.kind == Kind::kNorm) return fmt::format("a norm, {}", kCopied);
    if (tensor.kind == Kind::kPosition) return fmt::format("a table of positions, {}", kCopied);
    return "";
}

}  // namespace

std::vector<std::string> spared_by_planner(const Decisions& decisions) {
    const std::vector<TensorReport>& tensors = decisions.tensors;
    std::vector<std::string> reasons(tensors.size());
    std::vector<std::uint32_t> smallest_first;
    std::uint64_t bytes = 0;
    std::uint64_t weights = 0;
    for (std::uint32_t i = 0; i < tensors.size(); ++i) {
        if (!is_quantizable(tensors[i].dtype)) continue;
        bytes += tensors[i].source_bytes;
        weights += element_count(tensors[i].shape).value_or(0);
        if (decisions.deciders[i] == Decider::kPlanner) smallest_first.push_back(i);
    }
    std::stable_sort(smallest_first.begin(), smallest_first.end(),
                     [&](std::uint32_t a, std::uint32_t b) {
                         return tensors[a].source_bytes < tensors[b].source_bytes;
                     });
    const std::uint64_t most = weights / kSparedShare;
    std::uint64_t spared = 0;
    std::uint64_t others = 0;
    for (const std::uint32_t i : smallest_first) {
        const std::uint64_t size = tensors[i].source_bytes;
        std::string reason = by_kind(tensors[i]);
        if (reason.empty()) {
            others += size;
            if (others >= bytes / kNegligible) continue;
            reason = "one of the smallest tensors, which have under 0.1 % of the bytes together";
        }
        if (tensors[i].role != Role::kRouter) spared += size;
        if (spared <= most || tensors[i].role == Role::kRouter) reasons[i] = std::move(reason);
    }
    return reasons;
}

std::string spared_by_budget(Preset preset, const TensorReport& tensor) {
    const std::uint64_t inputs = inputs_of(tensor);
    const std::string_view name = octet_set::preset_name(preset);
    if (preset != Preset::kQ8 && tensor.role == Role::kRouter)
        return fmt::format("a router, which --preset {} leaves alone", name);
    if (is_depthwise(tensor) && preset != Preset::kQ8)
        return fmt::format("a depthwise convolution, which --preset {} leaves alone", name);
    if (inputs < kLeastInputs)
        return fmt::format("its rows have under {} inputs, too few for a scale", kLeastInputs);
    if (fitting_scheme(preset, tensor.shape, tensor.output_axis, tensor.batch)) return "";
    return fmt::format("too short to be cut: no scheme fits into the bits a weight of --preset {}",
                       name);
}

}  // namespace octet::plan
