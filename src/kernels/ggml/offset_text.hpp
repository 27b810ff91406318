// Blocks of 32 whose values are d q + m: Q4_1 and Q5_1. The plain way is llama-quantize's own, to
// the byte. The search finds the best range as real numbers, then looks for the F16 numbers next to
// it: what least squares makes of the codes of the best pair so far is stored and tried in its
// turn.
#pragma once

#include "kernels/ggml/fit_text.hpp"

namespace octet::kernels::ggml {
namespace {

/// What makes a type of this family.
struct OffsetType {
    RunShape run;
    RangeCandidates candidates;
    unsigned refinements;
};

/// 16 blocks as numbers.
struct OffsetBlocks {
    alignas(64) float x[32 * kRows];
    alignas(64) float d[kRows];
    alignas(64) float m[kRows];
    alignas(64) float codes[32 * kRows];
};

template <typename L, bool kWeighted>
struct OffsetSearch {
    using R = typename L::Register;
    const float* x;
    const float* w;
    const OffsetType& type;
    R d;
    R m;
    R noise;

    /// Takes two F16 numbers if they are better.
    void offer(R step, R offset) {
        const R found = stored_noise<L, kWeighted>(x, w, type.run, step, offset);
        const auto better = L::less(found, noise);
        noise = L::pick(better, found, noise);
        d = L::pick(better, step, d);
        m = L::pick(better, offset, m);
    }

    /// Offers what a fit becomes when it is stored: the offset once more for the step as it is
    /// stored then.
    void offer_stored(const RunFit<L>& fit) {
        const R step = L::to_f16(fit.step);
        offer(step, L::to_f16(fit.offset));
        offer(step, L::to_f16(fit.offset - (step - fit.step) * fit.mean));
    }

    /// The fit of least squares for the codes of the best so far.
    RunFit<L> better_fit() const {
        const R weight = L::all(weight_of(w, type.run.elements));
        const auto sums = run_sums<L, kWeighted>(x, w, type.run, inverse_or_none<L>(d), m);
        R a;
        R b;
        best_change<L>(sums, weight, a, b);
        return {d + a * d, m + b * d, sums.code / above_none<L>(weight)};
    }

    void run(R plain_step, R plain_offset) {
        d = L::to_f16(plain_step);
        m = L::to_f16(plain_offset);
        noise = stored_noise<L, kWeighted>(x, w, type.run, d, m);
        offer_stored(search_range<L, kWeighted, false>(x, w, type.run, type.candidates));
        for (unsigned refinement = 0; refinement < type.refinements; ++refinement)
            offer_stored(better_fit());
    }
};

template <typename L, bool kWeighted>
inline void search_offset(const float* w, const OffsetType& type, OffsetBlocks& sixteen,
                          std::size_t lane) {
    using R = typename L::Register;
    const R none = L::all(0.0F);
    OffsetSearch<L, kWeighted> search = {sixteen.x + lane, w, type, none, none, none};
    search.run(L::load(sixteen.d + lane), L::load(sixteen.m + lane));
    L::store(search.d, sixteen.d + lane);
    L::store(search.m, sixteen.m + lane);
    const R inverse = inverse_or_none<L>(search.d);
    for (std::size_t i = 0; i < type.run.elements; ++i) {
        const R t = (L::load(sixteen.x + i * kRows + lane) - search.m) * inverse;
        L::store(code_of<L>(t, type.run.most), sixteen.codes + i * kRows + lane);
    }
}

/// llama-quantize's own: the ends of the values as they are, codes rounded half up.
template <typename L>
inline void plain_offset(const OffsetType& type, OffsetBlocks& sixteen, std::size_t lane) {
    using R = typename L::Register;
    R low;
    R high;
    ends_of<L>(sixteen.x + lane, type.run.elements, low, high);
    const R step = (high - low) / L::all(type.run.most);
    const R inverse = inverse_or_none<L>(step);
    L::store(step, sixteen.d + lane);
    L::store(low, sixteen.m + lane);
    for (std::size_t i = 0; i < type.run.elements; ++i) {
        const R t = (L::load(sixteen.x + i * kRows + lane) - low) * inverse;
        L::store(L::least(L::truncated(t + L::all(0.5F)), L::all(type.run.most)),
                 sixteen.codes + i * kRows + lane);
    }
}

template <typename L>
inline void encode_offset(const Blocks& blocks, const OffsetType& type, OffsetBlocks& sixteen) {
    L::transpose(blocks.rows, type.run.elements, sixteen.x);
    for (std::size_t lane = 0; lane < kRows; lane += L::kCount) {
        plain_offset<L>(type, sixteen, lane);
        if (!blocks.search) continue;
        if (blocks.weights != nullptr) {
            search_offset<L, true>(blocks.weights, type, sixteen, lane);
        } else {
            search_offset<L, false>(nullptr, type, sixteen, lane);
        }
    }
}

}  // namespace
}  // namespace octet::kernels::ggml
