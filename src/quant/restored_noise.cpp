// Runs of 512 values pass through the loops and back; weights of inputs, where there are any,
// multiply the squares.
#include "quant/restored_noise.hpp"

#include <algorithm>

namespace octet::quant {
namespace {

/// Values that are taken together.
constexpr std::size_t kChunk = 512;

}  // namespace

double restored_noise(const kernels::ColumnBlock& block, std::size_t column, std::size_t first,
                      std::size_t count, const Scheme& scheme, const BlockState& state,
                      const kernels::Kernels& loops) {
    kernels::BlockLoop loop{
        block_kind(scheme), false, largest_code(scheme), 1.0F, 1.0F, &state.scale,
        &state.zero_point};
    loop.run = kChunk;
    kernels::BlockSums unused = {};
    double noise = 0;
    for (std::size_t done = 0; done < count; done += kChunk) {
        const std::size_t chunk = std::min(kChunk, count - done);
        float values[kChunk];
        std::uint8_t codes[kChunk];
        float restored[kChunk];
        for (std::size_t i = 0; i < chunk; ++i)
            values[i] = block.values[(first + done + i) * kernels::kBlockColumns + column];
        loops.quantize_block(values, 1, chunk, loop, codes, unused);
        loops.restore_block(codes, chunk, loop, restored);
        for (std::size_t i = 0; i < chunk; ++i) {
            const double error = static_cast<double>(values[i]) - static_cast<double>(restored[i]);
            const float weight = block.weights == nullptr ? 1.0F : block.weights[first + done + i];
            noise += error * error * static_cast<double>(weight);
        }
    }
    return noise;
}

}  // namespace octet::quant
