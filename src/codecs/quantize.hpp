// Quantizes a tensor: its codes and states go, as the format's encoder makes bytes of them, to
// their places in the target.
//
// Codes that come in order are handed to the output queue. State tensors wait in memory and follow
// the codes, so that the file is written in order; where there is no room for them they are written
// at their places in runs of 64 KiB.
#pragma once

#include <mutex>

#include "codecs/block_task.hpp"
#include "formats/format.hpp"

namespace octet::codecs {

class QuantizeTask final : public BlockTask {
  public:
    /// What `take` gets under `number`: sums, bound, state, and the checksums of pieces. `format`
    /// and `take` outlive the run.
    QuantizeTask(const QuantizeJob& quantize_job, const pipeline::Stretch& from,
                 const pipeline::Stretch& to, const formats::Format& format, std::size_t number,
                 const TakeResult& take);
    ~QuantizeTask() override;

  private:
    class States;

    void prepare() override;
    void release() noexcept override;
    std::uint64_t state_bytes(const Shared& shared) const override;
    void begin(Pass& pass, bool makes_codes) override;
    std::uint8_t* room_for_codes(const quant::TilePlace& place, Pass& pass) override;
    void take_codes(const quant::TilePlace& place, std::uint8_t* codes, Pass& pass) override;
    void take_blocks(const quant::TilePlace& place, const quant::Blocks& blocks,
                     Pass& pass) override;
    void end(Pass& pass, bool makes_codes) override;
    void take_result(TensorResult&& result) override;

    const formats::Format& format_;
    const TakeResult& take_;
    std::size_t number_;
    std::unique_ptr<States> states_;
};

}  // namespace octet::codecs
