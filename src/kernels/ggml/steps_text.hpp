// Steps of blocks: as they are stored, and divisions that are safe where there is nothing to divide
// by.
#pragma once

#include <limits>

#include "kernels/ggml/block_bytes.hpp"

namespace octet::kernels::ggml {
namespace {

/// `d` as it is stored, but never 0, which has no reciprocal.
template <typename L, typename R = typename L::Register>
inline R stored_step(R d) {
    const R half = L::to_f16(d);
    return L::pick(L::less(L::all(0.0F), L::magnitude(half)), half, L::all(0x1p-24F));
}

/// 1 / d, or 0 where d is 0 or nearly.
template <typename L, typename R = typename L::Register>
inline R inverse_or_none(R d) {
    const auto regular = L::less(L::all(0x1p-126F), L::magnitude(d));
    return L::pick(regular, L::all(1.0F) / L::pick(regular, d, L::all(1.0F)), L::all(0.0F));
}

/// What is above 0 as it is, else 1: a divisor.
template <typename L, typename R = typename L::Register>
inline R above_none(R divisor) {
    return L::pick(L::less(L::all(0.0F), divisor), divisor, L::all(1.0F));
}

/// The value of the largest magnitude of each lane, the first of several, with its sign.
template <typename L, typename R = typename L::Register>
inline R extreme_of(const float* x, std::size_t count) {
    R extreme = L::all(0.0F);
    R largest = L::all(0.0F);
    for (std::size_t i = 0; i < count; ++i) {
        const R value = L::load(x + i * kRows);
        const auto larger = L::less(largest, L::magnitude(value));
        largest = L::pick(larger, L::magnitude(value), largest);
        extreme = L::pick(larger, value, extreme);
    }
    return extreme;
}

}  // namespace
}  // namespace octet::kernels::ggml
