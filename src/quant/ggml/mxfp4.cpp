// MXFP4: 32 elements, a power of two in one byte, 16 bytes as of Q4_0 holding floats of 4 bits.
#include "quant/ggml/fp4_table.hpp"
#include "quant/ggml/loads.hpp"
#include "quant/ggml/type_rows.hpp"

namespace octet::ggml {

namespace {

/// 2^(e - 128): the values of the table are doubled.
float half_of_power(std::uint32_t e) {
    const std::uint32_t bits = e < 2U ? 0x00200000U << e : (e - 1U) << 23U;
    float value;
    std::memcpy(&value, &bits, sizeof(value));
    return value;
}

}  // namespace

void decode_mxfp4(const std::byte* bytes, std::uint64_t blocks, float* values) {
    for (; blocks != 0; --blocks, bytes += 17, values += 32) {
        const float d = half_of_power(byte_at(bytes, 0));
        for (std::size_t j = 0; j < 16; ++j) {
            const std::uint32_t two = byte_at(bytes + 1, j);
            values[j] = kFp4Table[two & 15U] * d;
            values[j + 16] = kFp4Table[two >> 4U] * d;
        }
    }
}

}  // namespace octet::ggml
