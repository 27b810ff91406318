// IQ2_XXS: 256 elements; d (F16), then 8 bytes for each 32 elements: 4 indices of 8 elements, 4
// times 7 signs, a scale of 4 bits; a value is d (0.5 + sc) / 4 times a level.
#include "quant/ggml/iq_grids.hpp"
#include "quant/ggml/loads.hpp"
#include "quant/ggml/type_rows.hpp"

namespace octet::ggml {

void decode_iq2_xxs(const std::byte* bytes, std::uint64_t blocks, float* values) {
    for (; blocks != 0; --blocks, bytes += 66) {
        const float d = load_f16(bytes);
        for (const std::byte* run = bytes + 2; run != bytes + 66; run += 8) {
            const std::uint32_t signs = load<std::uint32_t>(run + 4);
            const float step = d * (0.5F + static_cast<float>(signs >> 28U)) * 0.25F;
            for (std::size_t l = 0; l < 4; ++l, values += 8) {
                put_eight(kGridIQ2_XXS[byte_at(run, l)], even_signs(signs >> (7 * l) & 127U), step,
                          values);
            }
        }
    }
}

}  // namespace octet::ggml
