// Integers of 8 bits under the weight's own name, as compressed-tensors' naive-quantized and
// int-quantized have them: `M.weight` I8 [out, in], `M.weight_scale` for the tensor, each row or
// each group of a row, and `M.weight_zero_point` of the same shape where they are not symmetric.
// value = (code - zero point) * scale.
#include <algorithm>

#include "base/checked.hpp"
#include "formats/came_quantized/decoder.hpp"

namespace octet::came_quantized {
namespace {

enum Number : std::size_t { kGroup, kGroups, kHasZeros };

/// parts: codes, scale, zero points; numbers: inputs of a group, groups of a row (0: one scale for
/// all), whether there are zero points.
class Integers final : public Decoder {
  public:
    Integers(const Stored& stored, const Weight& weight) : stored_(stored), weight_(weight) {}

    void read(std::uint64_t first, std::span<float> values,
              std::span<std::byte> scratch) const override {
        const std::span<std::byte> codes = scratch.first(values.size());
        stored_.read(weight_.parts[0], first, codes);
        FloatWindow scales(stored_, weight_.parts[1]);
        const bool has_zeros = weight_.numbers[kHasZeros] != 0;
        IntegerWindow zeros(stored_, weight_.parts[has_zeros ? 2 : 0]);
        const std::uint64_t columns = std::max<std::uint64_t>(weight_.shape.back(), 1);
        const std::uint64_t group = weight_.numbers[kGroup];
        for (std::uint64_t done = 0; done < values.size();) {
            const std::uint64_t column = (first + done) % columns;
            const std::uint64_t left = std::min(group - column % group, columns - column);
            const std::uint64_t count = std::min<std::uint64_t>(left, values.size() - done);
            const std::uint64_t groups = weight_.numbers[kGroups];
            const std::uint64_t at =
                groups == 0 ? 0 : (first + done) / columns * groups + column / group;
            const float scale = scales.at(at);
            const auto zero = static_cast<int>(has_zeros ? zeros.at(at) : 0);
            for (std::uint64_t i = done; i < done + count; ++i)
                values[i] = static_cast<float>(static_cast<std::int8_t>(codes[i]) - zero) * scale;
            done += count;
        }
    }

  private:
    const Stored& stored_;
    const Weight& weight_;
};

}  // namespace

std::optional<Weight> claim_integers(const Stored& stored, const Declared& declared,
                                     std::uint32_t codes) {
    const checkpoint::Tensor& tensor = stored[codes];
    if (tensor.dtype != Dtype::kI8 || !tensor.name.ends_with("weight") || tensor.shape.size() < 2)
        return std::nullopt;
    const bool is_declared = declared.method == "compressed-tensors";
    if (!is_declared && !stored.find(tensor.name + "_scale")) return std::nullopt;
    const std::uint32_t scale = needed(stored, codes, tensor.name + "_scale");
    check_floats(stored, scale);
    const Shape& shape = stored[scale].shape;
    const std::uint64_t count = count_of(shape);
    const std::uint64_t columns = tensor.shape.back();
    const std::uint64_t rows = count_of(Shape(tensor.shape.begin(), tensor.shape.end() - 1));
    const std::uint64_t groups = rows > 0 && count % rows == 0 ? count / rows : 0;
    const bool is_one = count == 1;
    const std::uint64_t group =
        is_one ? std::max<std::uint64_t>(columns, 1) : group_size_of(declared, columns, groups);
    if (group == 0 || (!is_one && groups > 1 && shape.back() != groups))
        refuse_shape(stored, scale, codes);
    Weight weight;
    weight.name = tensor.name;
    weight.shape = tensor.shape;
    weight.dtype = dtype_of(declared, stored[scale].dtype);
    weight.type = "int8";
    weight.parts = {codes, scale};
    weight.numbers = {group, is_one ? 0 : groups, 0, 0};
    const auto zeros = stored.find(tensor.name + "_zero_point");
    if (!zeros) return weight;
    if (stored[*zeros].dtype != Dtype::kI8) check_integers(stored, *zeros);
    if (count_of(stored[*zeros].shape) != count) refuse_shape(stored, *zeros, codes);
    weight.parts.push_back(*zeros);
    weight.numbers[kHasZeros] = 1;
    return weight;
}

std::unique_ptr<Decoder> make_integers(const Stored& stored, const Weight& weight) {
    return std::make_unique<Integers>(stored, weight);
}

}  // namespace octet::came_quantized
