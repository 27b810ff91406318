// Writes a matrix row by row in the blocks of a type of ggml, whatever the layout of its source:
// rows as they are, rows in another order, or columns that become rows. The error is that of what a
// reader decodes from those blocks, against the values that were to be stored.
//
// Work is cut into tiles of whole rows, or of parts of one row where rows are long, by shape and
// type alone; their sums are merged in order. A tile of a transposed source is a strip of its
// columns, read piece by piece, so that memory depends on no tensor's size.
#pragma once

#include <string_view>
#include <vector>

#include "codecs/tensor_result.hpp"
#include "quant/ggml/encode.hpp"

namespace octet::codecs {

/// What a weight is to become. What it names outlives the run.
struct RowsJob {
    std::string_view name;      ///< for messages
    Dtype dtype = Dtype::kF32;  ///< of the source
    std::uint64_t rows = 0;     ///< of the target
    std::uint64_t columns = 0;
    ggml::Type type = ggml::Type::kF32;
    ggml::Search search = ggml::Search::kBest;
    const float* weights = nullptr;  ///< of the squared errors of the columns; null: all 1
    std::uint64_t weight_rows = 0;  ///< rows of each matrix, where each has weights of its own, one
                                    ///< behind the other; 0: all the same
    bool is_transposed = false;     ///< the source is [columns, rows]
    std::uint64_t head_rows =
        0;  ///< of each head: rows i and i + half become 2 i and 2 i + 1; 0: rows stay
    bool keeps_not_finite = false;  ///< of a type of floats: such values are stored as they are
    float factor = 1;               ///< what is stored is value * factor + addend
    float addend = 0;
};

class EncodeRowsTask final : public pipeline::TensorTask {
  public:
    /// `take` gets sums and checksums under `number`, and outlives the run. Where `to` is of no
    /// file, nothing is written, and a scale that overflows is no error but a largest error without
    /// end.
    EncodeRowsTask(const RowsJob& job, const pipeline::Stretch& from, const pipeline::Stretch& to,
                   std::size_t number, const TakeResult& take);

    std::uint64_t memory_needed() const override;
    std::uint64_t cut(std::uint64_t memory_bytes) override;
    void do_piece(std::uint64_t number, pipeline::Workspace& workspace) override;
    void finish(pipeline::PieceChecksums stored) override;

  private:
    /// Rows side by side, or a part of one.
    struct Tile {
        std::uint64_t row = 0;
        std::uint64_t rows = 1;
        std::uint64_t column = 0;
        std::uint64_t columns = 0;

        std::uint64_t elements() const noexcept { return rows * columns; }
    };

    /// A worker's memory, cut up.
    struct Buffers;

    Tile tile(std::uint64_t number) const noexcept;
    std::uint64_t tiles() const noexcept;
    Buffers buffers_in(pipeline::Bytes memory) const;
    void do_tile(const Tile& tile, Buffers& buffers, pipeline::Workspace& workspace,
                 pipeline::OutputStream* output, quant::ErrorSums& sums) const;
    std::uint64_t turned_elements() const noexcept;
    void read_tile(const Tile& tile, Buffers& buffers, pipeline::Workspace& workspace) const;
    void read_turned(const Tile& tile, Buffers& buffers, pipeline::Workspace& workspace) const;
    void read_run(std::uint64_t element, std::uint64_t count, float* values, Buffers& buffers,
                  pipeline::Workspace& workspace) const;
    std::uint64_t source_row(std::uint64_t row) const noexcept;
    std::uint64_t source_element(std::uint64_t row, std::uint64_t column) const noexcept;
    void add_sums(const Tile& tile, const float* values, float* decoded, const std::byte* blocks,
                  quant::ErrorSums& sums) const;
    std::uint64_t rows_of_weights(std::uint64_t row) const noexcept;
    const float* weights_of(const Tile& tile) const noexcept;
    bool is_measuring() const noexcept { return target.file == nullptr; }
    [[noreturn]] void refuse_not_finite(const Tile& tile, const float* values) const;
    [[noreturn]] void refuse_overflow(const Tile& tile) const;

    const RowsJob job_;
    const TakeResult& take_;
    std::size_t number_;
    std::uint64_t tile_rows_ = 1;
    std::uint64_t tile_columns_ = 0;
    std::uint64_t piece_tiles_ = 1;
    std::vector<quant::ErrorSums> sums_;  ///< of the pieces
};

}  // namespace octet::codecs
