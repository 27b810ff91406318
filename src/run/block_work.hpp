// The steps of one tensor that is quantized in blocks or restored from them: reads tiles, takes them through the codec, writes codes and
// states where they belong. The engine calls it step by step, from any worker.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "quant/block_codec.hpp"
#include "run/block_layout.hpp"
#include "run/block_reader.hpp"
#include "run/engine.hpp"
#include "run/tile_work.hpp"

namespace octet::run {

class BlockWork {
  public:
    /// `job` has codec kQuantizeBlocks, kCheckBlocks or kRestoreBlocks and outlives this.
    explicit BlockWork(TensorJob& job);

    std::uint64_t steps() const noexcept;

    /// Bytes of worker memory that a step needs.
    static std::uint64_t memory_bytes(const TensorJob& job) noexcept;

    /// Does a step; `is_futile` says that its result is not wanted any more. Returns the bytes of the job that are through with it.
    std::uint64_t do_step(std::uint64_t number, Bytes memory, const std::function<bool()>& is_futile);

    /// The step was taken, done or not: somebody may wait for it.
    void settled(std::uint64_t number);

    /// All steps are done: fills in the job's results.
    void finish();

  private:
    /// What the tiles of a domain that spans several steps share. Its arrays live from its first range step to its last codes step.
    struct Domain {
        std::mutex mutex;
        std::vector<float> min;
        std::vector<float> max;
        std::atomic<std::uint64_t> ranges_left{0};
        std::atomic<std::uint64_t> codes_left{0};
    };

    struct Slot {
        quant::ErrorSums sums;
        double bound = 0;
        kernels::Narrowing narrowing{};
        std::optional<std::uint64_t> first_difference;
    };

    struct Buffers;

    void whole_step(const BlockStep& step, Buffers& buffers, Slot& slot);
    void range_step(const BlockStep& step, Buffers& buffers);
    void codes_step(const BlockStep& step, Buffers& buffers, Slot& slot);
    std::uint64_t restore_step(std::uint64_t number, Bytes memory, Slot& slot);

    quant::Tile read_tile(const TilePlace& place, Buffers& buffers) const;
    void add_ranges(const TilePlace& place, const quant::Tile& tile, const quant::Blocks& blocks,
                    const Buffers& buffers) const;
    void make_states(const TilePlace& place, const quant::Tile& tile, const quant::Blocks& blocks) const;
    void write_codes(const TilePlace& place, std::uint8_t* codes, Slot& slot) const;
    void write_states(const TilePlace& place, const quant::Blocks& blocks, Buffers& buffers, Slot& slot) const;
    void write_numbers(std::size_t part, const float* values, std::uint64_t first, std::uint64_t count,
                       Buffers& buffers, Slot& slot) const;
    void write_two_levels(const TilePlace& place, const quant::Blocks& blocks, Buffers& buffers, Slot& slot) const;
    void write_packed(std::size_t part, unsigned bits, const float* values, std::uint64_t row, std::uint64_t column,
                      std::uint64_t count, Buffers& buffers, Slot& slot) const;
    void put(std::size_t part, std::uint64_t offset, ConstBytes bytes, Slot& slot) const;
    void note_state(const quant::Blocks& blocks);

    TensorJob& job_;
    BlockLayout layout_;
    std::vector<quant::StoredPart> parts_;
    std::vector<std::uint64_t> offsets_;  // of the parts, in the target
    std::vector<BlockStep> steps_;
    std::vector<Domain> domains_;
    std::vector<Slot> slots_;
    std::optional<BlockReader> reader_;
};

}  // namespace octet::run
