// The range of a tensor's values, and whether all are finite: a result here, not an error. Writes
// nothing. Pieces are tiles of 4 MiB.
#pragma once

#include "codecs/tensor_result.hpp"

namespace octet::codecs {

class ScanTask final : public pipeline::TensorTask {
  public:
    /// `take` gets the range under `number`, and outlives the run.
    ScanTask(const pipeline::Stretch& from, Dtype dtype, std::size_t number, const TakeResult& take)
        : TensorTask(from, {}, false), dtype_(dtype), take_(take), number_(number) {}

    std::uint64_t cut(std::uint64_t memory_bytes) override;
    void do_piece(std::uint64_t number, pipeline::Workspace& workspace) override;
    void finish(pipeline::PieceChecksums stored) override;

  private:
    const Dtype dtype_;
    const TakeResult& take_;
    std::size_t number_;
    std::vector<kernels::Range> ranges_;  ///< of the pieces
};

}  // namespace octet::codecs
