// IQ4_XS: 256 elements in 8 runs of 32; d (F16), high bits of 8 scales (2 each), low halves of
// them, 128 bytes, 16 a run, as of IQ4_NL; a value is d (sc - 32) T[q].
#include "quant/ggml/iq4_table.hpp"
#include "quant/ggml/loads.hpp"
#include "quant/ggml/type_rows.hpp"

namespace octet::ggml {

void decode_iq4_xs(const std::byte* bytes, std::uint64_t blocks, float* values) {
    for (; blocks != 0; --blocks, bytes += 136) {
        const float d = load_f16(bytes);
        const std::uint32_t high = load<std::uint16_t>(bytes + 2);
        for (std::size_t run = 0; run < 8; ++run, values += 32) {
            const std::uint32_t low = byte_at(bytes + 4, run / 2) >> (4 * (run % 2)) & 15U;
            const std::uint32_t scale = low | (high >> (2 * run) & 3U) << 4U;
            const float step = d * static_cast<float>(static_cast<int>(scale) - 32);
            for (std::size_t j = 0; j < 16; ++j) {
                const std::uint32_t two = byte_at(bytes + 8 + 16 * run, j);
                values[j] = step * kIQ4Table[two & 15U];
                values[j + 16] = step * kIQ4Table[two >> 4U];
            }
        }
    }
}

}  // namespace octet::ggml
