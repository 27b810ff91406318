// How floats come into the 16 virtual lanes (kernels/lane_registers.hpp) and leave them.
#pragma once

#include <xsimd/xsimd.hpp>

#include "kernels/lane_registers.hpp"
#include "kernels/simd_registers.hpp"

namespace octet::kernels {
namespace {

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
