// A worker's memory as the steps of blocks use it.
#pragma once

#include "base/checked.hpp"
#include "run/block_work.hpp"

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

/// A worker's memory, cut up.
struct BlockWork::Buffers {
    float* values;
    std::uint8_t* codes;
    std::byte* raw;
    float* min;
    float* max;
    float* scale;
    float* zero_point;
    float* small_scale;
    float* small_zero_point;
    float* super_scale;
    float* super_zero_point;
    std::byte* stored;

    Buffers(Bytes memory, const Scheme& scheme, Dtype dtype)
        : values(take_memory<float>(memory, most_tile_elements(scheme))),
          codes(take_memory<std::uint8_t>(memory, most_tile_elements(scheme))),
          raw(dtype == Dtype::kF32 ? nullptr
                                   : take_memory<std::byte>(memory, most_tile_elements(scheme) * bytes_each(dtype))),
          min(take_memory<float>(memory, most_tile_blocks(scheme))),
          max(take_memory<float>(memory, most_tile_blocks(scheme))),
          scale(take_memory<float>(memory, most_tile_blocks(scheme))),
          zero_point(take_memory<float>(memory, most_tile_blocks(scheme))),
          small_scale(take_memory<float>(memory, most_tile_blocks(scheme))),
          small_zero_point(take_memory<float>(memory, most_tile_blocks(scheme))),
          super_scale(take_memory<float>(memory, most_tile_blocks(scheme))),
          super_zero_point(take_memory<float>(memory, most_tile_blocks(scheme))),
          stored(take_memory<std::byte>(memory, most_tile_blocks(scheme) * sizeof(float))) {}

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
