// IQ3_S: 256 elements; d (F16), low bytes of 64 indices of 4 elements, their bits 8, 32 bytes of
// signs, 8 scales of 4 bits for 32 elements; a value is d (1 + 2 sc) times a level.
#include "quant/ggml/iq_grids.hpp"
#include "quant/ggml/loads.hpp"
#include "quant/ggml/type_rows.hpp"

namespace octet::ggml {

void decode_iq3_s(const std::byte* bytes, std::uint64_t blocks, float* values) {
    for (; blocks != 0; --blocks, bytes += 110) {
        const float d = load_f16(bytes);
        for (std::size_t four = 0; four < 64; ++four, values += 4) {
            const std::uint32_t scale =
                byte_at(bytes + 106, four / 16) >> (4 * (four / 8 % 2)) & 15U;
            const float step = d * static_cast<float>(1U + 2U * scale);
            const std::uint32_t high = byte_at(bytes + 66, four / 8) >> (four % 8) & 1U;
            const std::uint32_t signs = byte_at(bytes + 74, four / 2) >> (4 * (four % 2));
            put_four(kGridIQ3_S[byte_at(bytes + 2, four) | high << 8U], kLevelsIQ3_S, signs, step,
                     values);
        }
    }
}

}  // namespace octet::ggml
