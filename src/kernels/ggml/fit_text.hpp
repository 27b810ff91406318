// Runs whose values are s q + z with codes q from 0: sums of a run that is coded with a step and an
// offset, what other steps and offsets would make of the same codes, and a search for the best
// ones.
#pragma once

#include "kernels/ggml/steps_text.hpp"

namespace octet::kernels::ggml {
namespace {

/// Elements of a run and its codes 0 .. `most`.
struct RunShape {
    std::size_t elements;
    float most;
};

/// What a run looks like with a step and an offset: r = (x - offset) / step - q, with weights.
template <typename L>
struct RunSums {
    typename L::Register rest_rest;
    typename L::Register rest;
    typename L::Register code;
    typename L::Register code_code;
    typename L::Register code_rest;

    /// The sum of squares once the same codes are worth (1 + a) steps each and b steps more.
    typename L::Register noise(typename L::Register a, typename L::Register b,
                               typename L::Register weight) const {
        const auto two = L::all(2.0F);
        const auto linear = a * code_rest + b * rest;
        return rest_rest - two * linear + a * a * code_code + b * (two * a * code + b * weight);
    }
};

/// Codes of one row of 16 lanes.
template <typename L, typename R = typename L::Register>
inline R code_of(R t, float most) {
    return L::least(L::largest(L::nearest(t), L::all(0.0F)), L::all(most));
}

/// kInside: no value is beyond the codes.
template <typename L, bool kWeighted, bool kInside = false, typename R = typename L::Register>
inline RunSums<L> run_sums(const float* x, const float* w, const RunShape& run, R inverse,
                           R offset) {
    const R none = L::all(0.0F);
    RunSums<L> sums = {none, none, none, none, none};
    for (std::size_t i = 0; i < run.elements; ++i) {
        const R t = (L::load(x + i * kRows) - offset) * inverse;
        R q;
        if constexpr (kInside) {
            q = L::nearest(t);
        } else {
            q = code_of<L>(t, run.most);
        }
        const R rest = t - q;
        R weighted_rest = rest;
        R weighted_code = q;
        if constexpr (kWeighted) {
            weighted_rest = rest * L::all(w[i]);
            weighted_code = q * L::all(w[i]);
        }
        sums.rest_rest = sums.rest_rest + rest * weighted_rest;
        sums.rest = sums.rest + weighted_rest;
        sums.code = sums.code + weighted_code;
        sums.code_code = sums.code_code + q * weighted_code;
        sums.code_rest = sums.code_rest + q * weighted_rest;
    }
    return sums;
}

/// Sums of squared rests with one step and each of several offsets, which are given in steps: what
/// is added to x / step.
template <typename L, bool kWeighted, std::size_t kOffsets, typename R = typename L::Register>
inline void run_noises(const float* x, const float* w, const RunShape& run, R inverse,
                       const R (&added)[kOffsets], R (&noise)[kOffsets]) {
    for (R& sum : noise) sum = L::all(0.0F);
    for (std::size_t i = 0; i < run.elements; ++i) {
        const R scaled = L::load(x + i * kRows) * inverse;
        for (std::size_t k = 0; k < kOffsets; ++k) {
            const R t = scaled + added[k];
            const R rest = t - code_of<L>(t, run.most);
            if constexpr (kWeighted) {
                noise[k] = noise[k] + rest * (rest * L::all(w[i]));
            } else {
                noise[k] = noise[k] + rest * rest;
            }
        }
    }
}

/// The sum of squared errors itself, of a step that may be 0: then every code is 0.
template <typename L, bool kWeighted, typename R = typename L::Register>
inline R stored_noise(const float* x, const float* w, const RunShape& run, R step, R offset) {
    const R inverse = inverse_or_none<L>(step);
    R noise = L::all(0.0F);
    for (std::size_t i = 0; i < run.elements; ++i) {
        const R from_offset = L::load(x + i * kRows) - offset;
        const R rest = from_offset - code_of<L>(from_offset * inverse, run.most) * step;
        if constexpr (kWeighted) {
            noise = noise + rest * (rest * L::all(w[i]));
        } else {
            noise = noise + rest * rest;
        }
    }
    return noise;
}

/// a and b of least squares.
template <typename L, typename R = typename L::Register>
inline void best_change(const RunSums<L>& sums, R weight, R& a, R& b) {
    const R none = L::all(0.0F);
    const R determinant = sums.code_code * weight - sums.code * sums.code;
    const auto is_regular = L::less(none, determinant);
    const R safe = L::pick(is_regular, determinant, L::all(1.0F));
    a = L::pick(is_regular, (sums.code_rest * weight - sums.code * sums.rest) / safe, none);
    b = (sums.rest - a * sums.code) / above_none<L>(weight);
}

inline float weight_of(const float* w, std::size_t count) {
    if (w == nullptr) return static_cast<float>(count);
    float sum = 0.0F;
    for (std::size_t i = 0; i < count; ++i) sum = sum + w[i];
    return sum;
}

/// Smallest and largest value of each lane.
template <typename L, typename R = typename L::Register>
inline void ends_of(const float* x, std::size_t count, R& low, R& high) {
    low = high = L::load(x);
    for (std::size_t i = 1; i < count; ++i) {
        low = L::least(low, L::load(x + i * kRows));
        high = L::largest(high, L::load(x + i * kRows));
    }
}

/// Steps that are tried: the whole range over most + first, most + first + step, ...
struct RangeCandidates {
    unsigned count;
    float first;
    float step;
};

/// Where a candidate's codes begin: with the smallest value, in the middle, end with the largest
/// value.
inline constexpr float kAnchors[3] = {0.0F, 0.5F, 1.0F};

/// A run's best step and offset as real numbers, and the mean of its codes: how much the offset
/// falls when the step grows and the codes stay.
template <typename L>
struct RunFit {
    typename L::Register step;
    typename L::Register offset;
    typename L::Register mean;
};

/// A search for the best fit: the one of least squares for the codes of one of the candidates. With
/// `kBelow` the offset is at most 0. Of a run without extent: step 0.
template <typename L, bool kWeighted, bool kBelow, typename R = typename L::Register>
inline RunFit<L> search_range(const float* x, const float* w, const RunShape& run,
                              const RangeCandidates& candidates) {
    const R none = L::all(0.0F);
    R low;
    R high;
    ends_of<L>(x, run.elements, low, high);
    if (kBelow) low = L::least(low, none);
    if (kBelow) high = L::largest(high, none);
    const R whole = high - low;
    const auto has_extent = L::less(L::all(0x1p-60F), whole);
    const R safe = L::pick(has_extent, whole, L::all(1.0F));
    const R weight = L::all(weight_of(w, run.elements));
    R least = L::all(std::numeric_limits<float>::infinity());
    RunFit<L> best = {safe / L::all(run.most), low, none};
    for (unsigned candidate = 0; candidate < candidates.count; ++candidate) {
        const float more = candidates.first + candidates.step * static_cast<float>(candidate);
        const R steps = L::all(run.most + more);
        const R step = safe / steps;
        const R start = low + L::all(kAnchors[candidate % 3]) * (safe - step * L::all(run.most));
        const R inverse = steps / safe;
        const RunSums<L> sums = more < 0.45F
                                    ? run_sums<L, kWeighted, true>(x, w, run, inverse, start)
                                    : run_sums<L, kWeighted>(x, w, run, inverse, start);
        R a;
        R b;
        best_change<L>(sums, weight, a, b);
        if (kBelow) {
            // An offset above 0 becomes 0, and the step that of least squares then.
            const R above = start + b * step;
            const auto is_above = L::less(none, above);
            const R zero_b = (none - start) / step;
            a = L::pick(is_above,
                        (sums.code_rest - zero_b * sums.code) / above_none<L>(sums.code_code), a);
            b = L::pick(is_above, zero_b, b);
        }
        const R noise = sums.noise(a, b, weight) * step * step;
        const auto better = L::less(noise, least);
        least = L::pick(better, noise, least);
        best.step = L::pick(better, step + a * step, best.step);
        best.offset = L::pick(better, start + b * step, best.offset);
        best.mean = L::pick(better, sums.code / above_none<L>(weight), best.mean);
    }
    best.step = L::pick(has_extent, best.step, none);
    best.offset = L::pick(has_extent, best.offset, low);
    return best;
}

}  // namespace
}  // namespace octet::kernels::ggml
