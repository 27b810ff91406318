// Superblocks of 256 in 16 runs whose values are d sc q, sc and q with signs: Q6_K and Q3_K. First
// each run gets the best step as a real number; the largest of them makes d. Then, in rounds, each
// run tries scales next to its own, coded anew, and all runs together find the d of least squares.
#pragma once

#include "kernels/ggml/symmetric_text.hpp"

namespace octet::kernels::ggml {
namespace {

inline constexpr std::size_t kKRuns = 16;
inline constexpr std::size_t kKRunElements = 16;

/// What makes a type of this family. Candidates put a run's largest magnitude at an end's code,
/// moved toward 0 by `first`, `first` + `step`, ...
struct KSymmetricType {
    WholeCodes codes;
    float least_scale;
    float most_scale;
    unsigned candidates;
    float first;
    float step;
    unsigned rounds;
    int reaches[4];  ///< scales tried at either side in each round
};

/// 16 superblocks as numbers.
struct KSymmetricBlocks {
    alignas(64) float x[256 * kRows];
    alignas(64) float d[kRows];
    alignas(64) float scales[kKRuns * kRows];
    alignas(64) float codes[256 * kRows];
};

/// What is stored of a superblock but its codes, and the noise that it has then.
template <typename L>
struct KSymmetricState {
    typename L::Register d;
    typename L::Register scale[kKRuns];
    typename L::Register noise;
};

template <typename L, bool kWeighted, const KSymmetricType& kType>
struct KSymmetricSearch {
    using R = typename L::Register;
    const float* x;
    const float* w;
    KSymmetricState<L> now;
    R wish[kKRuns];

    const float* values_of(std::size_t run) const { return x + run * kKRunElements * kRows; }
    const float* weights_of(std::size_t run) const {
        return kWeighted ? w + run * kKRunElements : nullptr;
    }

    static R whole_scale(R scale) {
        return L::least(L::largest(L::nearest(scale), L::all(kType.least_scale)),
                        L::all(kType.most_scale));
    }

    static R code_of(R t) { return kType.codes.template nearest<L>(t); }

    /// Sums of squared rests for two steps, in steps.
    void noises_of(std::size_t run, const R (&inverse)[2], R (&noise)[2]) const {
        step_noises<L, kWeighted, false>(values_of(run), weights_of(run), kKRunElements, inverse,
                                         kType.codes, noise);
    }

    /// The best step of a run as a real number: the one of least squares for the codes of a
    /// candidate.
    R search_step(std::size_t run) const {
        const R extreme = extreme_of<L>(values_of(run), kKRunElements);
        const R inverse = inverse_or_none<L>(extreme);
        R least = L::all(std::numeric_limits<float>::infinity());
        R best = L::all(kType.codes.least);
        for (unsigned candidate = 0; candidate < kType.candidates; ++candidate) {
            const float inward = kType.first + kType.step * static_cast<float>(candidate);
            const float codes[2] = {kType.codes.least + inward, kType.codes.most - inward};
            R noise[2];
            noises_of(run, {inverse * L::all(codes[0]), inverse * L::all(codes[1])}, noise);
            for (std::size_t k = 0; k < 2; ++k) {
                const R found = noise[k] * L::all(1.0F / (codes[k] * codes[k]));
                const auto better = L::less(found, least);
                least = L::pick(better, found, least);
                best = L::pick(better, L::all(codes[k]), best);
            }
        }
        const auto sums = step_sums<L, kWeighted>(values_of(run), weights_of(run), kKRunElements,
                                                  inverse * best, kType.codes);
        const R step = extreme / best;
        return step + step * (sums.code_rest / above_none<L>(sums.code_code));
    }

    /// d from the largest of the wishes, and the whole numbers next to these.
    void begin() {
        R largest = L::all(0.0F);
        for (std::size_t run = 0; run < kKRuns; ++run) {
            const auto larger = L::less(L::magnitude(largest), L::magnitude(wish[run]));
            largest = L::pick(larger, wish[run], largest);
        }
        now.d = L::to_f16(largest / L::all(kType.least_scale));
        const R inverse = inverse_or_none<L>(now.d);
        for (std::size_t run = 0; run < kKRuns; ++run)
            now.scale[run] = whole_scale(wish[run] * inverse);
    }

    /// From the largest magnitudes.
    void plain() {
        for (std::size_t run = 0; run < kKRuns; ++run) {
            wish[run] = extreme_of<L>(values_of(run), kKRunElements) / L::all(kType.codes.least);
        }
        begin();
        now.noise = L::all(0.0F);
        for (std::size_t run = 0; run < kKRuns; ++run)
            now.noise = now.noise + noise_of(run, now.d * now.scale[run]);
    }

    /// The sum of squared errors of a run with that step, which may be 0.
    R noise_of(std::size_t run, R step) const {
        const R inverse = inverse_or_none<L>(step);
        const float* const values = values_of(run);
        R noise = L::all(0.0F);
        for (std::size_t i = 0; i < kKRunElements; ++i) {
            const R value = L::load(values + i * kRows);
            const R rest = value - code_of(value * inverse) * step;
            if constexpr (kWeighted) {
                noise = noise + rest * (rest * L::all(weights_of(run)[i]));
            } else {
                noise = noise + rest * rest;
            }
        }
        return noise;
    }

    /// The best scale of a run for d as it is, two at a time. Returns its noise.
    R improve_run(std::size_t run, int reach) {
        const R none = L::all(0.0F);
        const R middle = now.scale[run];
        R least = L::all(std::numeric_limits<float>::infinity());
        const auto has_no_step = L::less(L::magnitude(now.d * middle), L::all(0x1p-126F));
        if (L::any(has_no_step)) least = L::pick(has_no_step, noise_of(run, now.d * middle), least);
        for (int away = -reach; away <= reach; away += 2) {
            R scale[2];
            R inverse[2];
            R noise[2];
            for (int k = 0; k < 2; ++k) {
                scale[k] = whole_scale(middle + L::all(static_cast<float>(away + k)));
                inverse[k] = inverse_or_none<L>(now.d * scale[k]);
            }
            noises_of(run, inverse, noise);
            for (int k = 0; k < 2; ++k) {
                const R step = now.d * scale[k];
                const R found = noise[k] * step * step;
                const auto better =
                    L::both(L::less(found, least), L::less(none, L::magnitude(inverse[k])));
                least = L::pick(better, found, least);
                now.scale[run] = L::pick(better, scale[k], now.scale[run]);
            }
        }
        return least;
    }

    /// d of least squares for all codes.
    void improve_step() {
        R code_code = L::all(0.0F);
        R code_rest = L::all(0.0F);
        for (std::size_t run = 0; run < kKRuns; ++run) {
            const R step = now.d * now.scale[run];
            const auto sums =
                step_sums<L, kWeighted>(values_of(run), weights_of(run), kKRunElements,
                                        inverse_or_none<L>(step), kType.codes);
            code_code = code_code + now.scale[run] * now.scale[run] * sums.code_code;
            code_rest = code_rest + now.scale[run] * sums.code_rest * step;
        }
        const R better = L::to_f16(now.d + code_rest / above_none<L>(code_code));
        now.d = L::pick(L::less(L::all(0.0F), L::magnitude(better)), better, now.d);
    }

    void search() {
        for (std::size_t run = 0; run < kKRuns; ++run) wish[run] = search_step(run);
        begin();
        for (unsigned round = 0; round < kType.rounds; ++round) {
            if (round != 0) improve_step();
            now.noise = L::all(0.0F);
            for (std::size_t run = 0; run < kKRuns; ++run) {
                now.noise = now.noise + improve_run(run, kType.reaches[round]);
            }
        }
    }

    /// Goes back to an earlier state where that is better.
    void take_back(const KSymmetricState<L>& before) {
        const auto better = L::less(before.noise, now.noise);
        now.d = L::pick(better, before.d, now.d);
        for (std::size_t run = 0; run < kKRuns; ++run) {
            now.scale[run] = L::pick(better, before.scale[run], now.scale[run]);
        }
    }

    void put(KSymmetricBlocks& out, std::size_t lane) const {
        L::store(now.d, out.d + lane);
        for (std::size_t run = 0; run < kKRuns; ++run) {
            L::store(now.scale[run], out.scales + run * kRows + lane);
            const R inverse = inverse_or_none<L>(now.d * now.scale[run]);
            for (std::size_t i = 0; i < kKRunElements; ++i) {
                const R t = L::load(values_of(run) + i * kRows) * inverse;
                L::store(code_of(t), out.codes + (run * kKRunElements + i) * kRows + lane);
            }
        }
    }
};

template <typename L, const KSymmetricType& kType, bool kWeighted>
inline void encode_k_symmetric_lanes(const Blocks& blocks, KSymmetricBlocks& out,
                                     std::size_t lane) {
    KSymmetricSearch<L, kWeighted, kType> search;
    search.x = out.x + lane;
    search.w = blocks.weights;
    search.plain();
    if (blocks.search) {
        const auto plain = search.now;
        search.search();
        search.take_back(plain);
    }
    search.put(out, lane);
}

template <typename L, const KSymmetricType& kType>
inline void encode_k_symmetric(const Blocks& blocks, KSymmetricBlocks& out) {
    L::transpose(blocks.rows, 256, out.x);
    for (std::size_t lane = 0; lane < kRows; lane += L::kCount) {
        if (blocks.weights != nullptr) {
            encode_k_symmetric_lanes<L, kType, true>(blocks, out, lane);
        } else {
            encode_k_symmetric_lanes<L, kType, false>(blocks, out, lane);
        }
    }
}

}  // namespace
}  // namespace octet::kernels::ggml
