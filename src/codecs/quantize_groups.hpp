// Quantizes a matrix whose groups are stored in another order than they are read: of columns that
// become rows (GPT-2's Conv1D), or with codes of distant rows in one byte (quanto's qint4 and
// qint2).
//
// The matrix is seen as rows of one group each, in the order of the outputs. The stored form is the
// codes, then a scale for each row, a zero point for each row, and bytes that are the same for
// every matrix. Work is cut into tiles of whole stored rows by shape alone, whose sums are merged
// in order; memory depends on no tensor's size.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "codecs/tensor_result.hpp"
#include "octet/scheme.hpp"
#include "quant/block_codec.hpp"

namespace octet::codecs {

/// How a matrix becomes rows of groups. What it names outlives the run.
struct GroupsJob {
    Dtype dtype = Dtype::kF32;
    Scheme scheme;          ///< affine with real zero points, in channels or groups
    std::string_view name;  ///< for messages
    const Shape& shape;     ///< of the source: [outputs, inputs], or the other way round
    std::span<const float> weights =
        {};  ///< of the squared errors of the inputs, in a search; empty: all 1
    std::uint64_t group =
        0;  ///< inputs of one scale, which divide all; a multiple of 8 unless stacked
    bool is_transposed = false;  ///< the source is [inputs, outputs]
    /// Codes of so many rows share the bytes of one: row r and those that follow it at distances of
    /// ceil(rows / stacked). 1: the codes of a row are packed one behind the other.
    std::uint64_t stacked = 1;
    bool negates_zero_points = false;  ///< what is stored is subtracted by who reads it
    std::vector<std::byte> last = {};  ///< stands behind all else
};

class QuantizeGroupsTask final : public pipeline::TensorTask {
  public:
    /// `take` gets sums and checksums under `number`, and outlives the run.
    QuantizeGroupsTask(GroupsJob job, const pipeline::Stretch& from, const pipeline::Stretch& to,
                       std::size_t number, const TakeResult& take);

    std::uint64_t memory_needed() const override;
    std::uint64_t cut(std::uint64_t memory_bytes) override;
    void do_piece(std::uint64_t number, pipeline::Workspace& workspace) override;
    void finish(pipeline::PieceChecksums stored) override;

  private:
    /// Stored rows, each of `stacked` rows of groups.
    struct Tile {
        std::uint64_t first = 0;
        std::uint64_t count = 0;
    };

    /// Rows of groups, one behind the other.
    struct Run {
        std::uint64_t first = 0;
        std::uint64_t count = 0;
    };

    struct Found {
        quant::ErrorSums sums;
        double bound = 0;
    };

    /// A worker's memory, cut up.
    struct Buffers;

    std::uint64_t outputs() const noexcept { return job_.shape[job_.is_transposed ? 1 : 0]; }
    std::uint64_t inputs() const noexcept { return job_.shape[job_.is_transposed ? 0 : 1]; }
    std::uint64_t rows() const noexcept { return outputs() * groups_each_; }
    std::uint64_t stored_row_bytes() const noexcept;
    std::uint64_t tiles() const noexcept;
    Buffers buffers_in(pipeline::Bytes memory) const;
    void do_tile(const Tile& tile, Buffers& buffers, pipeline::Workspace& workspace,
                 pipeline::OutputStream& output, Found& found) const;
    void read(const Run& run, Buffers& buffers, const pipeline::Workspace& workspace) const;
    void read_floats(std::uint64_t element, std::uint64_t count, float* values, Buffers& buffers,
                     const pipeline::Workspace& workspace) const;
    void quantize(const Run& run, Buffers& buffers, std::uint8_t* codes, Found& found) const;
    void quantize_rows(const Run& run, const float* values, const float* weights,
                       const quant::Blocks& blocks, std::uint8_t* codes, Found& found) const;
    void write_states(const Run& run, Buffers& buffers) const;
    std::uint64_t source_element(std::uint64_t row, std::uint64_t column) const noexcept;
    [[noreturn]] void refuse_values(const Run& run, const float* values) const;
    [[noreturn]] void refuse_block(const Run& run, const quant::Blocks& blocks,
                                   std::uint64_t block) const;

    const GroupsJob job_;
    const TakeResult& take_;
    std::size_t number_;
    std::uint64_t groups_each_ = 0;  ///< of an output
    std::uint64_t stored_rows_ = 0;
    std::uint64_t tile_rows_ = 1;  ///< stored rows of a tile
    std::uint64_t piece_tiles_ = 1;
    std::vector<Found> found_;  ///< of the pieces
};

}  // namespace octet::codecs
