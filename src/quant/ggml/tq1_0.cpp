// TQ1_0: 256 elements -1, 0 or 1 times d; 5 of them in a byte as digits of base 3 of a fraction: 32
// and then 16 bytes whose digit n is elements apart by the number of bytes, 4 bytes with 4 digits,
// d (F16).
#include "quant/ggml/loads.hpp"
#include "quant/ggml/type_rows.hpp"

namespace octet::ggml {

namespace {

/// Digit `digit` of `count` bytes each.
void decode_digit(const std::byte* bytes, std::size_t count, std::uint32_t power, float d,
                  float* values) {
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint32_t fraction = byte_at(bytes, i) * power & 0xFFU;
        values[i] = static_cast<float>(static_cast<int>(fraction * 3U >> 8U) - 1) * d;
    }
}

}  // namespace

void decode_tq1_0(const std::byte* bytes, std::uint64_t blocks, float* values) {
    constexpr std::uint32_t kPowers[] = {1, 3, 9, 27, 81};
    for (; blocks != 0; --blocks, bytes += 54, values += 256) {
        const float d = load_f16(bytes + 52);
        for (std::size_t n = 0; n < 5; ++n) {
            decode_digit(bytes, 32, kPowers[n], d, values + 32 * n);
            decode_digit(bytes + 32, 16, kPowers[n], d, values + 160 + 16 * n);
            if (n < 4) decode_digit(bytes + 48, 4, kPowers[n], d, values + 240 + 4 * n);
        }
    }
}

}  // namespace octet::ggml
