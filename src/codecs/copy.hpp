// Bytes as they are, and floats as those of another dtype: what is done to tensors that are kept.
// Pieces are tiles of 4 MiB of the wider side.
#pragma once

#include <string_view>

#include "codecs/tensor_result.hpp"

namespace octet::codecs {

/// Copies bytes; the result has the checksums of both sides, which are the same.
class CopyTask final : public pipeline::TensorTask {
  public:
    /// `take` gets the result under `number`, and outlives the run.
    CopyTask(const pipeline::Stretch& from, const pipeline::Stretch& to, std::size_t number,
             const TakeResult& take, bool wants_checksums = true)
        : TensorTask(from, to, wants_checksums), take_(take), number_(number) {}

    std::uint64_t cut(std::uint64_t memory_bytes) override;
    void do_piece(std::uint64_t number, pipeline::Workspace& workspace) override;
    void finish(pipeline::PieceChecksums stored) override;

  private:
    const TakeResult& take_;
    std::size_t number_;
    std::uint64_t piece_bytes_ = 0;
};

/// Which floats become which.
struct ConvertJob {
    pipeline::Stretch source;
    pipeline::Stretch target;
    Dtype from = Dtype::kF32;
    Dtype to = Dtype::kF32;
    std::string_view name;  ///< for messages
};

/// Converts floats to the nearest of another dtype; the result says how far off they are. One that
/// overflows: kBadInput.
class ConvertTask final : public pipeline::TensorTask {
  public:
    ConvertTask(const ConvertJob& job, std::size_t number, const TakeResult& take)
        : TensorTask(job.source, job.target, false), job_(job), take_(take), number_(number) {}

    std::uint64_t cut(std::uint64_t memory_bytes) override;
    void do_piece(std::uint64_t number, pipeline::Workspace& workspace) override;
    void finish(pipeline::PieceChecksums stored) override;

  private:
    const ConvertJob job_;
    const TakeResult& take_;
    std::size_t number_;
    std::uint64_t piece_elements_ = 0;
    std::vector<kernels::Narrowing> narrowings_;  ///< of the pieces
};

/// Adds what narrowing a part did; kBadInput where a value of the tensor overflowed `dtype`.
void add_narrowing(const kernels::Narrowing& part, std::string_view file, std::string_view tensor,
                   Dtype dtype, kernels::Narrowing& all);

}  // namespace octet::codecs
