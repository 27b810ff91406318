// IQ4_NL: 32 elements, d (F16), 16 bytes as of Q4_0; a value is d T[q] with a fixed table T.
#include "quant/ggml/iq4_table.hpp"
#include "quant/ggml/loads.hpp"
#include "quant/ggml/type_rows.hpp"

namespace octet::ggml {

void decode_iq4_nl(const std::byte* bytes, std::uint64_t blocks, float* values) {
    for (; blocks != 0; --blocks, bytes += 18, values += 32) {
        const float d = load_f16(bytes);
        for (std::size_t j = 0; j < 16; ++j) {
            const std::uint32_t two = byte_at(bytes + 2, j);
            values[j] = d * kIQ4Table[two & 15U];
            values[j + 16] = d * kIQ4Table[two >> 4U];
        }
    }
}

}  // namespace octet::ggml
