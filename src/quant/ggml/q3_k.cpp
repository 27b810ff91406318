// Q3_K: 256 elements in 16 runs of 16; 32 bytes of high bits, 64 bytes of codes as of Q2_K, 16
// scales of 6 bits in 12 bytes, d (F16); a value is d (sc - 32) (q - 4), the high bit being worth
// 4.
#include "quant/ggml/loads.hpp"
#include "quant/ggml/type_rows.hpp"

namespace octet::ggml {

namespace {

/// Low halves of 0 .. 7 lie in the low halves of the first 8 bytes, of 8 .. 15 in the high ones;
/// bits 4 and 5 of scale s at bit 2 (s / 4) of byte 8 + s % 4.
float scale_of(const std::byte* scales, std::size_t s) {
    const std::uint32_t low = byte_at(scales, s % 8) >> (4 * (s / 8)) & 15U;
    const std::uint32_t high = byte_at(scales, 8 + s % 4) >> (2 * (s / 4)) & 3U;
    return static_cast<float>(static_cast<int>(low | high << 4U) - 32);
}

}  // namespace

void decode_q3_k(const std::byte* bytes, std::uint64_t blocks, float* values) {
    for (; blocks != 0; --blocks, bytes += 110) {
        const float d = load_f16(bytes + 108);
        for (std::size_t run = 0; run < 16; ++run, values += 16) {
            const float step = d * scale_of(bytes + 96, run);
            const std::byte* const high = bytes + 16 * (run % 2);
            const std::byte* const codes = bytes + 32 + 32 * (run / 8) + 16 * (run % 2);
            const std::size_t shift = 2 * (run / 2 % 4);
            for (std::size_t l = 0; l < 16; ++l) {
                const std::uint32_t bit = byte_at(high, l) >> (run / 2) & 1U;
                const std::uint32_t code = (byte_at(codes, l) >> shift & 3U) | bit << 2U;
                values[l] = step * static_cast<float>(static_cast<int>(code) - 4);
            }
        }
    }
}

}  // namespace octet::ggml
