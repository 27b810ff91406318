// What a scheme would do to a tensor: measured by quantizing it without writing anything.
#pragma once

#include "codecs/block_task.hpp"

namespace octet::codecs {

class MeasureTask final : public BlockTask {
  public:
    /// `take` gets sums and bound under `number`, and outlives the run.
    MeasureTask(const QuantizeJob& quantize_job, const pipeline::Stretch& from, std::size_t number,
                const TakeResult& take)
        : BlockTask(quantize_job, from, {}, false), take_(take), number_(number) {}

  private:
    void take_codes(const quant::TilePlace& /*place*/, std::uint8_t* /*codes*/, Pass& /*pass*/) override {}
    void take_blocks(const quant::TilePlace& /*place*/, const quant::Blocks& /*blocks*/, Pass& /*pass*/) override {}
    void take_result(TensorResult&& result) override { take_(number_, std::move(result)); }

    const TakeResult& take_;
    std::size_t number_;
};

}  // namespace octet::codecs
