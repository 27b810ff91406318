// IQ1_S and IQ1_M, which share a grid. IQ1_S: 256 elements; d (F16), low bytes of 32 indices of 8
// elements, then for each 32 elements 4 times 3 high bits, a scale of 3 bits and the sign of 1/8,
// which is added to the levels -1, 0 and 1; a value is d (2 sc + 1) times that.
#include "quant/ggml/iq_grids.hpp"
#include "quant/ggml/loads.hpp"
#include "quant/ggml/type_rows.hpp"

namespace octet::ggml {

namespace {

constexpr float kShift = 0.125F;

void put_shifted(std::uint16_t entry, float step, float shift, float* values) {
    for (std::size_t j = 0; j < 8; ++j)
        values[j] = step * (kLevelsIQ1[entry >> (2 * j) & 3U] + shift);
}

}  // namespace

void decode_iq1_s(const std::byte* bytes, std::uint64_t blocks, float* values) {
    for (; blocks != 0; --blocks, bytes += 50) {
        const float d = load_f16(bytes);
        for (std::size_t eight = 0; eight < 32; ++eight, values += 8) {
            const std::uint32_t rest = load<std::uint16_t>(bytes + 34 + 2 * (eight / 4));
            const float step = d * static_cast<float>(2U * (rest >> 12U & 7U) + 1U);
            const std::uint32_t index = byte_at(bytes + 2, eight) | (rest >> (3 * (eight % 4)) & 7U)
                                                                        << 8U;
            put_shifted(kGridIQ1_S[index], step, (rest & 0x8000U) != 0U ? -kShift : kShift, values);
        }
    }
}

/// IQ1_M: low bytes of 32 indices of 8 elements, 32 halves of 3 high bits and a sign, and 4 times
/// 16 bits: 4 scales of 3 bits for 16 elements, and 4 bits of d (F16).
void decode_iq1_m(const std::byte* bytes, std::uint64_t blocks, float* values) {
    for (; blocks != 0; --blocks, bytes += 56) {
        std::uint32_t half = 0;
        for (std::size_t i = 0; i < 4; ++i) {
            half |= static_cast<std::uint32_t>(load<std::uint16_t>(bytes + 48 + 2 * i) >> 12U)
                    << (4 * i);
        }
        const std::byte scale_bytes[2] = {static_cast<std::byte>(half & 0xFFU),
                                          static_cast<std::byte>(half >> 8U)};
        const float d = load_f16(scale_bytes);
        for (std::size_t eight = 0; eight < 32; ++eight, values += 8) {
            const std::uint32_t scales = load<std::uint16_t>(bytes + 48 + 2 * (eight / 8));
            const float step =
                d * static_cast<float>(2U * (scales >> (3 * (eight / 2 % 4)) & 7U) + 1U);
            const std::uint32_t high = byte_at(bytes + 32, eight / 2) >> (4 * (eight % 2)) & 15U;
            const std::uint32_t index = byte_at(bytes, eight) | (high & 7U) << 8U;
            put_shifted(kGridIQ1_S[index], step, (high & 8U) != 0U ? -kShift : kShift, values);
        }
    }
}

}  // namespace octet::ggml
