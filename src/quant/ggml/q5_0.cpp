// Q5_0: 32 elements, d (F16), 32 high bits, 16 bytes as of Q4_0; bit j is bit 4 of element j; a
// value is d (q - 16).
#include "quant/ggml/loads.hpp"
#include "quant/ggml/type_rows.hpp"

namespace octet::ggml {

void decode_q5_0(const std::byte* bytes, std::uint64_t blocks, float* values) {
    for (; blocks != 0; --blocks, bytes += 22, values += 32) {
        const float d = load_f16(bytes);
        const std::uint32_t high = load<std::uint32_t>(bytes + 2);
        for (std::size_t j = 0; j < 16; ++j) {
            const std::uint32_t two = byte_at(bytes + 6, j);
            const std::uint32_t first = (two & 15U) | (high >> j & 1U) << 4U;
            const std::uint32_t second = two >> 4U | (high >> (j + 16) & 1U) << 4U;
            values[j] = static_cast<float>(static_cast<int>(first) - 16) * d;
            values[j + 16] = static_cast<float>(static_cast<int>(second) - 16) * d;
        }
    }
}

}  // namespace octet::ggml
