// Where the search of a superblock of many groups starts at 5 bits and more: a model says what
// super floats lose, from the extremes alone; the best few by the model are measured with the small
// numbers that it names, and the best one of those by measure is searched. A full search from each
// of five super scales takes two and a half times as many passes over the values, and loses more.
#pragma once

#include "kernels/two_level_superblock_text.hpp"

namespace octet::kernels {
namespace {

/// Groups from which the errors of the model even out; of fewer the full searches lose less.
constexpr std::size_t kManyGroups = 40;

/// Super floats that the model compares, as parts of the first ones.
constexpr float kModelScales[8] = {0.92F, 0.943F, 0.966F, 0.989F, 1.011F, 1.034F, 1.057F, 1.08F};
constexpr float kModelZeroPoints[2] = {1.0F, 0.9F};

/// Pairs of super floats that are measured.
constexpr std::size_t kMeasuredSupers = 5;

/// The best pairs by the model, the best first.
template <typename R>
struct LikelySupers {
    R noise[kMeasuredSupers];
    R scale[kMeasuredSupers];
    R zero_point[kMeasuredSupers];
};

/// What the model says of one superblock.
template <typename L, typename Search>
struct TwoLevelModel {
    using R = typename L::Register;
    const Search& search;
    float weight[kMaxSuperblockGroups];  ///< of the inputs of each group

    explicit TwoLevelModel(const Search& one) : search(one) {
        for (std::size_t group = 0; group < search.groups; ++group)
            weight[group] = weight_of(search.weights_of(group), search.size_of(group));
    }

    /// The small scale that lets a group lose least, of the two next to the one that reaches both
    /// ends, and its loss in squares of the super scale: the rounding of all values, and what the
    /// codes miss of an end.
    R small_scale(std::size_t group, R wanted, R& noise) const {
        const TwoLevelLimits& limits = search.limits;
        const R one = L::all(1.0F);
        const R rounding = L::all(weight[group] / 12.0F);
        const auto limited = [&](R scale) {
            return L::least(L::largest(scale, one), L::all(limits.largest_scale));
        };
        const auto loss = [&](R scale) {
            const R missed = L::largest(wanted - scale, L::all(0.0F)) * L::all(limits.largest_code);
            return rounding * scale * scale + missed * missed;
        };
        const R near = L::nearest(wanted);
        const R above = limited(L::if_less(near, wanted, near + one, near));
        const R below = limited(above - one);
        const R noise_below = loss(below);
        noise = loss(above);
        const R best = L::if_less(noise_below, noise, below, above);
        noise = L::least(noise_below, noise);
        return best;
    }

    /// The scale with which a group reaches both ends from the nearest zero point that there is.
    R wanted_scale(std::size_t group, R super_zero_point, R per_zero) const {
        const R wish = search.wish.zero_point[group];
        const R small = L::least(
            L::largest(L::nearest(wish * per_zero), L::all(search.limits.least_zero_point)),
            L::all(search.limits.largest_zero_point));
        const R off = wish - small * super_zero_point;
        const R distance = L::largest(off, L::all(0.0F) - off);
        return search.wish.scale[group] + distance / L::all(search.limits.largest_code);
    }

    LikelySupers<R> likely_supers() const {
        LikelySupers<R> likely;
        const R scale = search.first_super_scale();
        const R zero_point = search.first_super_zero_point();
        for (std::size_t i = 0; i < kMeasuredSupers; ++i) {
            likely.noise[i] = L::all(std::numeric_limits<float>::infinity());
            likely.scale[i] = scale;
            likely.zero_point[i] = zero_point;
        }
        R wanted[kMaxSuperblockGroups];
        for (const float part : kModelZeroPoints) {
            const R super_zero_point = zero_point * L::all(part);
            const R per_zero = L::all(1.0F) / super_zero_point;
            for (std::size_t group = 0; group < search.groups; ++group)
                wanted[group] = wanted_scale(group, super_zero_point, per_zero);
            for (const float scale_part : kModelScales) {
                const R super_scale = scale * L::all(scale_part);
                insert(noise_of_supers(super_scale, wanted), super_scale, super_zero_point, likely);
            }
        }
        return likely;
    }

    R noise_of_supers(R super_scale, const R* wanted) const {
        const R reciprocal = L::all(1.0F) / super_scale;
        R noise = L::all(0.0F);
        for (std::size_t group = 0; group < search.groups; ++group) {
            R one;
            small_scale(group, wanted[group] * reciprocal, one);
            noise = noise + one;
        }
        return noise * super_scale * super_scale;
    }

    static void insert(R noise, R scale, R zero_point, LikelySupers<R>& likely) {
        for (std::size_t i = 0; i < kMeasuredSupers; ++i) {
            const R other = likely.noise[i];
            const R other_scale = likely.scale[i];
            const R other_zero = likely.zero_point[i];
            likely.noise[i] = L::if_less(noise, other, noise, other);
            likely.scale[i] = L::if_less(noise, other, scale, other_scale);
            likely.zero_point[i] = L::if_less(noise, other, zero_point, other_zero);
            scale = L::if_less(noise, other, other_scale, scale);
            zero_point = L::if_less(noise, other, other_zero, zero_point);
            noise = L::if_less(noise, other, other, noise);
        }
    }

    /// The small numbers of all groups, each the best of the model's scale and the next one with
    /// two zero points each.
    void measure(R super_scale, R super_zero_point, Superblock<R>& block) const {
        const R one = L::all(1.0F);
        block.super_scale = L::largest(search.f16_of(super_scale), L::all(kLeastSuper));
        block.super_zero_point = search.f16_of(super_zero_point);
        block.noise = L::all(0.0F);
        const R per_zero = one / block.super_zero_point;
        const R per_scale = one / block.super_scale;
        for (std::size_t group = 0; group < search.groups; ++group) {
            R unused;
            const R wanted = wanted_scale(group, block.super_zero_point, per_zero) * per_scale;
            const R first = small_scale(group, wanted, unused);
            auto best = search.no_choice();
            for (const R small : {first, first + one}) {
                const R zero_point = search.zero_point_for(group, small, block, per_zero);
                const R near = L::nearest(zero_point);
                const R side = L::if_less(near, zero_point, one, L::all(0.0F) - one);
                search.offer(group, small, near, side, search.has_zero_points() ? 2 : 1, block,
                             best);
            }
            search.take(best, group, block);
        }
    }
};

/// Measures the model's best super floats, then moves the best of them by least squares and looks
/// at all small numbers near the new wishes.
template <typename L, typename Search, typename R = typename L::Register>
inline void search_from_likely(Search& search, Superblock<R>& best) {
    const R zero = L::all(0.0F);
    Superblock<R> found;
    {
        const TwoLevelModel<L, Search> model(search);
        const LikelySupers<R> likely = model.likely_supers();
        model.measure(likely.scale[0], likely.zero_point[0], found);
        for (std::size_t i = 1; i < kMeasuredSupers; ++i) {
            Superblock<R> other;
            model.measure(likely.scale[i], likely.zero_point[i], other);
            keep_better<L>(other, search.groups, found);
        }
    }
    keep_better<L>(found, search.groups, best);
    SuperSums<R> sums = {zero, zero, zero, zero, zero};
    for (std::size_t group = 0; group < search.groups; ++group) search.learn(group, found, sums);
    search.improve_supers(sums, found);
    found.noise = zero;
    for (std::size_t group = 0; group < search.groups; ++group)
        search.choose(group, search.has_zero_points() ? 5 : 1, found);
    keep_better<L>(found, search.groups, best);
}

}  // namespace
}  // namespace octet::kernels
