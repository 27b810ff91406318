// IQ2_S: 256 elements; d (F16), low bytes of 32 indices of 8 elements, 32 bytes of signs, bits 8
// and 9 of the indices, 16 scales of 4 bits; a value is d (0.5 + sc) / 4 times a level.
#include "quant/ggml/iq_grids.hpp"
#include "quant/ggml/loads.hpp"
#include "quant/ggml/type_rows.hpp"

namespace octet::ggml {

void decode_iq2_s(const std::byte* bytes, std::uint64_t blocks, float* values) {
    for (; blocks != 0; --blocks, bytes += 82) {
        const float d = load_f16(bytes);
        for (std::size_t eight = 0; eight < 32; ++eight, values += 8) {
            const std::uint32_t scale =
                byte_at(bytes + 74, eight / 4) >> (4 * (eight / 2 % 2)) & 15U;
            const float step = d * (0.5F + static_cast<float>(scale)) * 0.25F;
            const std::uint32_t high = byte_at(bytes + 66, eight / 4) >> (2 * (eight % 4)) & 3U;
            const std::uint32_t index = byte_at(bytes + 2, eight) | high << 8U;
            put_eight(kGridIQ2_S[index], byte_at(bytes + 34, eight), step, values);
        }
    }
}

}  // namespace octet::ggml
