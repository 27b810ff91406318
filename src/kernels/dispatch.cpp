// Which loops this processor can run. The compiler's own detection is used because it also asks
// whether the operating system saves the wide registers; xsimd 8.1's does not (docs/design.md).
#include "kernels/kernels.hpp"
#include "kernels/tables.hpp"

namespace octet::kernels {

const char* isa_name(Isa isa) noexcept {
    switch (isa) {
        case Isa::kScalar:
            return "scalar";
        case Isa::kSse2:
            return "sse2";
        case Isa::kAvx2:
            return "avx2";
        case Isa::kAvx512:
            return "avx512";
        case Isa::kNeon64:
            return "neon64";
    }
    return "";
}

const Kernels* kernels_for(Isa isa) noexcept {
    switch (isa) {
        case Isa::kScalar:
            return &kScalarKernels;
#if defined(OCTET_HAVE_SSE2)
        case Isa::kSse2:
            return __builtin_cpu_supports("sse2") ? &kSse2Kernels : nullptr;
#endif
#if defined(OCTET_HAVE_AVX2)
        case Isa::kAvx2:
            return __builtin_cpu_supports("avx2") ? &kAvx2Kernels : nullptr;
#endif
#if defined(OCTET_HAVE_AVX512)
        case Isa::kAvx512:
            return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                           __builtin_cpu_supports("avx512dq")
                       ? &kAvx512Kernels
                       : nullptr;
#endif
#if defined(OCTET_HAVE_NEON64)
        case Isa::kNeon64:
            return &kNeon64Kernels;
#endif
        default:
            return nullptr;
    }
}

}  // namespace octet::kernels
