// Q2_K: 256 elements in 16 runs of 16; 16 bytes of scale (low half) and minimum (high half), 64
// bytes of codes, d and dmin (F16). Two bits j of byte 32 h + l are element 128 h + 32 j + l; a
// value is d sc q - dmin m.
#include "quant/ggml/loads.hpp"
#include "quant/ggml/type_rows.hpp"

namespace octet::ggml {

void decode_q2_k(const std::byte* bytes, std::uint64_t blocks, float* values) {
    for (; blocks != 0; --blocks, bytes += 84) {
        const float d = load_f16(bytes + 80);
        const float least = load_f16(bytes + 82);
        for (std::size_t run = 0; run < 16; ++run, values += 16) {
            const std::uint32_t both = byte_at(bytes, run);
            const float step = d * static_cast<float>(both & 15U);
            const float minimum = least * static_cast<float>(both >> 4U);
            const std::byte* const codes = bytes + 16 + 32 * (run / 8) + 16 * (run % 2);
            const std::size_t shift = 2 * (run / 2 % 4);
            for (std::size_t l = 0; l < 16; ++l) {
                values[l] = step * static_cast<float>(byte_at(codes, l) >> shift & 3U) - minimum;
            }
        }
    }
}

}  // namespace octet::ggml
