// TQ2_0: 256 elements -1 .. 2 times d; 64 bytes as the codes of Q2_K, d (F16).
#include "quant/ggml/loads.hpp"
#include "quant/ggml/type_rows.hpp"

namespace octet::ggml {

void decode_tq2_0(const std::byte* bytes, std::uint64_t blocks, float* values) {
    for (; blocks != 0; --blocks, bytes += 66, values += 256) {
        const float d = load_f16(bytes + 64);
        for (std::size_t i = 0; i < 256; ++i) {
            const std::uint32_t code =
                byte_at(bytes, 32 * (i / 128) + i % 32) >> (2 * (i / 32 % 4)) & 3U;
            values[i] = static_cast<float>(static_cast<int>(code) - 1) * d;
        }
    }
}

}  // namespace octet::ggml
