// How floats come into the 16 virtual lanes (kernels/lane_registers.hpp) and leave them.
#pragma once

#include <xsimd/xsimd.hpp>

#include "kernels/lane_registers.hpp"
#include "kernels/simd_registers.hpp"

namespace octet::kernels {
namespace {

inline Floats load_floats(const void* values, std::size_t index) {
    return Floats::load_unaligned(reinterpret_cast<const float*>(
        static_cast<const unsigned char*>(values) + index * sizeof(float)));
}

/// Makes the compiler have `x` in a register here, whatever it knows about it.
inline void pin(Floats& x) {
#if defined(OCTET_ARCH_AVX512)
    __asm__("" : "+v"(x.data));
#elif defined(OCTET_ARCH_AVX2) || defined(OCTET_ARCH_SSE2)
    __asm__("" : "+x"(x.data));
#else
    static_cast<void>(x);
#endif
}

/// The same for values that are used more than once: GCC would read misaligned ones from memory
/// each time, at half the speed.
inline Floats load_once(const void* values, std::size_t index) {
    Floats x = load_floats(values, index);
    pin(x);
    return x;
}

/// Bytes of 16 floats, and of a stripe of XXH3.
constexpr std::size_t kStripeBytes = kLanes * sizeof(float);

/// Lives in registers: compilers see that what is stored is loaded again as it was.
struct Stripe {
    alignas(64) unsigned char bytes[kStripeBytes];
};

/// Reads 64 bytes once, wherever they lie.
inline Stripe read_stripe(const unsigned char* data) {
    Stripe stripe;
    for (std::size_t part = 0; part < kParts; ++part)
        load_once(data, part * kWidth)
            .store_aligned(reinterpret_cast<float*>(stripe.bytes) + part * kWidth);
    return stripe;
}

}  // namespace
}  // namespace octet::kernels
