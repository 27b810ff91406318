// What a scheme would do to a tensor: measured by quantizing it without writing anything. A scheme
// that cannot hold the tensor's values does not end the run; why it cannot is part of what was
// measured.
#pragma once

#include <functional>
#include <mutex>
#include <string>

#include "codecs/block_task.hpp"

namespace octet::codecs {

struct Measured {
    TensorResult made;    ///< of it sums and bound
    std::string problem;  ///< why the scheme cannot hold the tensor, a line that names it; or empty
};

/// Takes what was measured under that number; from any worker.
using TakeMeasured = std::function<void(std::size_t number, Measured&& measured)>;

class MeasureTask final : public BlockTask {
  public:
    /// `take` outlives the run.
    MeasureTask(const QuantizeJob& quantize_job, const pipeline::Stretch& from, std::size_t number,
                const TakeMeasured& take)
        : BlockTask(quantize_job, from, {}, false), take_(take), number_(number) {}

    void do_piece(std::uint64_t number, pipeline::Workspace& workspace) override;

  private:
    bool is_spoiled() override;
    void take_codes(const quant::TilePlace& /*place*/, std::uint8_t* /*codes*/,
                    Pass& /*pass*/) override {}
    void take_blocks(const quant::TilePlace& /*place*/, const quant::Blocks& /*blocks*/,
                     Pass& /*pass*/) override {}
    void take_result(TensorResult&& result) override {
        take_(number_, {std::move(result), std::move(problem_)});
    }

    const TakeMeasured& take_;
    std::size_t number_;
    std::mutex mutex_;
    std::string problem_;
    std::uint64_t bad_piece_ = 0;  ///< the first that has a problem
};

}  // namespace octet::codecs
