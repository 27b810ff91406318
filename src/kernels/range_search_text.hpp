// The search for the range of a one-level scheme: one group of each column of a block
// (docs/quantization.md, "Range search").
#pragma once

#include <type_traits>

#include "kernels/column_text.hpp"

namespace octet::kernels {
namespace {

/// Least squares steps from the best candidate.
constexpr int kRangeRefinements = 3;

/// Rounds of moving the ends of a long column's range.
constexpr int kWideRounds = 4;

/// One group of a register of columns.
template <typename L, bool kWeighted>
struct RangeSearch {
    using R = typename L::Register;
    const float* x;
    const float* w;
    std::size_t inputs;
    const RangeLimits& limits;
    R best_noise;
    R best_scale;
    R best_zero;  ///< what is added for real zero points, the code of 0 for integer ones
    R is_close;   ///< to the state without a search

    R stored(R value) const {
        switch (limits.rounding) {
            case StateRounding::kF16:
                return each_rounded<L>(value, to_finite_f16);
            case StateRounding::kBF16:
                return each_rounded<L>(value, to_finite_bf16);
            case StateRounding::kF32:
                break;
        }
        return value;
    }

    /// The smallest scale that can be stored: 0 would make every code the same.
    R least_scale() const {
        return L::all(limits.rounding == StateRounding::kF16 ? 0x1p-24F
                      : limits.rounding == StateRounding::kBF16
                          ? 0x1p-133F
                          : std::numeric_limits<float>::denorm_min());
    }

    /// The fit that a stored scale and zero point mean; integer zero points move the codes instead
    /// of the values.
    Fit<L> fit_of(R scale, R zero_point) const {
        const R none = L::all(0.0F);
        if (limits.symmetric)
            return {scale, none, L::all(-limits.largest_code), L::all(limits.largest_code)};
        if (limits.integer_zero)
            return {scale, none, none - zero_point, L::all(limits.largest_code) - zero_point};
        return {scale, zero_point, none, L::all(limits.largest_code)};
    }

    /// Measures what would be stored, and keeps it if it is the best so far.
    void offer(R scale, R zero_point) {
        const R kept_scale = L::largest(stored(scale), least_scale());
        const R kept_zero = limits.integer_zero ? zero_point : stored(zero_point);
        const R noise = noise_of<L, kWeighted>(x, w, inputs, fit_of(kept_scale, kept_zero));
        best_scale = L::if_less(noise, best_noise, kept_scale, best_scale);
        best_zero = L::if_less(noise, best_noise, kept_zero, best_zero);
        best_noise = L::least(noise, best_noise);
    }

    /// Real zero points: every candidate, also moved by a third of a step either way, takes one
    /// step of least squares; the best goes on alone.
    void search_real(R low, R high, R weight) {
        const R steps = L::all(limits.largest_code);
        const R whole =
            L::largest(high / steps - low / steps, L::all(std::numeric_limits<float>::min()));
        const R middle = low * L::all(0.5F) + high * L::all(0.5F);
        const R half = L::all(limits.largest_code * 0.5F);
        R least = L::all(std::numeric_limits<float>::infinity());
        R scale = whole;
        R zero_point = low;
        const auto step = [&](R from_scale, R from_zero) {
            const auto sums = sums_of<L, kWeighted>(x, w, inputs, fit_of(from_scale, from_zero));
            R change;
            R zero_change;
            least_squares<L>(sums, weight, change, zero_change);
            const R gain = change * sums.code_res + zero_change * sums.residual;
            const R noise = sums.noise - gain;
            scale = L::if_less(noise, least, from_scale + change, scale);
            zero_point = L::if_less(noise, least, from_zero + zero_change, zero_point);
            least = L::least(noise, least);
        };
        for (unsigned candidate = 0; candidate < limits.candidates; ++candidate) {
            const R from = whole * L::all(1.0F - limits.step * static_cast<float>(candidate));
            for (int third = -1; third <= 1; ++third) {
                step(from, middle - (half + L::all(static_cast<float>(third) / 3.0F)) * from);
            }
        }
        for (int refinement = 0; refinement < kRangeRefinements; ++refinement)
            step(scale, zero_point);
        offer(scale, zero_point);
        // The zero point that the stored scale wants: the codes' mean moves with it.
        const R kept = L::largest(stored(scale), least_scale());
        const auto sums = sums_of<L, kWeighted>(x, w, inputs, fit_of(kept, zero_point));
        const R safe_weight = L::if_less(L::all(0.0F), weight, weight, L::all(1.0F));
        offer(scale, zero_point + sums.residual / safe_weight);
    }

    /// The scale of least squares for codes that are multiplied only.
    R better_scale(R scale, R zero_point) const {
        const R none = L::all(0.0F);
        const auto sums = sums_of<L, kWeighted>(x, w, inputs, fit_of(scale, zero_point));
        const R safe = L::if_less(none, sums.code_code, sums.code_code, L::all(1.0F));
        return L::largest(scale + sums.code_res / safe, least_scale());
    }

    /// Symmetric codes and integer zero points: each candidate as it is and after one step, the
    /// zero points next to the wished one.
    void search_scaled(R low, R high) {
        const R none = L::all(0.0F);
        const R steps = L::all(limits.largest_code);
        R whole = L::largest(high, none - low) / steps;
        if (!limits.symmetric) whole = L::largest(high, none) / steps - L::least(low, none) / steps;
        whole = L::largest(whole, L::all(std::numeric_limits<float>::min()));
        best_scale = stored(whole);
        best_zero = limits.symmetric ? none : L::nearest(L::largest(none - low, none) / whole);
        offer(best_scale, best_zero);
        for (unsigned candidate = 0; candidate < limits.candidates; ++candidate) {
            const R scale = whole * L::all(1.0F - limits.step * static_cast<float>(candidate));
            const int reach = limits.symmetric ? 0 : 1;
            const R middle = (low * L::all(0.5F) + high * L::all(0.5F)) / scale;
            const R wish =
                limits.symmetric ? none : L::nearest(L::all(limits.largest_code * 0.5F) - middle);
            for (int offset = -reach; offset <= reach; ++offset) {
                const R zero_point =
                    limits.symmetric
                        ? none
                        : L::least(L::largest(wish + L::all(static_cast<float>(offset)), none),
                                   steps);
                offer(scale, zero_point);
                offer(better_scale(scale, zero_point), zero_point);
            }
        }
        for (int refinement = 0; refinement < kRangeRefinements; ++refinement) {
            offer(better_scale(best_scale, best_zero), best_zero);
        }
    }

    /// Long columns, of which a few values may lie far out: ranges that cut off either end or both,
    /// the best one's ends moved by ever smaller parts, then least squares. Everything is measured
    /// as it would be stored.
    void search_wide(R low, R high, R weight) {
        const R span = high - low;
        R best_low = low;
        R best_high = high;
        const auto try_ends = [&](R from, R to) {
            const R before = best_noise;
            R scale;
            R zero_point;
            state_of(from, to, scale, zero_point);
            offer(scale, zero_point);
            best_low = L::if_less(best_noise, before, from, best_low);
            best_high = L::if_less(best_noise, before, to, best_high);
        };
        // Stays where squares overflow, which nothing can be measured by.
        state_of(low, high, best_scale, best_zero);
        best_scale = L::largest(stored(best_scale), least_scale());
        if (!limits.integer_zero) best_zero = stored(best_zero);
        try_ends(low, high);
        for (unsigned candidate = 1; candidate < limits.candidates; ++candidate) {
            const R cut = span * L::all(limits.step * static_cast<float>(candidate));
            try_ends(low + cut * L::all(0.5F), high - cut * L::all(0.5F));
            if (limits.symmetric) continue;
            try_ends(low + cut, high);
            try_ends(low, high - cut);
        }
        float part = limits.step * 0.5F;
        for (int round = 0; round < kWideRounds; ++round, part *= 0.5F) {
            const R move = span * L::all(part);
            for (const float sign : {-1.0F, 1.0F}) {
                const R by = move * L::all(sign);
                if (limits.symmetric) {
                    try_ends(best_low - by, best_high + by);
                } else {
                    try_ends(best_low - by, best_high);
                    try_ends(best_low, best_high + by);
                }
            }
        }
        for (int refinement = 0; refinement < kRangeRefinements; ++refinement) {
            if (limits.symmetric || limits.integer_zero) {
                offer(better_scale(best_scale, best_zero), best_zero);
                continue;
            }
            R change;
            R zero_change;
            least_squares<L>(sums_of<L, kWeighted>(x, w, inputs, fit_of(best_scale, best_zero)),
                             weight, change, zero_change);
            offer(best_scale + change, best_zero + zero_change);
        }
    }

    /// The next scale that can be stored.
    R above(R scale) const {
        if (limits.rounding == StateRounding::kF16) return each_rounded<L>(scale, next_f16);
        return each_rounded<L>(scale, next_bf16);
    }

    /// Where a 16-bit scale's digits are few, the nearest one may be too small: also the next ones,
    /// each with the zero points that it wants.
    void try_scales_above(R low, R high, R weight) {
        const R found = best_scale;
        const R zero_point = best_zero;
        const R fine =
            L::all(0.5F / limits.largest_code) * found;  // moves the outermost code by half a step
        // Normal F16 scales are never coarse, and equal values have no scale.
        const bool is_f16 = limits.rounding == StateRounding::kF16;
        const R least_step = L::if_less(low, high, L::all(is_f16 ? 0x1p-24F : 0.0F), L::all(0.0F));
        if (is_f16 && !any_less<L>(fine, least_step)) return;
        const R next = above(found);
        const R step = L::if_less(low, high, next - found, L::all(0.0F));
        if (!any_less<L>(fine, step)) return;
        const R first = L::if_less(fine, step, next, found);
        const R second = L::if_less(fine, step, above(next), found);
        const auto sums = sums_of<L, kWeighted>(x, w, inputs, fit_of(found, zero_point));
        const R safe_weight = L::if_less(L::all(0.0F), weight, weight, L::all(1.0F));
        for (const R scale : {first, second}) {
            if (limits.symmetric) {
                offer(scale, zero_point);
            } else if (limits.integer_zero) {
                offer_zero_codes(low, high, scale);
            } else {
                const R from = zero_point - (scale - found) * (sums.code / safe_weight);
                const auto moved = sums_of<L, kWeighted>(x, w, inputs, fit_of(scale, from));
                offer(scale, from + moved.residual / safe_weight);
            }
        }
    }

    /// The codes of 0 next to the one that the middle of the range wishes for.
    void offer_zero_codes(R low, R high, R scale) {
        const R middle = (low * L::all(0.5F) + high * L::all(0.5F)) / scale;
        const R wish = L::nearest(L::all(limits.largest_code * 0.5F) - middle);
        for (const float offset : {-1.0F, 0.0F, 1.0F})
            offer(scale, L::least(L::largest(wish + L::all(offset), L::all(0.0F)),
                                  L::all(limits.largest_code)));
    }

    /// How the best state does beside the one without a search.
    void compare_with(R plain_scale, R plain_zero, R low, R high, R weight) {
        const R none = L::all(0.0F);
        const R noise = noise_of<L, kWeighted>(
            x, w, inputs, fit_of(L::largest(plain_scale, least_scale()), plain_zero));
        is_close =
            octet::kernels::is_close<L>(best_noise, noise, L::largest(high, none - low), weight);
        is_close = L::if_less(none, plain_scale, is_close, L::all(1.0F));
        is_close = L::if_less(low, high, is_close, L::all(1.0F));
    }

    /// The scale and zero point that reach from one end to the other.
    void state_of(R from, R to, R& scale, R& zero_point) const {
        const R none = L::all(0.0F);
        const R steps = L::all(limits.largest_code);
        const R least = L::all(std::numeric_limits<float>::min());
        if (limits.symmetric) {
            scale = L::largest(L::largest(to, none - from) / steps, least);
            zero_point = none;
        } else if (limits.integer_zero) {
            scale = L::largest(L::largest(to, none) / steps - L::least(from, none) / steps, least);
            zero_point = L::least(L::nearest(L::largest(none - from, none) / scale), steps);
        } else {
            scale = to / steps - from / steps;
            zero_point = from;
        }
    }

    /// The road for the kind of codes and the length of the columns; of symmetric long columns low
    /// and high become those of the range about 0.
    void search(R& low, R& high, R weight) {
        const R none = L::all(0.0F);
        const R steps = L::all(limits.largest_code);
        if (limits.wide) {
            if (limits.symmetric) {
                high = L::largest(high, none - low);
                low = none - high;
            }
            search_wide(low, high, weight);
        } else if (!limits.symmetric && !limits.integer_zero) {
            // The plain range first, as minmax stores it: a search is never worse.
            best_scale = stored(high / steps - low / steps);
            best_zero = stored(low);
            offer(best_scale, best_zero);
            search_real(low, high, weight);
        } else {
            search_scaled(low, high);
        }
    }

    /// `plain_scale` and `plain_zero` are the state without a search where the state has 16 bits.
    void run(R plain_scale, R plain_zero) {
        R low;
        R high;
        extremes_of<L>(x, inputs, low, high);
        const R weight = L::all(weight_of(w, inputs));
        const R none = L::all(0.0F);
        best_noise = L::all(std::numeric_limits<float>::infinity());
        search(low, high, weight);
        const bool has_16_bits = limits.rounding != StateRounding::kF32;
        if (has_16_bits) try_scales_above(low, high, weight);
        if (!limits.symmetric && !limits.integer_zero) {
            best_scale = L::if_less(low, high, best_scale, none);
            best_zero = L::if_less(low, high, best_zero, stored(low));
        } else {
            best_scale = L::if_less(none, L::largest(high, none - low), best_scale, none);
        }
        is_close = none;
        if (has_16_bits) compare_with(plain_scale, plain_zero, low, high, weight);
    }
};

template <typename L>
void range_search(const ColumnBlock& block, const RangeLimits& limits, const ColumnState* plain,
                  ColumnState& state) {
    using R = typename L::Register;
    const auto search = [&](auto weighted, std::size_t column) {
        const R none = L::all(0.0F);
        RangeSearch<L, decltype(weighted)::value> one = {
            block.values + column, block.weights, block.inputs, limits, none, none, none, none};
        one.run(plain == nullptr ? none : L::load(plain->scale + column),
                plain == nullptr ? none : L::load(plain->zero_point + column));
        L::store(one.best_scale, state.scale + column);
        L::store(one.best_zero, state.zero_point + column);
        L::store(one.is_close, state.is_close + column);
    };
    for (std::size_t column = 0; column < kBlockColumns; column += L::kColumns) {
        if (block.weights == nullptr) {
            search(std::false_type{}, column);
        } else {
            search(std::true_type{}, column);
        }
    }
}

}  // namespace
}  // namespace octet::kernels
