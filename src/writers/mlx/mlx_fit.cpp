// Obstacles in the order in which a user can do something about them: groups, axis, scales.
#include "writers/mlx/mlx_fit.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "codecs/repack.hpp"
#include "writers/repackage.hpp"

namespace octet::writers {
namespace {

constexpr std::uint32_t kUsualGroup = 64;
constexpr std::array<std::uint32_t, 3> kGroups = {128, 64, 32};

/// Why no scheme of mlx-lm's has these codes and values.
std::string obstacle(const Scheme& from, std::uint64_t inputs, OutputAxis axis, ScaleDtype dtype) {
    if (from.granularity != Granularity::kGroup || !is_mlx_group(from.group_size))
        return "mlx-lm has groups of 32, 64 or 128 only";
    if (inputs % from.group_size != 0)
        return fmt::format("mlx-lm has no short groups, and the rows have {} inputs", inputs);
    if (inputs > codecs::kMostRepackedInputs) return "octet does not move rows of that length";
    if (from.axis != axis || from.batch) return "mlx-lm has along the other axis";
    if (!holds_scales_of(dtype, from.scale_dtype))
        return "mlx-lm has scales of the weight's dtype, which does not hold these";
    const bool is_product = from.symmetric || from.zero_point == ZeroPoint::kInteger;
    if (is_product && from.scale_dtype != ScaleDtype::kF16 && from.scale_dtype != ScaleDtype::kBF16)
        return "mlx-lm adds a bias to, rounding twice where scales are float32";
    if (!from.symmetric && from.zero_point == ZeroPoint::kInteger && dtype != ScaleDtype::kF32)
        return "mlx-lm would round the zero points of";
    return "";
}

}  // namespace

bool is_mlx_group(std::uint32_t size) {
    return std::find(kGroups.begin(), kGroups.end(), size) != kGroups.end();
}

std::uint32_t mlx_group_for(std::uint64_t inputs, std::uint32_t asked) {
    const auto* const found =
        std::find_if(kGroups.begin(), kGroups.end(),
                     [&](std::uint32_t group) { return group <= asked && inputs % group == 0; });
    return found == kGroups.end() ? 0 : *found;
}

MlxFit mlx_fit(const Scheme& from, const TensorReport& tensor, OutputAxis axis) {
    const ScaleDtype dtype = scale_dtype_like(tensor.dtype);
    const std::uint64_t inputs = tensor.shape[axis == OutputAxis::k1 ? 0 : 1];
    MlxFit fit{from, obstacle(from, inputs, axis, dtype), "keep"};
    fit.scheme.symmetric = false;
    fit.scheme.zero_point = ZeroPoint::kReal;
    fit.scheme.scale_dtype = dtype;
    fit.scheme.row_packing = false;
    if (fit.why.empty()) return fit;
    Scheme fitting;
    fitting.bits = from.bits;
    fitting.granularity = Granularity::kGroup;
    fitting.group_size =
        mlx_group_for(inputs, is_mlx_group(from.group_size) ? from.group_size : kUsualGroup);
    fitting.axis = axis;
    fitting.scale_dtype = dtype;
    if (fitting.group_size != 0) fit.fitting = scheme_name(fitting);
    return fit;
}

}  // namespace octet::writers
