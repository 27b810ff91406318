// A set of octet's own as a source of floats: codes are restored as they are read.
#pragma once

#include "formats/float_source.hpp"
#include "formats/octet_set/block_restorer.hpp"
#include "formats/octet_set/quantized_set.hpp"

namespace octet::octet_set {

class SetSource final : public formats::FloatSource {
  public:
    explicit SetSource(QuantizedSet&& set);

    void read_codes(std::size_t tensor, std::uint64_t first, std::span<formats::CodedElement> codes,
                    std::span<std::byte> scratch) const override;

  private:
    static Contents contents_of(QuantizedSet& set);
    BlockRestorer reader_of(std::size_t tensor) const;
    void read_as(Dtype target, std::size_t tensor, std::uint64_t first, std::uint64_t count,
                 std::span<std::byte> values, std::span<std::byte> scratch) const override;
};

}  // namespace octet::octet_set
