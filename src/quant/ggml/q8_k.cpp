// Q8_K: 256 elements, d (F32), 256 signed bytes q, sums of 16 that only products need; a value is d
// q.
#include "quant/ggml/loads.hpp"
#include "quant/ggml/type_rows.hpp"

namespace octet::ggml {

void decode_q8_k(const std::byte* bytes, std::uint64_t blocks, float* values) {
    for (; blocks != 0; --blocks, bytes += 292, values += 256) {
        const float d = load<float>(bytes);
        for (std::size_t i = 0; i < 256; ++i) values[i] = d * signed_byte_at(bytes + 4, i);
    }
}

}  // namespace octet::ggml
