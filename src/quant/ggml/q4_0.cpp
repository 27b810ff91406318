// Q4_0: 32 elements, d (F16), 16 bytes, byte j holding element j (low half) and j + 16; a value is
// d (q - 8).
#include "quant/ggml/loads.hpp"
#include "quant/ggml/type_rows.hpp"

namespace octet::ggml {

void decode_q4_0(const std::byte* bytes, std::uint64_t blocks, float* values) {
    for (; blocks != 0; --blocks, bytes += 18, values += 32) {
        const float d = load_f16(bytes);
        for (std::size_t j = 0; j < 16; ++j) {
            const int two = static_cast<int>(byte_at(bytes + 2, j));
            values[j] = static_cast<float>((two & 15) - 8) * d;
            values[j + 16] = static_cast<float>((two >> 4) - 8) * d;
        }
    }
}

}  // namespace octet::ggml
