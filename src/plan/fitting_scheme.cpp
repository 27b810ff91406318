// Groups are tried from the smallest up, as smaller ones lose less, and the first whose bytes are
// within the budget is taken: with two levels, then with F16 state. Groups that divide a row come
// first where rows would share one.
#include "plan/fitting_scheme.hpp"

#include "base/checked.hpp"
#include "quant/storage_layout.hpp"

namespace octet::plan {
namespace {

struct Budget {
    std::uint32_t bits;
    std::uint64_t bits_a_16_weights;
};

Budget budget_of(Preset preset) {
    if (preset == Preset::kQ4) return {4, 72};
    return preset == Preset::kQ6 ? Budget{6, 105} : Budget{8, 136};
}

/// Rows of fewer inputs than this are one group.
constexpr std::uint32_t kMostGroup = 128;

}  // namespace

bool is_budget(Preset preset) noexcept {
    return preset == Preset::kQ8 || preset == Preset::kQ6 || preset == Preset::kQ4;
}

std::optional<Scheme> fitting_scheme(Preset preset, const Shape& shape, OutputAxis axis,
                                     bool batch) {
    const Budget budget = budget_of(preset);
    std::uint64_t elements = 1;
    for (const std::uint64_t dimension : shape)
        elements *= dimension;  // of a tensor in a file: does not overflow
    const auto limit = checked_multiply(elements, budget.bits_a_16_weights);
    const auto fits = [&](const Scheme& scheme) {
        const auto bits = checked_multiply(quant::stored_bytes(scheme, shape), 8 * 16);
        return limit && bits && *bits <= *limit;
    };
    Scheme scheme;
    scheme.bits = budget.bits;
    scheme.granularity = Granularity::kGroup;
    scheme.axis = axis;
    scheme.batch = batch;
    scheme.range = RangeSearch::kMse;
    scheme.scale_dtype = ScaleDtype::kTwoLevel;
    scheme = quant::with_packing(scheme, shape);
    for (scheme.group_size = kLeastGroupSize; scheme.group_size <= kMostGroup;
         ++scheme.group_size) {
        if (fits(scheme)) return scheme;
    }
    scheme.group_size = kMostGroup;
    scheme.scale_dtype = ScaleDtype::kF16;
    if (fits(scheme)) return scheme;
    scheme.symmetric = true;
    return fits(scheme) ? std::optional(scheme) : std::nullopt;
}

}  // namespace octet::plan
