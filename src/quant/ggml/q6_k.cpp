// Q6_K: 256 elements in 16 runs of 16; 128 bytes of low halves, 64 bytes of bits 4 and 5, 16 signed
// scales, d (F16). Of half h: run 8 h + 2 j has its low bits in bytes 64 h + 32 (j % 2) .., in the
// low (j < 2) or high halves, and the others at bit 2 j of bytes 32 h ..; a value is d sc (q - 32).
#include "quant/ggml/loads.hpp"
#include "quant/ggml/type_rows.hpp"

namespace octet::ggml {

void decode_q6_k(const std::byte* bytes, std::uint64_t blocks, float* values) {
    for (; blocks != 0; --blocks, bytes += 210) {
        const float d = load_f16(bytes + 208);
        for (std::size_t run = 0; run < 16; ++run, values += 16) {
            const float step = d * signed_byte_at(bytes + 192, run);
            const std::size_t j = run / 2 % 4;
            const std::byte* const low = bytes + 64 * (run / 8) + 32 * (j % 2) + 16 * (run % 2);
            const std::byte* const high = bytes + 128 + 32 * (run / 8) + 16 * (run % 2);
            for (std::size_t l = 0; l < 16; ++l) {
                const std::uint32_t upper = byte_at(high, l) >> (2 * j) & 3U;
                const std::uint32_t code = (byte_at(low, l) >> (4 * (j / 2)) & 15U) | upper << 4U;
                values[l] = step * static_cast<float>(static_cast<int>(code) - 32);
            }
        }
    }
}

}  // namespace octet::ggml
