// IQ3_XXS: 256 elements; d (F16), 64 indices of 4 elements, then for each 32 elements 4 times 7
// signs and a scale of 4 bits; a value is d (0.5 + sc) / 2 times a level.
#include "quant/ggml/iq_grids.hpp"
#include "quant/ggml/loads.hpp"
#include "quant/ggml/type_rows.hpp"

namespace octet::ggml {

void decode_iq3_xxs(const std::byte* bytes, std::uint64_t blocks, float* values) {
    for (; blocks != 0; --blocks, bytes += 98) {
        const float d = load_f16(bytes);
        for (std::size_t eight = 0; eight < 32; ++eight, values += 8) {
            const std::uint32_t both = load<std::uint32_t>(bytes + 66 + 4 * (eight / 4));
            const float step = d * (0.5F + static_cast<float>(both >> 28U)) * 0.5F;
            const std::uint32_t signs = even_signs(both >> (7 * (eight % 4)) & 127U);
            put_four(kGridIQ3_XXS[byte_at(bytes + 2, 2 * eight)], kLevelsIQ3_XXS, signs, step,
                     values);
            put_four(kGridIQ3_XXS[byte_at(bytes + 2, 2 * eight + 1)], kLevelsIQ3_XXS, signs >> 4U,
                     step, values + 4);
        }
    }
}

}  // namespace octet::ggml
