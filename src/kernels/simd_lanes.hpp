// The 16 virtual lanes as registers of the instruction set that is being compiled (`Arch`).
#pragma once

#include <xsimd/xsimd.hpp>

#include "kernels/scalar_text.hpp"
#include "kernels/simd_registers.hpp"

namespace octet::kernels {
namespace {

using Floats = xsimd::batch<float, Arch>;
using Ints = xsimd::batch<std::int32_t, Arch>;

constexpr std::size_t kWidth = Floats::size;
constexpr std::size_t kParts = kLanes / kWidth;
static_assert(kLanes % kWidth == 0, "registers must divide the 16 virtual lanes");

inline Floats load_floats(const void* values, std::size_t index) {
    return Floats::load_unaligned(
        reinterpret_cast<const float*>(static_cast<const unsigned char*>(values) + index * sizeof(float)));
}

/// The same for values that are used more than once: GCC would read misaligned ones from memory each time, at half the speed.
inline Floats load_once(const void* values, std::size_t index) {
    Floats x = load_floats(values, index);
#if defined(OCTET_ARCH_AVX512)
    __asm__("" : "+v"(x.data));
#elif defined(OCTET_ARCH_AVX2) || defined(OCTET_ARCH_SSE2)
    __asm__("" : "+x"(x.data));
#endif
    return x;
}

inline void store_floats(const Floats& values, void* out, std::size_t index) {
    values.store_unaligned(reinterpret_cast<float*>(static_cast<unsigned char*>(out) + index * sizeof(float)));
}

}  // namespace
}  // namespace octet::kernels
