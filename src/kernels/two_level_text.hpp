// The search of a two-level scheme over one superblock (docs/quantization.md, "Two levels"): where
// it starts, and the loop over registers of columns.
#pragma once

#include "kernels/two_level_likely_text.hpp"
#include "kernels/two_level_superblock_text.hpp"

namespace octet::kernels {
namespace {

/// Super scales to start from, as parts of the one that makes the largest scale the largest small
/// number. Least squares moves each to the nearest good one; which is best differs from row to row.
constexpr float kSuperStarts[5] = {1.0F, 0.96F, 1.04F, 0.92F, 1.08F};

/// A subnormal super scale has few digits, and the nearest one may be too small: also the next
/// ones.
template <typename L, typename Search, typename R = typename L::Register>
inline void try_supers_above(const Wish<R>& wish, Search& search, Superblock<R>& best) {
    const R normal = L::all(0x1p-14F);
    const R found = best.super_scale;
    if (!any_less<L>(found, normal)) return;
    R scale = found;
    for (int i = 0; i < 2; ++i) {
        scale = L::if_less(found, normal, each_rounded<L>(scale, next_f16), found);
        Superblock<R> other;
        search.wish = wish;
        search.choose_under(scale, best.super_zero_point, other);
        other.noise =
            L::if_less(found, scale, other.noise, L::all(std::numeric_limits<float>::infinity()));
        keep_better<L>(other, search.groups, best);
    }
}

/// A full search from each of the super scales, for the columns that are `wanted` (above 0).
template <typename L, typename Search, typename R = typename L::Register>
inline void search_from_all(const Wish<R>& wish, R wanted, Search& search, Superblock<R>& best) {
    const R none = L::all(0.0F);
    search.wish = wish;
    const R super_scale = search.first_super_scale();
    const R super_zero_point = search.first_super_zero_point();
    for (unsigned start = 0; start < search.limits.starts; ++start) {
        Superblock<R> other;
        search.wish = wish;
        search.run(super_scale * L::all(kSuperStarts[start]), super_zero_point, other);
        other.noise =
            L::if_less(none, wanted, other.noise, L::all(std::numeric_limits<float>::infinity()));
        keep_better<L>(other, search.groups, best);
    }
}

/// The starts that the block is searched from.
template <typename L, typename Search, typename R = typename L::Register>
inline void search_from_starts(const Wish<R>& wish, Search& search, Superblock<R>& best) {
    const R none = L::all(0.0F);
    const R one = L::all(1.0F);
    const bool has_model =
        search.limits.starts > 2 && search.groups >= kManyGroups && search.has_zero_points();
    if (!has_model) return search_from_all<L>(wish, one, search, best);
    // The model does not see how many values lie on an end: those of one sign may have many zeros.
    R low;
    R high;
    extremes_of<L>(search.x, search.inputs, low, high);
    const R is_one_sided = L::if_less(low, none, L::if_less(none, high, none, one), one);
    search_from_likely<L>(search, best);
    if (any_less<L>(none, is_one_sided)) search_from_all<L>(wish, is_one_sided, search, best);
}

/// One register of columns, all of it.
template <typename L, bool kWeighted>
inline void two_level_columns(const ColumnBlock& block, const TwoLevelLimits& limits,
                              std::size_t column, TwoLevelState& state) {
    using R = typename L::Register;
    const std::size_t groups = (block.inputs + limits.group_size - 1) / limits.group_size;
    TwoLevelSearch<L, kWeighted> search = {
        block.values + column, block.weights, block.inputs, limits, groups, {}, {}};
    search.wish_for_extremes();
    Superblock<R> best;
    search.cover(best);
    R close = L::all(0.0F);
    if (limits.starts > 0) {
        best.noise = search.noise_of_block(best);
        const R plain = best.noise;
        const Wish<R> wish = search.wish;
        search_from_starts<L>(wish, search, best);
        try_supers_above<L>(wish, search, best);
        close = is_close<L>(best.noise, plain, search.magnitude,
                            L::all(weight_of(block.weights, block.inputs)));
    }
    L::store(best.super_scale, state.super_scale + column);
    L::store(best.super_zero_point, state.super_zero_point + column);
    L::store(close, state.is_close + column);
    for (std::size_t group = 0; group < groups; ++group) {
        L::store(best.scale[group], state.scales + group * kBlockColumns + column);
        L::store(best.zero_point[group], state.zero_points + group * kBlockColumns + column);
    }
}

template <typename L>
void two_level_search(const ColumnBlock& block, const TwoLevelLimits& limits,
                      TwoLevelState& state) {
    for (std::size_t column = 0; column < kBlockColumns; column += L::kColumns) {
        if (block.weights == nullptr) {
            two_level_columns<L, false>(block, limits, column, state);
        } else {
            two_level_columns<L, true>(block, limits, column, state);
        }
    }
}

}  // namespace
}  // namespace octet::kernels
