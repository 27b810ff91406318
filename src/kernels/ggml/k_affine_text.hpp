// Superblocks of 256 whose values are d sc q - dmin m: Q4_K, Q5_K, Q2_K. First each run gets the
// best step and offset as real numbers; the largest of them make d and dmin. Then, in rounds, each
// run tries scales next to its own, each with the minimum that its codes want, all coded anew with
// what would be stored; and all runs together find the d and dmin of least squares for their codes.
#pragma once

#include "kernels/ggml/fit_text.hpp"

namespace octet::kernels::ggml {
namespace {

/// What makes a type of this family.
struct KAffineType {
    std::size_t runs;
    RunShape run;
    float most_state;  ///< of scales and minima
    RangeCandidates candidates;
    unsigned rounds;
    int reaches[3];  ///< scales tried at either side in each round
};

/// 16 superblocks as numbers.
struct KAffineBlocks {
    alignas(64) float x[256 * kRows];
    alignas(64) float d[kRows];
    alignas(64) float dmin[kRows];
    alignas(64) float scales[16 * kRows];
    alignas(64) float minima[16 * kRows];
    alignas(64) float codes[256 * kRows];
};

/// What is stored of a superblock but its codes, and the noise that it has then.
template <typename L, std::size_t kRuns>
struct KAffineState {
    typename L::Register d;
    typename L::Register dmin;
    typename L::Register scale[kRuns];
    typename L::Register minimum[kRuns];
    typename L::Register noise;
};

template <typename L, bool kWeighted, const KAffineType& kType>
struct KAffineSearch {
    using R = typename L::Register;
    using State = KAffineState<L, kType.runs>;
    static constexpr std::size_t kRuns = kType.runs;
    const float* x;
    const float* w;
    State now;
    RunFit<L> wish[kRuns];

    const float* values_of(std::size_t run) const { return x + run * kType.run.elements * kRows; }
    const float* weights_of(std::size_t run) const {
        return kWeighted ? w + run * kType.run.elements : nullptr;
    }
    R step_of(std::size_t run) const { return now.d * now.scale[run]; }
    R offset_of(std::size_t run) const { return L::all(0.0F) - now.dmin * now.minimum[run]; }

    static R whole_state(R state) {
        return L::least(L::largest(L::nearest(state), L::all(0.0F)), L::all(kType.most_state));
    }

    /// d and dmin from the largest of the wishes, and the whole numbers next to these.
    void begin() {
        const R none = L::all(0.0F);
        R largest_step = none;
        R least_offset = none;
        for (std::size_t run = 0; run < kRuns; ++run) {
            largest_step = L::largest(largest_step, wish[run].step);
            least_offset = L::least(least_offset, wish[run].offset);
        }
        now.d = L::to_f16(largest_step / L::all(kType.most_state));
        now.dmin = L::to_f16((none - least_offset) / L::all(kType.most_state));
        for (std::size_t run = 0; run < kRuns; ++run) {
            now.scale[run] = whole_state(wish[run].step * inverse_or_none<L>(now.d));
            now.minimum[run] =
                whole_state((none - wish[run].offset) * inverse_or_none<L>(now.dmin));
        }
    }

    /// From the ends of the values.
    void plain() {
        for (std::size_t run = 0; run < kRuns; ++run) {
            R low;
            R high;
            ends_of<L>(values_of(run), kType.run.elements, low, high);
            low = L::least(low, L::all(0.0F));
            wish[run] = {(L::largest(high, low) - low) / L::all(kType.run.most), low, L::all(0.0F)};
        }
        begin();
        now.noise = L::all(0.0F);
        for (std::size_t run = 0; run < kRuns; ++run) now.noise = now.noise + noise_of(run);
    }

    /// Of a run as it is stored now; also without a step.
    R noise_of(std::size_t run) const {
        return stored_noise<L, kWeighted>(values_of(run), weights_of(run), kType.run, step_of(run),
                                          offset_of(run));
    }

    /// The best scale and minimum of a run for d and dmin as they are: scales next to its own, with
    /// the minima next to the one that the codes want then. Returns its noise.
    R improve_run(std::size_t run, int reach) {
        const R none = L::all(0.0F);
        const R middle = now.scale[run];
        const R inverse_dmin = inverse_or_none<L>(now.dmin);
        R least = L::all(std::numeric_limits<float>::infinity());
        const auto has_no_step = L::less(middle, L::all(0.5F));
        if (L::any(has_no_step)) least = L::pick(has_no_step, noise_of(run), least);
        for (int away = -reach; away <= reach; ++away) {
            const R sc = whole_state(middle + L::all(static_cast<float>(away)));
            const R step = now.d * sc;
            const R inverse = inverse_or_none<L>(step);
            const R m =
                ((step - wish[run].step) * wish[run].mean - wish[run].offset) * inverse_dmin;
            R tried[3];
            R added[3];
            R noise[3];
            for (std::size_t k = 0; k < 3; ++k) {
                tried[k] = whole_state(m + L::all(static_cast<float>(k) - 1.0F));
                added[k] = now.dmin * tried[k] * inverse;
            }
            run_noises<L, kWeighted>(values_of(run), weights_of(run), kType.run, inverse, added,
                                     noise);
            for (std::size_t k = 0; k < 3; ++k) {
                const R found = noise[k] * step * step;
                const auto better = L::both(L::less(found, least), L::less(none, step));
                least = L::pick(better, found, least);
                now.scale[run] = L::pick(better, sc, now.scale[run]);
                now.minimum[run] = L::pick(better, tried[k], now.minimum[run]);
            }
        }
        return least;
    }

    /// d and dmin of least squares for all codes, and new wishes of the runs.
    void improve_steps() {
        const R none = L::all(0.0F);
        R aa = none;
        R ab = none;
        R bb = none;
        R ax = none;
        R bx = none;
        for (std::size_t run = 0; run < kRuns; ++run) {
            const R weight = L::all(weight_of(weights_of(run), kType.run.elements));
            const R step = step_of(run);
            const auto sums = run_sums<L, kWeighted>(values_of(run), weights_of(run), kType.run,
                                                     inverse_or_none<L>(step), offset_of(run));
            R a;
            R b;
            best_change<L>(sums, weight, a, b);
            wish[run] = {step + a * step, offset_of(run) + b * step,
                         sums.code / above_none<L>(weight)};
            const R sc = now.scale[run];
            const R m = now.minimum[run];
            aa = aa + sc * sc * sums.code_code;
            ab = ab + sc * m * sums.code;
            bb = bb + m * m * weight;
            ax = ax + sc * sums.code_rest * step;
            bx = bx + m * sums.rest * step;
        }
        // x = d a - dmin b + rest, and the rest is to be change_d a - change_dmin b.
        const R determinant = aa * bb - ab * ab;
        const auto regular = L::less(none, determinant);
        const R safe = L::pick(regular, determinant, L::all(1.0F));
        const R change_d = L::pick(regular, (ax * bb - bx * ab) / safe, none);
        const R change_dmin = L::pick(regular, (ax * ab - bx * aa) / safe, none);
        now.d = L::to_f16(L::largest(now.d + change_d, none));
        now.dmin = L::to_f16(L::largest(now.dmin + change_dmin, none));
    }

    void search() {
        for (std::size_t run = 0; run < kRuns; ++run) {
            wish[run] = search_range<L, kWeighted, true>(values_of(run), weights_of(run), kType.run,
                                                         kType.candidates);
        }
        begin();
        for (unsigned round = 0; round < kType.rounds; ++round) {
            if (round != 0) improve_steps();
            now.noise = L::all(0.0F);
            for (std::size_t run = 0; run < kRuns; ++run) {
                now.noise = now.noise + improve_run(run, kType.reaches[round]);
            }
        }
    }

    /// Goes back to an earlier state where that is better.
    void take_back(const State& before) {
        const auto better = L::less(before.noise, now.noise);
        now.d = L::pick(better, before.d, now.d);
        now.dmin = L::pick(better, before.dmin, now.dmin);
        for (std::size_t run = 0; run < kRuns; ++run) {
            now.scale[run] = L::pick(better, before.scale[run], now.scale[run]);
            now.minimum[run] = L::pick(better, before.minimum[run], now.minimum[run]);
        }
    }

    void put(KAffineBlocks& out, std::size_t lane) const {
        L::store(now.d, out.d + lane);
        L::store(now.dmin, out.dmin + lane);
        for (std::size_t run = 0; run < kRuns; ++run) {
            L::store(now.scale[run], out.scales + run * kRows + lane);
            L::store(now.minimum[run], out.minima + run * kRows + lane);
            const R inverse = inverse_or_none<L>(step_of(run));
            for (std::size_t i = 0; i < kType.run.elements; ++i) {
                const R t = (L::load(values_of(run) + i * kRows) - offset_of(run)) * inverse;
                L::store(code_of<L>(t, kType.run.most),
                         out.codes + (run * kType.run.elements + i) * kRows + lane);
            }
        }
    }
};

template <typename L, const KAffineType& kType, bool kWeighted>
inline void encode_k_affine_lanes(const Blocks& blocks, KAffineBlocks& out, std::size_t lane) {
    KAffineSearch<L, kWeighted, kType> search;
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

template <typename L, const KAffineType& kType>
inline void encode_k_affine(const Blocks& blocks, KAffineBlocks& out) {
    L::transpose(blocks.rows, 256, out.x);
    for (std::size_t lane = 0; lane < kRows; lane += L::kCount) {
        if (blocks.weights != nullptr) {
            encode_k_affine_lanes<L, kType, true>(blocks, out, lane);
        } else {
            encode_k_affine_lanes<L, kType, false>(blocks, out, lane);
        }
    }
}

/// 8 scales and 8 minima of 6 bits in 12 bytes (see quant/ggml/k_scales.hpp).
inline void put_k_scales(const Sixteen* scales, const Sixteen* minima, Sixteen* bytes) {
    for (std::size_t run = 0; run < 4; ++run) {
        for (std::size_t lane = 0; lane < kRows; ++lane) {
            const unsigned s = scales[run][lane];
            const unsigned m = minima[run][lane];
            const unsigned s4 = scales[run + 4][lane];
            const unsigned m4 = minima[run + 4][lane];
            bytes[run][lane] = static_cast<unsigned char>(s | s4 >> 4U << 6U);
            bytes[run + 4][lane] = static_cast<unsigned char>(m | m4 >> 4U << 6U);
            bytes[run + 8][lane] = static_cast<unsigned char>((s4 & 15U) | (m4 & 15U) << 4U);
        }
    }
}

}  // namespace
}  // namespace octet::kernels::ggml
