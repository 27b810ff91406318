// The steps of one tensor that is quantized in blocks or restored from them: reads tiles, takes them through the codec, hands on codes and
// states where they belong, and hashes what it can on the way. The engine calls it task by task, from any worker.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "io/large_buffer.hpp"
#include "quant/block_codec.hpp"
#include "run/block_layout.hpp"
#include "run/block_reader.hpp"
#include "run/block_tasks.hpp"
#include "run/engine.hpp"
#include "run/output_queue.hpp"
#include "run/source_reader.hpp"
#include "run/tile_work.hpp"

namespace octet::run {

/// What the works of a run share.
struct BlockRoad {
    SourceReader& reader;
    OutputQueue& output;
    std::uint64_t memory_bytes;  ///< of each worker
    std::atomic<std::uint64_t>* kept_bytes =
        nullptr;  ///< of state tensors that several tasks make and that wait in memory, all together
};

class SourcePieces;

class BlockWork {
  public:
    /// `job` has one of the codecs for blocks and outlives this, as what `road` names does.
    BlockWork(TensorJob& job, const BlockRoad& road);

    /// Tasks, each for one worker.
    std::uint64_t tasks() const noexcept;

    /// Bytes of worker memory that the tasks need at least.
    static std::uint64_t memory_bytes(const TensorJob& job);

    /// Does a task; `is_futile` says that its result is not wanted any more. Returns the bytes of the job that are through with it.
    std::uint64_t do_task(std::uint64_t number, Bytes memory, const std::function<bool()>& is_futile);

    /// The task was taken, done or not: somebody may wait for it.
    void settled(std::uint64_t number);

    /// All tasks are done: fills in the job's results.
    void finish();

  private:
    /// What the tiles of a domain that spans several tasks share. Its arrays live from its first range step to its last codes step.
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

    struct Pass;

    bool makes_codes(const BlockTask& task) const noexcept;
    void settle_memory();
    void begin(const BlockTask& task, Pass& pass) const;
    void do_steps(const BlockTask& task, Pass& pass);
    void end(Pass& pass);
    void keep_states();
    void hand_on_states();
    void do_domain(std::uint64_t first_tile, std::span<const BlockStep> codes, Slot* slots, Pass& pass);
    void range_step(const BlockStep& step, Pass& pass);
    void codes_step(const BlockStep& step, Slot& slot, Pass& pass);
    void code_tile(const TilePlace& place, const quant::Tile& tile, const quant::Blocks& blocks,
                   quant::SumFactors factors, Slot& slot, Pass& pass);
    std::uint64_t restore_step(std::uint64_t number, Bytes memory, Slot& slot);

    std::uint64_t first_byte_of(const TilePlace& place) const noexcept;
    std::uint64_t bytes_of(const TilePlace& place) const noexcept;
    ConstBytes source_of(const TilePlace& place, std::byte* memory, const Pass& pass) const;
    quant::Tile tile_of(const TilePlace& place, ConstBytes source, Pass& pass) const;
    std::uint64_t next_tile_ahead(const TilePlace& place, const Pass& pass) const;
    void add_ranges(const TilePlace& place, const quant::Tile& tile, ConstBytes source,
                    const quant::Blocks& blocks) const;
    quant::SumFactors make_states(const TilePlace& place, const quant::Tile& tile, const quant::Blocks& blocks) const;
    [[noreturn]] void refuse_block(const TilePlace& place, const quant::Blocks& blocks, std::uint64_t block,
                                   std::string_view what) const;
    bool take_states(const TilePlace& place, const quant::Blocks& blocks, std::uint64_t& overflowed) const;
    void read_rest(SourcePieces& pieces, Pass& pass) const;

    void write_codes(const TilePlace& place, std::uint8_t* codes, Slot& slot, Pass& pass) const;
    std::uint64_t pack_rows(const TilePlace& place, const std::uint8_t* codes, std::uint8_t* packed) const;
    void write_panel(const TilePlace& place, std::uint8_t* codes, Slot& slot, Pass& pass) const;
    void write_states(const TilePlace& place, const quant::Blocks& blocks, Slot& slot, Pass& pass) const;
    void write_numbers(std::size_t part, const float* values, std::uint64_t first, std::uint64_t count, Slot& slot,
                       Pass& pass) const;
    void write_two_levels(const TilePlace& place, const quant::Blocks& blocks, Slot& slot, Pass& pass) const;
    void write_packed(std::size_t part, unsigned bits, const float* values, std::uint64_t row, std::uint64_t column,
                      std::uint64_t count, Slot& slot, Pass& pass) const;
    static void copy_to(OutputStream& output, ConstBytes bytes, quant::PieceHasher* hasher);
    void put(std::size_t part, std::uint64_t offset, ConstBytes bytes, Slot& slot, Pass& pass) const;
    void write_run(std::size_t part, Pass& pass) const;
    void note_state(const quant::Blocks& blocks);

    TensorJob& job_;
    BlockRoad road_;
    BlockLayout layout_;
    std::vector<quant::StoredPart> parts_;
    std::vector<std::uint64_t> offsets_;  // of the parts, in the target
    std::vector<BlockStep> steps_;
    std::vector<BlockTask> tasks_;
    BlockNeeds needs_;
    bool in_order_ = false;      // tiles lie one behind the other in the source, and so do their codes
    bool keeps_states_ = false;  // until all codes are handed on, to follow them
    bool in_place_ = false;      // tiles may be looked at where they are mapped
    std::vector<Domain> domains_;
    std::vector<Slot> slots_;  // of the steps
    std::vector<std::optional<Checksum>> source_pieces_;
    std::vector<std::optional<Checksum>> stored_pieces_;
    std::optional<std::size_t> stretch_;  // of the output, where several tasks hand codes on
    std::once_flag kept_once_;
    io::LargeBuffer kept_;  // all state tensors, until the last of several tasks has handed its codes on; or empty
    std::atomic<std::uint64_t> codes_left_{0};  // tasks
    std::optional<BlockReader> reader_;
};

}  // namespace octet::run
