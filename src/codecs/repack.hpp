// Moves a matrix of a set into another format: codes, scales and zero points are those of the set,
// in the other format's order, packing and dtype; nothing is quantized again. Codes around 0 become
// codes from 0 up, and integer zero points real ones, where the other format has no other: such a
// zero point is a product that its dtype holds exactly, or the run ends with an error.
//
// Work is cut into tiles of whole stored rows; memory depends on no tensor's size.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "codecs/tensor_result.hpp"
#include "formats/format.hpp"
#include "formats/octet_set/code_rows.hpp"

namespace octet::codecs {

/// From which scheme to which. What it names outlives the run.
struct RepackJob {
    Scheme from;            ///< as the set has it: channels, or groups that fill the inputs
    Scheme to;              ///< as it is stored: [outputs, inputs], as many bits, the same groups
    std::string_view name;  ///< for messages
    const Shape& shape;     ///< of the set's tensor
    const formats::Format& format;  ///< whose encoder makes the bytes, unless `stacked`
    /// Codes of so many rows of groups share the bytes of one, as GroupsJob::stacked has it; scales
    /// and negated zero points of all rows follow, then `last`. 1: as the encoder stores them.
    std::uint64_t stacked = 1;
    std::vector<std::byte> last = {};
};

/// Inputs of a matrix that can be moved: a worker has an output's codes in memory.
inline constexpr std::uint64_t kMostRepackedInputs = 1U << 20U;

class RepackTask final : public pipeline::TensorTask {
  public:
    /// `from` are codes and state in the set's file. `take` gets checksums under `number`, and
    /// outlives the run.
    RepackTask(RepackJob job, const pipeline::Stretch& from, const pipeline::Stretch& to,
               std::size_t number, const TakeResult& take);

    std::uint64_t memory_needed() const override;
    std::uint64_t cut(std::uint64_t memory_bytes) override;
    void do_piece(std::uint64_t number, pipeline::Workspace& workspace) override;
    void finish(pipeline::PieceChecksums stored) override;

  private:
    /// Rows of groups, one behind the other.
    struct Run {
        std::uint64_t first = 0;
        std::uint64_t count = 0;
    };

    /// A worker's memory, cut up.
    struct Buffers;

    bool is_stacked() const noexcept { return job_.stacked > 1; }
    std::uint64_t stored_rows() const noexcept;
    std::uint64_t code_bytes(const Run& stored) const noexcept;
    Buffers buffers_in(pipeline::Bytes memory) const;
    void read(const Run& run, std::uint8_t* codes, Buffers& buffers) const;
    void encode(const Run& rows, Buffers& buffers, pipeline::OutputStream& output) const;
    void stack(const Run& stored, Buffers& buffers, pipeline::OutputStream& output) const;
    void write_states(const Run& run, Buffers& buffers) const;
    void check_exact(const Run& run, const Buffers& buffers) const;

    const RepackJob job_;
    const TakeResult& take_;
    std::size_t number_;
    octet_set::CodeRows rows_;
    std::uint64_t tile_rows_ = 1;  ///< stored rows of a tile
    std::uint64_t piece_tiles_ = 1;
    std::uint64_t pieces_ = 1;
    std::unique_ptr<formats::TensorEncoder> encoder_;  ///< from cut() to finish()
};

}  // namespace octet::codecs
