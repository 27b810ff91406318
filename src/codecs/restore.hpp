// The way back: codes and states to floats of any dtype. Pieces are 2^20 elements, or the whole
// tensor where it is small.
#pragma once

#include <memory>
#include <string_view>

#include "codecs/tensor_result.hpp"
#include "formats/octet_set/block_restorer.hpp"

namespace octet::codecs {

/// A quantized tensor as it is stored, and where its values go. What it names outlives the run.
struct RestoreJob {
    pipeline::Stretch source;  ///< codes and state tensors
    pipeline::Stretch target;
    Scheme scheme;
    quant::BlockState state;    ///< of a tensor with one scale
    Dtype dtype = Dtype::kF32;  ///< of the target
    std::string_view name;      ///< for messages
    const Shape* shape = nullptr;
};

/// The result says how far narrowing to `dtype` was off. A value that overflows it: kBadInput.
class RestoreTask final : public pipeline::TensorTask {
  public:
    /// `take` gets the result under `number`, and outlives the run.
    RestoreTask(const RestoreJob& job, std::size_t number, const TakeResult& take)
        : TensorTask(job.source, job.target, false), job_(job), take_(take), number_(number) {}

    std::uint64_t memory_needed() const override;
    std::uint64_t cut(std::uint64_t memory_bytes) override;
    void do_piece(std::uint64_t number, pipeline::Workspace& workspace) override;
    void finish(pipeline::PieceChecksums stored) override;

  private:
    std::uint64_t elements() const noexcept;
    octet_set::BlockRestorer restorer() const;
    void restore_part(const octet_set::BlockRestorer& own, std::span<const std::byte> codes,
                      std::span<std::byte> room, kernels::Narrowing& narrowing) const;
    void restore_plain(const octet_set::BlockRestorer& own, std::uint64_t begin, std::uint64_t end,
                       pipeline::Workspace& workspace);
    void restore_blocks(const octet_set::BlockRestorer& own, std::uint64_t begin, std::uint64_t end,
                        pipeline::Workspace& workspace);

    const RestoreJob job_;
    const TakeResult& take_;
    std::size_t number_;
    std::unique_ptr<octet_set::BlockRestorer> restorer_;  ///< where there are several pieces
    std::vector<kernels::Narrowing> narrowings_;          ///< of the pieces
};

}  // namespace octet::codecs
