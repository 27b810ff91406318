// IQ2_XS: 256 elements; d (F16), 32 times an index of 9 bits and 7 signs for 8 elements, 16 scales
// of 4 bits for 16 elements; a value is d (0.5 + sc) / 4 times a level.
#include "quant/ggml/iq_grids.hpp"
#include "quant/ggml/loads.hpp"
#include "quant/ggml/type_rows.hpp"

namespace octet::ggml {

void decode_iq2_xs(const std::byte* bytes, std::uint64_t blocks, float* values) {
    for (; blocks != 0; --blocks, bytes += 74) {
        const float d = load_f16(bytes);
        for (std::size_t eight = 0; eight < 32; ++eight, values += 8) {
            const std::uint32_t scale =
                byte_at(bytes + 66, eight / 4) >> (4 * (eight / 2 % 2)) & 15U;
            const float step = d * (0.5F + static_cast<float>(scale)) * 0.25F;
            const std::uint32_t both = load<std::uint16_t>(bytes + 2 + 2 * eight);
            put_eight(kGridIQ2_XS[both & 511U], even_signs(both >> 9U), step, values);
        }
    }
}

}  // namespace octet::ggml
