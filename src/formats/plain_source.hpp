// A plain checkpoint as a source of floats.
#pragma once

#include "checkpoint/checkpoint.hpp"
#include "formats/float_source.hpp"

namespace octet::formats {

/// The tensors of a plain checkpoint as reports show them, in file order, kinds not yet assigned.
std::vector<TensorReport> tensors_of(const checkpoint::Checkpoint& checkpoint);

/// The same of a checkpoint whose names and shapes are not needed any more.
std::vector<TensorReport> take_tensors(checkpoint::Checkpoint& checkpoint);

class PlainSource final : public FloatSource {
  public:
    explicit PlainSource(checkpoint::Checkpoint&& checkpoint);

  private:
    static Contents contents_of(checkpoint::Checkpoint& checkpoint);
    void read_as(Dtype target, std::size_t tensor, std::uint64_t first, std::uint64_t count,
                 std::span<std::byte> values, std::span<std::byte> scratch) const override;
};

}  // namespace octet::formats
