// Q4_K: 256 elements in 8 runs of 32; d and dmin (F16), 8 scales and 8 minima of 6 bits in 12
// bytes, 128 bytes of codes: 32 bytes hold two runs, one in their low halves; a value is d sc q -
// dmin m.
#include "quant/ggml/k_scales.hpp"
#include "quant/ggml/loads.hpp"
#include "quant/ggml/type_rows.hpp"

namespace octet::ggml {

void decode_q4_k(const std::byte* bytes, std::uint64_t blocks, float* values) {
    for (; blocks != 0; --blocks, bytes += 144) {
        const float d = load_f16(bytes);
        const float least = load_f16(bytes + 2);
        for (std::size_t run = 0; run < 8; ++run, values += 32) {
            const float step = d * k_scale(bytes + 4, run);
            const float minimum = least * k_minimum(bytes + 4, run);
            const std::byte* const codes = bytes + 16 + 32 * (run / 2);
            const std::size_t shift = 4 * (run % 2);
            for (std::size_t l = 0; l < 32; ++l) {
                values[l] = step * static_cast<float>(byte_at(codes, l) >> shift & 15U) - minimum;
            }
        }
    }
}

}  // namespace octet::ggml
