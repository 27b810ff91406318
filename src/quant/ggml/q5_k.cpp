// Q5_K: as Q4_K, with 32 bytes of high bits before the codes: bit s of byte l is bit 4 of element l
// of run s.
#include "quant/ggml/k_scales.hpp"
#include "quant/ggml/loads.hpp"
#include "quant/ggml/type_rows.hpp"

namespace octet::ggml {

void decode_q5_k(const std::byte* bytes, std::uint64_t blocks, float* values) {
    for (; blocks != 0; --blocks, bytes += 176) {
        const float d = load_f16(bytes);
        const float least = load_f16(bytes + 2);
        for (std::size_t run = 0; run < 8; ++run, values += 32) {
            const float step = d * k_scale(bytes + 4, run);
            const float minimum = least * k_minimum(bytes + 4, run);
            const std::byte* const codes = bytes + 48 + 32 * (run / 2);
            const std::size_t shift = 4 * (run % 2);
            for (std::size_t l = 0; l < 32; ++l) {
                const std::uint32_t high = byte_at(bytes + 16, l) >> run & 1U;
                const std::uint32_t code = (byte_at(codes, l) >> shift & 15U) | high << 4U;
                values[l] = step * static_cast<float>(code) - minimum;
            }
        }
    }
}

}  // namespace octet::ggml
