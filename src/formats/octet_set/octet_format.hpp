// Octet's own set as an output format.
#pragma once

#include "formats/format.hpp"
#include "formats/octet_set/tile_encoder.hpp"

namespace octet::octet_set {

class OctetFormat final : public formats::Format {
  public:
    std::unique_ptr<formats::TensorEncoder> encoder_of(const Scheme& scheme, const Shape& shape) const override {
        return std::make_unique<TileEncoder>(scheme, shape);
    }
};

}  // namespace octet::octet_set
