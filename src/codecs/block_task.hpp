// The road of every tensor that is quantized: reads tiles, finds the ranges of their blocks, makes
// states from those, then codes, and hashes the source on the way. What becomes of codes and states
// is for those who derive from it: they are written (quantize.hpp), held against what is stored
// (verify.hpp), or nothing (measure.hpp).
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "codecs/tensor_result.hpp"
#include "codecs/work_plan.hpp"
#include "formats/format.hpp"
#include "pipeline/source_pieces.hpp"
#include "pipeline/task.hpp"
#include "quant/block_codec.hpp"

namespace octet::codecs {

using pipeline::Bytes;
using pipeline::ConstBytes;

inline std::uint64_t bytes_each(Dtype dtype) {
    return dtype_bits(dtype) / 8;
}

/// How a float tensor is quantized. What it names outlives the run.
struct QuantizeJob {
    Dtype dtype = Dtype::kF32;
    const Scheme& scheme;   ///< with its axis resolved
    std::string_view name;  ///< for messages
    const Shape& shape;
    /// Of the squared errors of the inputs, or of those of each matrix of a batch, in a search;
    /// null: all 1.
    std::span<const float> weights = {};
};

class BlockTask : public pipeline::TensorTask {
  public:
    ~BlockTask() override;

    const QuantizeJob job;

    /// True where its states have to be found before anything else (range_prepass.hpp).
    bool searches_ahead() const noexcept;

    /// Those states, of all blocks; zeros where a value is not finite, which the task then reports.
    void take_states(std::vector<quant::BlockState> states) {
        states_ = std::make_unique<const std::vector<quant::BlockState>>(std::move(states));
    }

    std::uint64_t memory_needed() const override;
    std::uint64_t cut(std::uint64_t memory_bytes) final;
    void do_piece(std::uint64_t number, pipeline::Workspace& workspace) override;
    void settled(std::uint64_t number) override;
    void finish(pipeline::PieceChecksums stored) override;

  protected:
    /// What one piece has in hand: memory cut up, and hashes that grow.
    struct Pass;

    /// What all pieces share; of a task of one piece made for it alone.
    struct Shared;

    BlockTask(const QuantizeJob& quantize_job, const pipeline::Stretch& from,
              const pipeline::Stretch& to, bool wants_checksums);

    /// Makes what the pieces share, and lets it go again: a task of one piece has it for that piece
    /// alone.
    virtual void prepare();
    virtual void release() noexcept;

    /// True where a worker may have nothing else to do: then pieces are small.
    virtual bool is_alone() const noexcept { return false; }

    /// True once a piece has failed in a way that does not end the run.
    virtual bool is_spoiled() { return false; }

    /// Memory for state tensors, if the pieces are to have some: of all of them where they can be
    /// kept, else of runs.
    virtual std::uint64_t state_bytes(const Shared& /*shared*/) const { return 0; }

    /// A piece begins, of which codes are made if `makes_codes`.
    virtual void begin(Pass& /*pass*/, bool /*makes_codes*/) {}

    /// Where the codes of a tile are made, a byte each.
    virtual std::uint8_t* room_for_codes(const quant::TilePlace& place, Pass& pass);

    /// They are made there.
    virtual void take_codes(const quant::TilePlace& place, std::uint8_t* codes, Pass& pass) = 0;

    /// The states of the blocks of these tiles.
    virtual void take_blocks(const quant::TilePlace& place, const quant::Blocks& blocks,
                             Pass& pass) = 0;

    /// All of the piece has come by.
    virtual void end(Pass& /*pass*/, bool /*makes_codes*/) {}

    /// What the pieces found out together.
    virtual void take_result(TensorResult&& result) = 0;

    /// Puts the codes of any tile, packed in their own place; row by row where they do not lie one
    /// behind the other.
    void put_codes(const formats::TensorEncoder& encoder, quant::TilePlace place,
                   std::uint8_t* codes, formats::ByteSink& sink) const;

    Shared& shared() noexcept { return *shared_; }
    std::uint64_t worker_memory() const noexcept { return memory_bytes_; }

  private:
    bool is_one_tile() const noexcept;
    std::uint64_t elements() const noexcept;
    MemoryNeeds one_tile_needs() const noexcept;
    void do_one_tile(pipeline::Workspace& workspace);
    void code_one_tile(Pass& pass);
    void locate(const Piece& piece, Pass& pass) const;
    void begin_source(const Piece& piece, Pass& pass) const;
    void do_mapped(const Piece& piece, Pass& pass);
    void do_steps(const Piece& piece, Pass& pass);
    void do_domain(std::uint64_t first_tile, std::span<const Step> codes, Pass& pass);
    void range_step(const Step& step, Pass& pass);
    void codes_step(const Step& step, Pass& pass);
    void code_tile(const quant::TilePlace& place, const quant::Tile& tile,
                   const quant::Blocks& blocks, quant::SumFactors factors, Pass& pass);
    void note_state(const quant::Blocks& blocks);

    // block_read.cpp
    std::uint64_t first_byte_of(const quant::TilePlace& place) const noexcept;
    std::uint64_t bytes_of(const quant::TilePlace& place) const noexcept;
    ConstBytes source_of(const quant::TilePlace& place, std::byte* memory, const Pass& pass) const;
    quant::Tile tile_of(const quant::TilePlace& place, ConstBytes bytes, Pass& pass) const;
    std::uint64_t next_tile_ahead(const quant::TilePlace& place, const Pass& pass) const;
    void look_at(const quant::TilePlace& place, ConstBytes bytes, const quant::Blocks& blocks,
                 quant::Tile& tile, Pass& pass) const;
    [[noreturn]] void refuse_not_finite(const quant::TilePlace& place, ConstBytes bytes) const;
    const float* weights_of(const quant::TilePlace& place) const noexcept;
    quant::SumFactors make_states(const quant::TilePlace& place, const quant::Tile& tile,
                                  const quant::Blocks& blocks) const;
    [[noreturn]] void refuse_block(const quant::TilePlace& place, const quant::Blocks& blocks,
                                   std::uint64_t block, std::string_view what) const;
    bool known_states(const quant::TilePlace& place, const quant::Blocks& blocks,
                      std::uint64_t& overflowed) const;
    void read_rest(pipeline::SourcePieces& pieces, Pass& pass) const;

    std::unique_ptr<const std::vector<quant::BlockState>>
        states_;  ///< null: they are made from the tiles
    std::unique_ptr<Shared> shared_;
    std::uint64_t memory_bytes_ = 0;  ///< of a worker
};

}  // namespace octet::codecs
