// The memory of a BlockTask: what its pieces share, and what one worker has in hand during a piece.
#pragma once

#include "base/checked.hpp"
#include "codecs/block_task.hpp"

namespace octet::codecs {

template <typename T>
T* take_memory(Bytes& memory, std::uint64_t count) {
    T* const taken = reinterpret_cast<T*>(memory.data());
    memory = memory.subspan(divide_up(count * sizeof(T), 64) * 64);
    return taken;
}

struct BlockTask::Shared {
    /// What the tiles of a domain that spans several pieces share. Its arrays live from its first
    /// range step to its last codes step.
    struct Domain {
        std::mutex mutex;
        std::vector<float> min;
        std::vector<float> max;
        std::atomic<std::uint64_t> ranges_left{0};
        std::atomic<std::uint64_t> codes_left{0};
    };

    /// What one step has found out.
    struct Sums {
        quant::ErrorSums sums;
        double bound = 0;
    };

    BlockLayout layout;
    std::vector<Step> steps;
    std::vector<Piece> pieces;
    MemoryNeeds needs;
    bool in_order = false;  ///< tiles lie one behind the other in the source, and so do their codes
    bool in_place = false;  ///< tiles may be looked at where they are mapped
    std::vector<Domain> domains;
    std::vector<Sums> sums;  ///< of the steps
    TensorResult result;     ///< what is not a step's

    // Of a tensor of one tile only `layout`, `in_order` and `result` are made.

    bool makes_codes(const Piece& piece) const noexcept {
        return piece.has_domains || steps[piece.first_step].kind == StepKind::kCodes;
    }
};

struct BlockTask::Pass {
    /// State that lies one behind the other in the stored form and is written together.
    struct StateRun {
        std::uint64_t at = 0;
        std::uint64_t size = 0;
        std::uint64_t used = 0;  ///< when; larger is later
    };

    static constexpr std::uint64_t kStateRuns = 4;  ///< as many state tensors as there may be
    static constexpr std::uint64_t kRunBytes = 64U << 10U;

    pipeline::Workspace& workspace;
    std::byte* raw;  ///< source bytes of a tile, or of a domain where that is kept
    float* values;   ///< of a tile, as float32; the same memory where that is how they are stored
    std::uint8_t* codes;
    quant::Blocks arrays;  ///< of a domain
    std::byte* scratch;    ///< 4 bytes a block
    Bytes states;  ///< all state tensors, where they are kept; else room for runs of them; or empty
    StateRun runs[kStateRuns];
    std::uint64_t elements;
    std::uint64_t first_tile = 0;
    std::uint64_t last_tile = 0;
    std::uint64_t begin = 0;  ///< bytes of the source that the piece is about
    std::uint64_t end = 0;
    const std::byte* mapped = nullptr;                  ///< where `begin` is, if it is in memory
    std::optional<pipeline::SourcePieces> source = {};  ///< where all of it comes by in order
    pipeline::OutputStream* output = nullptr;           ///< of codes that lie one behind the other
    Shared::Sums* sums = nullptr;                       ///< of the step at hand

    Pass(pipeline::Workspace& given, const MemoryNeeds& needs, Dtype dtype)
        : workspace(given), elements(needs.elements) {
        Bytes memory = given.memory;
        const bool is_f32 = dtype == Dtype::kF32;
        const std::uint64_t raw_bytes = is_f32 ? needs.elements * sizeof(float) : needs.raw_bytes;
        raw = take_memory<std::byte>(memory, std::max(needs.domain_bytes, raw_bytes));
        values =
            is_f32 ? reinterpret_cast<float*>(raw) : take_memory<float>(memory, needs.elements);
        codes = take_memory<std::uint8_t>(memory, needs.elements);
        for (float** const array :
             {&arrays.min, &arrays.max, &arrays.scale, &arrays.zero_point, &arrays.small_scale,
              &arrays.small_zero_point, &arrays.super_scale, &arrays.super_zero_point})
            *array = take_memory<float>(memory, needs.blocks);
        scratch = take_memory<std::byte>(memory, needs.blocks * sizeof(float));
        states = {take_memory<std::byte>(memory, needs.state_bytes), needs.state_bytes};
    }

    /// The blocks of a tile of that size, in this memory.
    quant::Blocks blocks_of(const quant::BlockGrid& grid, std::uint64_t rows,
                            std::uint64_t columns) const {
        const quant::Blocks sizes = quant::blocks_of(grid, rows, columns);
        quant::Blocks blocks = arrays;
        blocks.rows_each = sizes.rows_each;
        blocks.columns_each = sizes.columns_each;
        blocks.across = sizes.across;
        blocks.count = sizes.count;
        return blocks;
    }
};

}  // namespace octet::codecs
