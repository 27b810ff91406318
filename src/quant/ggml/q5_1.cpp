// Q5_1: 32 elements, d and m (F16), 32 high bits and 16 bytes as of Q5_0; a value is d q + m.
#include "quant/ggml/loads.hpp"
#include "quant/ggml/type_rows.hpp"

namespace octet::ggml {

void decode_q5_1(const std::byte* bytes, std::uint64_t blocks, float* values) {
    for (; blocks != 0; --blocks, bytes += 24, values += 32) {
        const float d = load_f16(bytes);
        const float m = load_f16(bytes + 2);
        const std::uint32_t high = load<std::uint32_t>(bytes + 4);
        for (std::size_t j = 0; j < 16; ++j) {
            const std::uint32_t two = byte_at(bytes + 8, j);
            values[j] = static_cast<float>((two & 15U) | (high >> j & 1U) << 4U) * d + m;
            values[j + 16] = static_cast<float>(two >> 4U | (high >> (j + 16) & 1U) << 4U) * d + m;
        }
    }
}

}  // namespace octet::ggml
