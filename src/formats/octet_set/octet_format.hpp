// Octet's own set as a format: data files follow the source's shards, a tensor's codes are followed
// by its state tensors (docs/format.md).
#pragma once

#include "formats/format.hpp"

namespace octet::octet_set {

class OctetFormat final : public formats::Format {
  public:
    std::unique_ptr<formats::TensorEncoder> encoder_of(const Scheme& scheme,
                                                       const Shape& shape) const override;
    std::vector<quant::StoredPart> parts_of(const TensorReport& tensor,
                                            const std::optional<Scheme>& scheme) const override;
    formats::NameOfPart part_names(const std::vector<TensorReport>& tensors) const override;
    std::vector<formats::DataFile> data_files(
        const checkpoint::Checkpoint& checkpoint) const override;
};

}  // namespace octet::octet_set
