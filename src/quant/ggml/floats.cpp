// F32, F16, BF16: rows of floats, whose blocks are single elements.
#include <cstring>

#include "quant/active_kernels.hpp"
#include "quant/ggml/type_rows.hpp"

namespace octet::ggml {

void decode_f32(const std::byte* bytes, std::uint64_t blocks, float* values) {
    if (blocks != 0) std::memcpy(values, bytes, blocks * sizeof(float));
}

void decode_f16(const std::byte* bytes, std::uint64_t blocks, float* values) {
    quant::active_kernels().widen_f16(bytes, blocks, values);
}

void decode_bf16(const std::byte* bytes, std::uint64_t blocks, float* values) {
    quant::active_kernels().widen_bf16(bytes, blocks, values);
}

}  // namespace octet::ggml
