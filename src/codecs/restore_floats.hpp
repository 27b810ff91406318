// The tensors of any source restored through the reading seam, as floats of one dtype. Pieces are
// runs of elements that the source reads well.
#pragma once

#include <string_view>
#include <vector>

#include "codecs/tensor_result.hpp"
#include "formats/float_source.hpp"

namespace octet::codecs {

/// What it names outlives the run.
struct RestoreFloatsJob {
    const formats::FloatSource* source = nullptr;
    std::size_t tensor = 0;  ///< a float tensor of it
    pipeline::Stretch target;
    Dtype dtype = Dtype::kF32;  ///< of the target
};

/// The result says how far narrowing to `dtype` was off. A value that overflows it: kBadInput.
class RestoreFloatsTask final : public pipeline::TensorTask {
  public:
    /// `take` gets the result under `number`, and outlives the run.
    RestoreFloatsTask(const RestoreFloatsJob& job, std::size_t number, const TakeResult& take)
        : TensorTask({}, job.target, false), job_(job), take_(take), number_(number) {}

    std::uint64_t progress_bytes() const override { return job_.source->byte_count(job_.tensor); }
    std::uint64_t memory_needed() const override;
    std::uint64_t cut(std::uint64_t memory_bytes) override;
    void do_piece(std::uint64_t number, pipeline::Workspace& workspace) override;
    void finish(pipeline::PieceChecksums stored) override;

  private:
    std::uint64_t elements() const;
    const TensorReport& tensor() const { return job_.source->tensors()[job_.tensor]; }

    const RestoreFloatsJob job_;
    const TakeResult& take_;
    std::size_t number_;
    std::uint64_t run_ = 0;                       ///< elements of a piece
    std::vector<kernels::Narrowing> narrowings_;  ///< of the pieces
};

}  // namespace octet::codecs
