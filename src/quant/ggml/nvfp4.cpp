// NVFP4: 64 elements in 4 runs of 16; a scale each (unsigned E4M3), 32 bytes, 8 a run: byte j holds
// element j (low half) and j + 8, floats of 4 bits.
#include "quant/ggml/fp4_table.hpp"
#include "quant/ggml/loads.hpp"
#include "quant/ggml/type_rows.hpp"

namespace octet::ggml {

namespace {

/// Half of an unsigned float of 4 bits of exponent and 3 of mantissa; 0 for the one that is NaN.
float half_of_e4m3(std::uint32_t byte) {
    const std::uint32_t exponent = byte >> 3U & 15U;
    const float mantissa = static_cast<float>(byte & 7U);
    if (byte == 0U || byte == 0x7FU) return 0.0F;
    if (exponent == 0U) return mantissa * 0x1p-10F;
    return (1.0F + mantissa / 8.0F) * static_cast<float>(1U << exponent) * 0x1p-8F;
}

}  // namespace

void decode_nvfp4(const std::byte* bytes, std::uint64_t blocks, float* values) {
    for (; blocks != 0; --blocks, bytes += 36) {
        for (std::size_t run = 0; run < 4; ++run, values += 16) {
            const float d = half_of_e4m3(byte_at(bytes, run));
            for (std::size_t j = 0; j < 8; ++j) {
                const std::uint32_t two = byte_at(bytes + 4 + 8 * run, j);
                values[j] = kFp4Table[two & 15U] * d;
                values[j + 8] = kFp4Table[two >> 4U] * d;
            }
        }
    }
}

}  // namespace octet::ggml
