// Q8_0: 32 elements, d (F16), 32 signed bytes q; a value is d q.
#include "quant/ggml/loads.hpp"
#include "quant/ggml/type_rows.hpp"

namespace octet::ggml {

void decode_q8_0(const std::byte* bytes, std::uint64_t blocks, float* values) {
    for (; blocks != 0; --blocks, bytes += 34, values += 32) {
        const float d = load_f16(bytes);
        for (std::size_t i = 0; i < 32; ++i) values[i] = signed_byte_at(bytes + 2, i) * d;
    }
}

}  // namespace octet::ggml
