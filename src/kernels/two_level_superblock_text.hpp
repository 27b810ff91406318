// One start of the search of a two-level scheme over one superblock of one register of columns
// (docs/quantization.md, "Two levels").
#pragma once

#include "kernels/column_text.hpp"

namespace octet::kernels {
namespace {

/// Small numbers of every group, and the two floats above them.
template <typename R>
struct Superblock {
    R scale[kMaxSuperblockGroups];
    R zero_point[kMaxSuperblockGroups];
    R super_scale;
    R super_zero_point;
    R noise;
};

/// Where a group would like its scale and zero point, if they were free, and how the zero point
/// follows the scale.
template <typename R>
struct Wish {
    R scale[kMaxSuperblockGroups];
    R zero_point[kMaxSuperblockGroups];
    R slope[kMaxSuperblockGroups];  ///< mean code: a larger scale wants a zero point smaller by
                                    ///< this times the change
};

/// Normal equations of the two floats: x ~ (q s) S + z Z, with what is left over.
template <typename R>
struct SuperSums {
    R scale_scale;
    R scale_zero;
    R zero_zero;
    R scale_res;
    R zero_res;
};

/// The smallest super float that is used, so that nothing divides by 0: the smallest F16.
constexpr float kLeastSuper = 0x1p-24F;

/// Everything about one superblock of one register of columns.
template <typename L, bool kWeighted>
struct TwoLevelSearch {
    using R = typename L::Register;
    const float* x;
    const float* w;
    std::size_t inputs;
    const TwoLevelLimits& limits;
    std::size_t groups;
    Wish<R> wish;
    R magnitude;  ///< of the values

    std::size_t size_of(std::size_t group) const {
        const std::size_t start = group * limits.group_size;
        return inputs - start < limits.group_size ? inputs - start : limits.group_size;
    }
    const float* values_of(std::size_t group) const {
        return x + group * limits.group_size * kBlockColumns;
    }
    const float* weights_of(std::size_t group) const {
        return kWeighted ? w + group * limits.group_size : nullptr;
    }

    bool has_zero_points() const { return limits.largest_zero_point > 0.0F; }

    static R f16_of(R value) { return each_rounded<L>(value, to_finite_f16); }

    Fit<L> fit_of(R scale, R zero_point) const {
        return {scale, zero_point, L::all(limits.least_code), L::all(limits.largest_code)};
    }

    /// The scale and zero point at which the codes just reach the smallest and the largest value.
    void wish_for_extremes() {
        const R zero = L::all(0.0F);
        const R steps = L::all(limits.largest_code - limits.least_code);
        const R middle = L::all((limits.largest_code + limits.least_code) * 0.5F);
        magnitude = zero;
        for (std::size_t group = 0; group < groups; ++group) {
            R low;
            R high;
            extremes_of<L>(values_of(group), size_of(group), low, high);
            magnitude = L::largest(magnitude, L::largest(high, zero - low));
            if (has_zero_points()) {
                wish.scale[group] = high / steps - low / steps;
                wish.zero_point[group] =
                    (low * L::all(0.5F) + high * L::all(0.5F)) - middle * wish.scale[group];
            } else {
                wish.scale[group] =
                    L::largest(high / L::all(limits.largest_code), low / L::all(limits.least_code));
                wish.zero_point[group] = zero;
            }
            wish.slope[group] = middle;
        }
    }

    /// The F16 float that makes the largest wish the largest small number; the wider side of zero
    /// points becomes the negative one, which has one number more.
    R first_super_scale() const {
        R most = L::all(0.0F);
        for (std::size_t group = 0; group < groups; ++group)
            most = L::largest(most, wish.scale[group]);
        return L::largest(most / L::all(limits.largest_scale), L::all(kLeastSuper));
    }
    R first_super_zero_point() const {
        if (limits.largest_zero_point == 0.0F) return L::all(kLeastSuper);
        R low = L::all(0.0F);
        R high = L::all(0.0F);
        for (std::size_t group = 0; group < groups; ++group) {
            low = L::least(low, wish.zero_point[group]);
            high = L::largest(high, wish.zero_point[group]);
        }
        const R below = L::all(0.0F) - low;
        const R wide = L::largest(below, high);
        const R narrow = L::least(below, high);
        const R size = L::largest(L::largest(wide / L::all(-limits.least_zero_point),
                                             narrow / L::all(limits.largest_zero_point)),
                                  L::all(kLeastSuper));
        return L::if_less(below, high, L::all(0.0F) - size, size);
    }

    /// Small numbers of one group, and what is lost with them.
    struct Choice {
        R noise;
        R scale;
        R zero_point;
    };

    static Choice no_choice() {
        return {L::all(std::numeric_limits<float>::infinity()), L::all(1.0F), L::all(0.0F)};
    }

    /// Measures the scale with one zero point after the other, and keeps what is better than
    /// `best`.
    void offer(std::size_t group, R scale, R first_zero, R step, int zero_points,
               const Superblock<R>& block, Choice& best) const {
        const R small = L::least(L::largest(scale, L::all(1.0F)), L::all(limits.largest_scale));
        for (int j = 0; j < zero_points; ++j) {
            const R wanted = first_zero + L::all(static_cast<float>(j)) * step;
            const R small_zero = L::least(L::largest(wanted, L::all(limits.least_zero_point)),
                                          L::all(limits.largest_zero_point));
            const auto fit = fit_of(small * block.super_scale, small_zero * block.super_zero_point);
            const R noise =
                noise_of<L, kWeighted>(values_of(group), weights_of(group), size_of(group), fit);
            best.scale = L::if_less(noise, best.noise, small, best.scale);
            best.zero_point = L::if_less(noise, best.noise, small_zero, best.zero_point);
            best.noise = L::if_less(noise, best.noise, noise, best.noise);
        }
    }

    static void take(const Choice& choice, std::size_t group, Superblock<R>& block) {
        block.scale[group] = choice.scale;
        block.zero_point[group] = choice.zero_point;
        block.noise = block.noise + choice.noise;
    }

    /// The small zero point that goes with a small scale, not rounded.
    R zero_point_for(std::size_t group, R small, const Superblock<R>& block, R per_zero) const {
        const R kept = L::least(L::largest(small, L::all(1.0F)), L::all(limits.largest_scale));
        const R change = kept * block.super_scale - wish.scale[group];
        return (wish.zero_point[group] - wish.slope[group] * change) * per_zero;
    }

    /// The best small numbers of one group next to its wish: three scales, and `zero_points` zero
    /// points for each.
    void choose(std::size_t group, int zero_points, Superblock<R>& block) const {
        const R scale_wish = L::nearest(wish.scale[group] / block.super_scale) - L::all(1.0F);
        const R per_zero = L::all(1.0F) / block.super_zero_point;
        Choice best = no_choice();
        for (int i = 0; i < 3; ++i) {
            const R small = scale_wish + L::all(static_cast<float>(i));
            const R wanted = zero_point_for(group, small, block, per_zero);
            const R first_zero = L::nearest(wanted) - L::all(static_cast<float>(zero_points / 2));
            offer(group, small, first_zero, L::all(1.0F), zero_points, block, best);
        }
        take(best, group, block);
    }

    /// Adds a group's part of the normal equations, and lets its wish be the least squares of its
    /// codes.
    void learn(std::size_t group, const Superblock<R>& block, SuperSums<R>& sums) {
        const R small = block.scale[group];
        const R small_zero = block.zero_point[group];
        const R scale = small * block.super_scale;
        const R zero_point = small_zero * block.super_zero_point;
        const auto found = sums_of<L, kWeighted>(values_of(group), weights_of(group),
                                                 size_of(group), fit_of(scale, zero_point));
        const R weight = L::all(weight_of(weights_of(group), size_of(group)));
        sums.scale_scale = sums.scale_scale + small * small * found.code_code;
        sums.scale_zero = sums.scale_zero + small * small_zero * found.code;
        sums.zero_zero = sums.zero_zero + small_zero * small_zero * weight;
        sums.scale_res = sums.scale_res + small * found.code_res;
        sums.zero_res = sums.zero_res + small_zero * found.residual;
        R change;
        R zero_change;
        least_squares<L>(found, weight, change, zero_change);
        wish.scale[group] = scale + change;
        wish.zero_point[group] = zero_point + zero_change;
        wish.slope[group] =
            found.code / L::largest(weight, L::all(std::numeric_limits<float>::min()));
    }

    /// Solves the normal equations; where they are nearly singular (as without zero points) only
    /// for the scale.
    void improve_supers(const SuperSums<R>& sums, Superblock<R>& block) const {
        const R zero = L::all(0.0F);
        const R product = sums.scale_scale * sums.zero_zero;
        const R determinant = product - sums.scale_zero * sums.scale_zero;
        const R both = product * L::all(1e-4F);
        const R safe = L::if_less(both, determinant, determinant, L::all(1.0F));
        const R alone =
            sums.scale_res / L::if_less(zero, sums.scale_scale, sums.scale_scale, L::all(1.0F));
        const R change = L::if_less(
            both, determinant,
            (sums.scale_res * sums.zero_zero - sums.zero_res * sums.scale_zero) / safe, alone);
        const R zero_change = L::if_less(
            both, determinant,
            (sums.zero_res * sums.scale_scale - sums.scale_res * sums.scale_zero) / safe, zero);
        block.super_scale = L::largest(f16_of(block.super_scale + change), L::all(kLeastSuper));
        const R changed = f16_of(block.super_zero_point + zero_change);
        const R size = L::largest(changed, zero - changed);
        block.super_zero_point = L::if_less(zero, size, changed, L::all(kLeastSuper));
    }

    /// Round one from the extremes with five zero points a scale, then the two floats by least
    /// squares, then round two with three.
    void run(R super_scale, R super_zero_point, Superblock<R>& block) {
        const R zero = L::all(0.0F);
        block.super_scale = L::largest(f16_of(super_scale), L::all(kLeastSuper));
        block.super_zero_point = f16_of(super_zero_point);
        block.noise = zero;
        SuperSums<R> sums = {zero, zero, zero, zero, zero};
        for (std::size_t group = 0; group < groups; ++group) {
            choose(group, has_zero_points() ? 5 : 1, block);
            learn(group, block, sums);
        }
        improve_supers(sums, block);
        block.noise = zero;
        for (std::size_t group = 0; group < groups; ++group)
            choose(group, has_zero_points() ? 3 : 1, block);
    }

    /// Without a search: nearest zero points, then the smallest scales that reach the extremes.
    /// Nothing is clipped unless F16 is too small for the largest scale.
    void cover(Superblock<R>& block) const {
        block.super_zero_point = f16_of(first_super_zero_point());
        R most = L::all(0.0F);
        for (std::size_t group = 0; group < groups; ++group) {
            const R wanted = L::nearest(wish.zero_point[group] / block.super_zero_point);
            block.zero_point[group] = L::least(L::largest(wanted, L::all(limits.least_zero_point)),
                                               L::all(limits.largest_zero_point));
            most = L::largest(most, reach(group, block));
        }
        const R super = L::largest(most / L::all(limits.largest_scale), L::all(kLeastSuper));
        block.super_scale = each_rounded<L>(super, [](float value) {
            const float near = to_finite_f16(value);
            return near < value ? next_f16(near) : near;
        });
        for (std::size_t group = 0; group < groups; ++group) {
            const R wanted = reach(group, block) / block.super_scale;
            const R near = L::nearest(wanted);
            const R up = L::if_less(near, wanted, near + L::all(1.0F), near);
            block.scale[group] =
                L::least(L::largest(up, L::all(1.0F)), L::all(limits.largest_scale));
        }
    }

    /// The small numbers that go with these super floats: next to the wishes, then next to the
    /// least squares of the codes that those give.
    void choose_under(R super_scale, R super_zero_point, Superblock<R>& block) {
        const R zero = L::all(0.0F);
        block.super_scale = super_scale;
        block.super_zero_point = super_zero_point;
        SuperSums<R> unused = {zero, zero, zero, zero, zero};
        for (std::size_t group = 0; group < groups; ++group) {
            choose(group, has_zero_points() ? 5 : 1, block);
            learn(group, block, unused);
        }
        block.noise = zero;
        for (std::size_t group = 0; group < groups; ++group)
            choose(group, has_zero_points() ? 3 : 1, block);
    }

    R noise_of_block(const Superblock<R>& block) const {
        R noise = L::all(0.0F);
        for (std::size_t group = 0; group < groups; ++group) {
            const auto fit = fit_of(block.scale[group] * block.super_scale,
                                    block.zero_point[group] * block.super_zero_point);
            noise = noise + noise_of<L, kWeighted>(values_of(group), weights_of(group),
                                                   size_of(group), fit);
        }
        return noise;
    }

    /// The scale with which a group's codes reach both ends from its zero point.
    R reach(std::size_t group, const Superblock<R>& block) const {
        R low;
        R high;
        extremes_of<L>(values_of(group), size_of(group), low, high);
        const R zero_point = block.zero_point[group] * block.super_zero_point;
        return L::largest(
            high / L::all(limits.largest_code) - zero_point / L::all(limits.largest_code),
            low / L::all(limits.least_code) - zero_point / L::all(limits.least_code));
    }
};

/// Keeps of each column the better one.
template <typename L, typename R = typename L::Register>
inline void keep_better(const Superblock<R>& other, std::size_t groups, Superblock<R>& best) {
    const auto better = [&](R mine, R yours) {
        return L::if_less(other.noise, best.noise, mine, yours);
    };
    for (std::size_t group = 0; group < groups; ++group) {
        best.scale[group] = better(other.scale[group], best.scale[group]);
        best.zero_point[group] = better(other.zero_point[group], best.zero_point[group]);
    }
    best.super_scale = better(other.super_scale, best.super_scale);
    best.super_zero_point = better(other.super_zero_point, best.super_zero_point);
    best.noise = L::least(other.noise, best.noise);
}

}  // namespace
}  // namespace octet::kernels
