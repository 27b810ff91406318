// Q1_0: 128 elements, d (F16), 16 bytes of signs, the first element in bit 0; a value is d or -d.
#include "quant/ggml/loads.hpp"
#include "quant/ggml/type_rows.hpp"

namespace octet::ggml {

void decode_q1_0(const std::byte* bytes, std::uint64_t blocks, float* values) {
    for (; blocks != 0; --blocks, bytes += 18, values += 128) {
        const float d = load_f16(bytes);
        for (std::size_t i = 0; i < 128; ++i) {
            values[i] = (byte_at(bytes + 2, i / 8) >> (i % 8) & 1U) != 0U ? d : -d;
        }
    }
}

}  // namespace octet::ggml
