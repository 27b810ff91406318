// Which loops of this folder this processor can run: as kernels/dispatch.cpp.
#include "kernels/ggml/blocks.hpp"
#include "kernels/ggml/tables.hpp"

namespace octet::kernels::ggml {

const Loops* loops_for(Isa isa) noexcept {
    if (kernels_for(isa) == nullptr) return nullptr;
    switch (isa) {
        case Isa::kScalar:
            return &kScalarLoops;
#if defined(OCTET_HAVE_SSE2)
        case Isa::kSse2:
            return &kSse2Loops;
#endif
#if defined(OCTET_HAVE_AVX2)
        case Isa::kAvx2:
            return &kAvx2Loops;
#endif
#if defined(OCTET_HAVE_AVX512)
        case Isa::kAvx512:
            return &kAvx512Loops;
#endif
#if defined(OCTET_HAVE_NEON64)
        case Isa::kNeon64:
            return &kNeon64Loops;
#endif
        default:
            return nullptr;
    }
}

}  // namespace octet::kernels::ggml
