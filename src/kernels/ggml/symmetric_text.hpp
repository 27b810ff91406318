// Blocks of 32 whose values are d q: Q8_0, Q5_0, Q4_0, and IQ4_NL, whose codes are levels of a
// table. The plain way is llama-quantize's own, to the byte, but of IQ4_NL. The search tries F16
// numbers d next to the one that reaches the largest magnitude with the code at either end, codes
// with each d as it is stored, and goes on from the best to the d of least squares. Errors are
// counted in steps of the first d, so they neither overflow nor vanish.
#pragma once

#include <type_traits>

#include "kernels/ggml/steps_text.hpp"

namespace octet::kernels::ggml {
namespace {

inline constexpr std::size_t kElements = 32;

/// What makes a type of this family. Candidates put the largest magnitude at an end's code, moved
/// toward 0 by `first`, `first` + `step`, ...; Q8_0, whose ends are alike, at one of them only.
/// Their number is even where the ends are alike.
template <typename Codes>
struct SymmetricType {
    Codes codes;
    unsigned candidates;
    float first;
    float step;
    unsigned refinements;  ///< by least squares
};

/// Codes that are whole numbers.
struct WholeCodes {
    float least;
    float most;

    template <typename L, typename R = typename L::Register>
    R nearest(R t) const {
        return L::least(L::largest(L::nearest(t), L::all(least)), L::all(most));
    }

    /// The same where no t is nearer to what is no code.
    template <typename L, typename R = typename L::Register>
    R nearest_inside(R t) const {
        return L::nearest(t);
    }
};

/// Sums of a column coded with reciprocal step `inverse`: r = x inverse - q, with weights.
template <typename L>
struct StepSums {
    typename L::Register noise;      ///< r^2
    typename L::Register code_rest;  ///< q r
    typename L::Register code_code;  ///< q^2
};

template <typename L, bool kWeighted, typename Codes, typename R = typename L::Register>
inline StepSums<L> step_sums(const float* x, const float* w, std::size_t count, R inverse,
                             const Codes& codes) {
    StepSums<L> sums = {L::all(0.0F), L::all(0.0F), L::all(0.0F)};
    for (std::size_t i = 0; i < count; ++i) {
        const R t = L::load(x + i * kRows) * inverse;
        const R q = codes.template nearest<L>(t);
        const R rest = t - q;
        R weighted_rest = rest;
        R weighted_code = q;
        if constexpr (kWeighted) {
            weighted_rest = rest * L::all(w[i]);
            weighted_code = q * L::all(w[i]);
        }
        sums.noise = sums.noise + rest * weighted_rest;
        sums.code_rest = sums.code_rest + q * weighted_rest;
        sums.code_code = sums.code_code + q * weighted_code;
    }
    return sums;
}

/// Sums of r^2 for two reciprocal steps at once; kInside: no value is beyond the codes.
template <typename L, bool kWeighted, bool kInside, typename Codes,
          typename R = typename L::Register>
inline void step_noises(const float* x, const float* w, std::size_t count, const R (&inverse)[2],
                        const Codes& codes, R (&noise)[2]) {
    for (R& sum : noise) sum = L::all(0.0F);
    for (std::size_t i = 0; i < count; ++i) {
        const R value = L::load(x + i * kRows);
        for (std::size_t k = 0; k < 2; ++k) {
            const R t = value * inverse[k];
            R rest;
            if constexpr (kInside) {
                rest = t - codes.template nearest_inside<L>(t);
            } else {
                rest = t - codes.template nearest<L>(t);
            }
            if constexpr (kWeighted) {
                noise[k] = noise[k] + rest * (rest * L::all(w[i]));
            } else {
                noise[k] = noise[k] + rest * rest;
            }
        }
    }
}

/// The search in some lanes of 16 blocks.
template <typename L, bool kWeighted, typename Codes>
struct SymmetricSearch {
    using R = typename L::Register;
    const float* x;
    const float* w;
    const SymmetricType<Codes>& type;
    R extreme;  ///< the value of the largest magnitude, with its sign
    R unit;     ///< the step that errors are counted in
    R noise;    ///< of the best
    R best;     ///< d

    /// Takes the first or second of two steps, F16 numbers and not 0, if it is better.
    void offer(const R (&d)[2]) {
        const R inverse[2] = {L::all(1.0F) / d[0], L::all(1.0F) / d[1]};
        const R reach =
            L::magnitude(extreme) * L::largest(L::magnitude(inverse[0]), L::magnitude(inverse[1]));
        R found[2];
        // Just below what would be rounded to the code after the last one.
        if (L::any(L::less(L::all(type.codes.most + 0.49F), reach))) {
            step_noises<L, kWeighted, false>(x, w, kElements, inverse, type.codes, found);
        } else {
            step_noises<L, kWeighted, true>(x, w, kElements, inverse, type.codes, found);
        }
        for (std::size_t k = 0; k < 2; ++k) {
            const R units = d[k] / unit;
            const R in_units = found[k] * units * units;
            const auto better = L::less(in_units, noise);
            noise = L::pick(better, in_units, noise);
            best = L::pick(better, d[k], best);
        }
    }

    /// The end's code of a candidate, as far inward as it is its turn.
    float candidate_code(unsigned candidate) const {
        const bool alike = type.codes.least == -type.codes.most;
        const unsigned turn = alike ? candidate : candidate / 2;
        const float inward = type.first + type.step * static_cast<float>(turn);
        return alike || candidate % 2 == 0 ? type.codes.least + inward : type.codes.most - inward;
    }

    /// The step of least squares for the codes of the best.
    R better_step() const {
        const auto sums = step_sums<L, kWeighted>(x, w, kElements, L::all(1.0F) / best, type.codes);
        return best + best * (sums.code_rest / above_none<L>(sums.code_code));
    }

    void run() {
        const R plain = stored_step<L>(extreme / L::all(type.codes.least));
        best = unit = plain;
        noise = L::all(std::numeric_limits<float>::infinity());
        const unsigned count =
            type.codes.least == -type.codes.most ? type.candidates : 2 * type.candidates;
        for (unsigned candidate = 0; candidate < count; candidate += 2) {
            offer({stored_step<L>(extreme / L::all(candidate_code(candidate))),
                   stored_step<L>(extreme / L::all(candidate_code(candidate + 1)))});
        }
        offer({plain, stored_step<L>(better_step())});
        for (unsigned refinement = 1; refinement < type.refinements; ++refinement) {
            const R wish = better_step();
            offer({stored_step<L>(wish), stored_step<L>(wish * L::all(1.0F + 0x1p-11F))});
        }
    }
};

/// 16 blocks as steps and codes.
struct SymmetricBlocks {
    alignas(64) float x[kElements * kRows];
    alignas(64) float d[kRows];
    alignas(64) float codes[kElements * kRows];
};

/// The best steps that the search finds, and the codes next to the values.
template <typename L, bool kWeighted, typename Codes>
inline void search_symmetric(const float* w, const SymmetricType<Codes>& type,
                             SymmetricBlocks& sixteen) {
    using R = typename L::Register;
    for (std::size_t lane = 0; lane < kRows; lane += L::kCount) {
        const float* const x = sixteen.x + lane;
        const R extreme = extreme_of<L>(x, kElements);
        const R none = L::all(0.0F);
        SymmetricSearch<L, kWeighted, Codes> search = {x, w, type, extreme, none, none, none};
        search.run();
        // Smaller than half of the smallest step of F16: nothing can be stored.
        const auto is_something = L::less(L::all(0x1p-25F), L::magnitude(extreme));
        const R inverse = L::pick(is_something, L::all(1.0F) / search.best, none);
        L::store(L::pick(is_something, search.best, none), sixteen.d + lane);
        for (std::size_t i = 0; i < kElements; ++i) {
            L::store(type.codes.template nearest<L>(L::load(x + i * kRows) * inverse),
                     sixteen.codes + i * kRows + lane);
        }
    }
}

/// Of a type whose plain way is its own.
struct NoPlain {};

/// Steps and codes of 16 blocks; `plain`: the end's code of llama-quantize, and its code of a value
/// in steps, which are not rounded yet.
template <typename L, typename Codes, typename Plain>
inline void encode_symmetric(const Blocks& blocks, const SymmetricType<Codes>& type,
                             SymmetricBlocks& sixteen, [[maybe_unused]] Plain plain) {
    using R [[maybe_unused]] = typename L::Register;
    L::transpose(blocks.rows, kElements, sixteen.x);
    if (blocks.search && blocks.weights != nullptr)
        return search_symmetric<L, true>(blocks.weights, type, sixteen);
    if (blocks.search) return search_symmetric<L, false>(nullptr, type, sixteen);
    if constexpr (!std::is_same_v<Plain, NoPlain>) {
        for (std::size_t lane = 0; lane < kRows; lane += L::kCount) {
            const R d = extreme_of<L>(sixteen.x + lane, kElements) / L::all(plain.end);
            const R inverse = inverse_or_none<L>(d);
            L::store(d, sixteen.d + lane);
            for (std::size_t i = 0; i < kElements; ++i) {
                L::store(plain.template code<L>(L::load(sixteen.x + i * kRows + lane) * inverse),
                         sixteen.codes + i * kRows + lane);
            }
        }
    }
}

}  // namespace
}  // namespace octet::kernels::ggml
