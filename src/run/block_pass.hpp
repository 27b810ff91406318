// What one worker has in hand during a task of blocks: its memory cut up, the way out, and the hashes that grow on the way.
#pragma once

#include "base/checked.hpp"
#include "run/block_work.hpp"
#include "run/source_pieces.hpp"

namespace octet::run {

inline std::uint64_t bytes_each(Dtype dtype) {
    return dtype_bits(dtype) / 8;
}

template <typename T>
T* take_memory(Bytes& memory, std::uint64_t count) {
    T* const taken = reinterpret_cast<T*>(memory.data());
    memory = memory.subspan(divide_up(count * sizeof(T), 64) * 64);
    return taken;
}

struct BlockWork::Pass {
    /// Numbers of a state tensor that lie one behind the other and are written together.
    struct StateRun {
        std::uint64_t offset = 0;  ///< in the state tensor
        std::uint64_t size = 0;
    };

    static constexpr std::uint64_t kStateRuns = 4;  ///< as many state tensors as there may be
    static constexpr std::uint64_t kRunBytes = 64U << 10U;

    std::byte* raw;  ///< source bytes of a tile, or of a domain where that is kept
    float* values;   ///< of a tile, as float32; the same memory where that is how they are stored
    std::uint8_t* codes;
    float* min;
    float* max;
    float* scale;
    float* zero_point;
    float* small_scale;
    float* small_zero_point;
    float* super_scale;
    float* super_zero_point;
    std::byte* stored;  ///< numbers as they are stored
    Bytes states;       ///< all state tensors, where they are kept; else room for a run of each; or empty
    StateRun runs[kStateRuns];
    std::uint64_t elements;
    std::uint64_t begin = 0;  ///< bytes of the source that the task is about
    std::uint64_t end = 0;
    const std::byte* mapped = nullptr;            ///< where `begin` is, if it is in memory
    std::optional<SourcePieces> source{};         ///< where all of it comes by in order
    std::optional<OutputStream> output{};         ///< of codes that lie one behind the other
    std::optional<quant::PieceHasher> written{};  ///< of a tensor that one task does

    Pass(Bytes memory, const BlockNeeds& needs, Dtype dtype) : elements(needs.elements) {
        const bool is_f32 = dtype == Dtype::kF32;
        const std::uint64_t raw_bytes = is_f32 ? needs.elements * sizeof(float) : needs.raw_bytes;
        raw = take_memory<std::byte>(memory, std::max(needs.domain_bytes, raw_bytes));
        values = is_f32 ? reinterpret_cast<float*>(raw) : take_memory<float>(memory, needs.elements);
        codes = take_memory<std::uint8_t>(memory, needs.elements);
        for (float** const array :
             {&min, &max, &scale, &zero_point, &small_scale, &small_zero_point, &super_scale, &super_zero_point})
            *array = take_memory<float>(memory, needs.blocks);
        stored = take_memory<std::byte>(memory, needs.blocks * sizeof(float));
        states = {take_memory<std::byte>(memory, needs.state_bytes), needs.state_bytes};
    }

    /// The blocks of a tile of that size, in this memory.
    quant::Blocks blocks_of(const quant::BlockGrid& grid, std::uint64_t rows, std::uint64_t columns) const {
        quant::Blocks blocks = quant::blocks_of(grid, rows, columns);
        blocks.min = min;
        blocks.max = max;
        blocks.scale = scale;
        blocks.zero_point = zero_point;
        blocks.small_scale = small_scale;
        blocks.small_zero_point = small_zero_point;
        blocks.super_scale = super_scale;
        blocks.super_zero_point = super_zero_point;
        return blocks;
    }
};

}  // namespace octet::run
