// Q2_0: 64 elements, d (F16), 16 bytes of codes, the first element in the lowest two bits; a value
// is d (q - 1).
#include "quant/ggml/loads.hpp"
#include "quant/ggml/type_rows.hpp"

namespace octet::ggml {

void decode_q2_0(const std::byte* bytes, std::uint64_t blocks, float* values) {
    for (; blocks != 0; --blocks, bytes += 18, values += 64) {
        const float d = load_f16(bytes);
        for (std::size_t i = 0; i < 64; ++i) {
            const std::uint32_t code = byte_at(bytes + 2, i / 4) >> (2 * (i % 4)) & 3U;
            values[i] = static_cast<float>(static_cast<int>(code) - 1) * d;
        }
    }
}

}  // namespace octet::ggml
