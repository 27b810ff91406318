// Rows of [out, in] lie one behind the other. Of [in, out] a strip of columns is read input by
// input, and turned.
#include "formats/octet_set/code_rows.hpp"

#include <vector>

namespace octet::octet_set {

CodeRows::CodeRows(const io::File& file, std::uint64_t offset, const Scheme& scheme,
                   const Shape& shape)
    : blocks_(file, offset, scheme, shape, {}),
      is_transposed_(scheme.axis == OutputAxis::k1),
      outputs_(shape[is_transposed_ ? 1 : 0]),
      inputs_(shape[is_transposed_ ? 0 : 1]),
      group_(scheme.granularity == Granularity::kGroup ? scheme.group_size : inputs_),
      groups_(group_ == 0 ? 0 : inputs_ / group_) {}

void CodeRows::read(std::uint64_t first, std::span<std::uint8_t> codes, std::span<float> scale,
                    std::span<float> zero_point, std::span<std::byte> scratch) const {
    if (is_transposed_)
        return read_columns(first / groups_, scale.size() / groups_, codes.data(), scale.data(),
                            zero_point.data(), scratch);
    blocks_.read_codes(first * group_, codes, scratch);
    blocks_.read_states(first, scale, zero_point);
}

void CodeRows::read_columns(std::uint64_t output, std::uint64_t width, std::uint8_t* codes,
                            float* scale, float* zero_point, std::span<std::byte> scratch) const {
    std::vector<std::uint8_t> strip(width);
    for (std::uint64_t input = 0; input < inputs_; ++input) {
        blocks_.read_codes(input * outputs_ + output, strip, scratch);
        for (std::uint64_t i = 0; i < width; ++i) codes[i * inputs_ + input] = strip[i];
    }
    std::vector<float> scales(width);
    std::vector<float> zero_points(width);
    for (std::uint64_t group = 0; group < groups_; ++group) {
        blocks_.read_states(group * outputs_ + output, scales, zero_points);
        for (std::uint64_t i = 0; i < width; ++i) {
            scale[i * groups_ + group] = scales[i];
            zero_point[i * groups_ + group] = zero_points[i];
        }
    }
}

}  // namespace octet::octet_set
