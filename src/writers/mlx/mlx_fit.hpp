// Which schemes mlx-lm's affine weights can have, in what groups, and under which of them a set's
// codes have the same values to the bit. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "octet/report.hpp"

namespace octet::writers {

/// True of 32, 64 and 128.
bool is_mlx_group(std::uint32_t size);

/// Inputs that share a scale: as asked, or the largest of mlx-lm's groups below that which fills
/// the rows; 0 where none does.
std::uint32_t mlx_group_for(std::uint64_t inputs, std::uint32_t asked);

struct MlxFit {
    Scheme scheme;        ///< real zero points, scales in the dtype of the weight
    std::string why;      ///< "mlx-lm has ...", which is why there is none; empty where there is
    std::string fitting;  ///< a scheme that the tensor could have instead, or "keep"
};

/// Of a weight of a set, of two dimensions; `axis` counts its outputs. MLX computes scale * code +
/// bias. Real zero points are that; codes around 0, and from integer zero points, are where both
/// products are exact in float32, which they are of scales of 16 bits.
MlxFit mlx_fit(const Scheme& from, const TensorReport& tensor, OutputAxis axis);

}  // namespace octet::writers
