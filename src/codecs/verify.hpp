// Holds what is stored of a tensor against its source: quantizes it again and compares every byte,
// or, of a copy, compares the two. What does not hold is a result, not an error.
#pragma once

#include <optional>
#include <string>

#include "codecs/block_task.hpp"
#include "formats/format.hpp"
#include "octet/report.hpp"

namespace octet::codecs {

/// What was found out about a stored tensor.
struct Verdict {
    TensorResult made;  ///< of quantizing it again, its source's checksums among it
    std::optional<std::uint64_t>
        first_difference;  ///< the first byte of the stored form that is another
    std::string problem;   ///< why the source cannot be quantized, or empty
};

/// What is wrong with a tensor whose stored form begins at `offset`, in words: one thing, the
/// plainest.
std::optional<std::string> fault_of(const TensorReport& tensor, std::uint64_t offset,
                                    const Verdict& verdict);

/// What is wrong where all else holds, but of a source with another checksum than the sidecar's:
/// codes can hide a small change.
std::optional<std::string> fault_of_source(const TensorReport& tensor, const Checksum& found);

/// Takes the verdict of the task of that number; from any worker.
using TakeVerdict = std::function<void(std::size_t number, Verdict&& verdict)>;

class VerifyTask final : public BlockTask {
  public:
    /// `stored`: the tensor's stored form. `format` and `take` outlive the run.
    VerifyTask(const QuantizeJob& quantize_job, const pipeline::Stretch& from,
               const pipeline::Stretch& stored, const formats::Format& format, std::size_t number,
               const TakeVerdict& take);

    void do_piece(std::uint64_t number, pipeline::Workspace& workspace) override;

  private:
    void prepare() override;
    bool is_alone() const noexcept override { return true; }
    bool is_spoiled() override;
    void take_codes(const quant::TilePlace& place, std::uint8_t* codes, Pass& pass) override;
    void take_blocks(const quant::TilePlace& place, const quant::Blocks& blocks,
                     Pass& pass) override;
    void take_result(TensorResult&& result) override;

    const formats::Format& format_;
    const TakeVerdict& take_;
    std::size_t number_;
    pipeline::Stretch stored_;
    std::unique_ptr<formats::TensorEncoder> encoder_;
    std::mutex mutex_;  ///< of what follows
    std::optional<std::uint64_t> first_difference_;
    std::uint64_t bad_piece_ = 0;
    std::string problem_;
};

/// A tensor that is stored as it is.
class VerifyCopyTask final : public pipeline::TensorTask {
  public:
    VerifyCopyTask(const pipeline::Stretch& from, const pipeline::Stretch& stored,
                   std::size_t number, const TakeVerdict& take);

    std::uint64_t cut(std::uint64_t memory_bytes) override;
    void do_piece(std::uint64_t number, pipeline::Workspace& workspace) override;
    void finish(pipeline::PieceChecksums stored) override;

  private:
    const TakeVerdict& take_;
    std::size_t number_;
    pipeline::Stretch stored_;
    std::mutex mutex_;  ///< of what follows
    Verdict verdict_;
};

}  // namespace octet::codecs
