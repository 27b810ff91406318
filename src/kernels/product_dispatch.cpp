// Which loops of products.hpp this processor can run: as dispatch.cpp, and AVX2 only together with
// FMA.
#include "kernels/product_tables.hpp"
#include "kernels/products.hpp"

namespace octet::kernels {

const Products* products_for(Isa isa) noexcept {
    if (kernels_for(isa) == nullptr) return nullptr;
    switch (isa) {
        case Isa::kScalar:
            return &kScalarProducts;
#if defined(OCTET_HAVE_SSE2)
        case Isa::kSse2:
            return &kSse2Products;
#endif
#if defined(OCTET_HAVE_AVX2)
        case Isa::kAvx2:
            return __builtin_cpu_supports("fma") ? &kAvx2Products : nullptr;
#endif
#if defined(OCTET_HAVE_AVX512)
        case Isa::kAvx512:
            return &kAvx512Products;
#endif
#if defined(OCTET_HAVE_NEON64)
        case Isa::kNeon64:
            return &kNeon64Products;
#endif
        default:
            return nullptr;
    }
}

}  // namespace octet::kernels
