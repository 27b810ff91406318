// FP8: codes of 8-bit floats under the weight's own name, and one scale for the tensor, for each
// row, or for each block of 128 x 128 (of any size that config.json names; the last ones may be
// smaller): `weight_scale_inv` of DeepSeek's, `weight_scale` of compressed-tensors' and others'.
// value = code * scale, in float32. Without any scale in the checkpoint the codes are the values.
#include <algorithm>

#include <fmt/format.h>

#include "base/checked.hpp"
#include "base/text.hpp"
#include "formats/came_quantized/decoder.hpp"
#include "formats/came_quantized/small_floats.hpp"

namespace octet::came_quantized {
namespace {

constexpr std::uint64_t kUsualBlock = 128;

/// What scales a dimension of `size` elements in steps of: the whole, 1, or equal parts. 0: those
/// scales do not fit.
std::uint64_t step_of(std::uint64_t size, std::uint64_t scales, bool in_parts) {
    if (scales == 1) return std::max<std::uint64_t>(size, 1);
    if (scales == size) return 1;
    return in_parts && scales != 0 && size % scales == 0 ? size / scales : 0;
}

std::uint64_t dimension(const Shape& shape, std::size_t from_behind) {
    return shape.size() >= from_behind ? shape[shape.size() - from_behind] : 1;
}

/// The scale's shape as [batch..., rows, columns] of the weight's: [] and [1] are one for all,
/// [out] is one for each row.
std::optional<Shape> aligned(const Shape& weight, Shape scale) {
    if (count_of(scale) == 1) return Shape(weight.size(), 1);
    if (scale.size() + 1 == weight.size() && scale.back() == weight[weight.size() - 2])
        scale.push_back(1);
    if (scale.size() != weight.size()) return std::nullopt;
    return scale;
}

struct Steps {
    std::uint64_t rows = 0;
    std::uint64_t columns = 0;
};

/// Nothing where the scale does not belong to a weight of that shape.
std::optional<Steps> steps_of(const Shape& weight, const Shape& given, const Declared& declared) {
    const std::optional<Shape> scale = aligned(weight, given);
    if (!scale) return std::nullopt;
    const bool is_one = count_of(*scale) == 1;
    for (std::size_t i = 0; i + 2 < weight.size(); ++i) {
        if (!is_one && (*scale)[i] != weight[i]) return std::nullopt;
    }
    const std::uint64_t rows = dimension(weight, 2);
    const std::uint64_t columns = dimension(weight, 1);
    const std::uint64_t down = dimension(*scale, 2);
    const std::uint64_t across = dimension(*scale, 1);
    const bool has_block = declared.block.size() == 2;
    const Steps usual{kUsualBlock, kUsualBlock};
    for (const Steps& block :
         {has_block ? Steps{declared.block[0], declared.block[1]} : usual, usual}) {
        if (!is_one && divide_up(rows, block.rows) == down &&
            divide_up(columns, block.columns) == across)
            return block;
    }
    const Steps steps{step_of(rows, down, false), step_of(columns, across, true)};
    return steps.rows == 0 || steps.columns == 0 ? std::nullopt : std::optional(steps);
}

bool is_state_leaf(std::string_view name) {
    return name.ends_with("scale") || name.ends_with("scales") || name.ends_with("scale_inv");
}

std::string type_of(const Shape& weight, const Steps& steps, bool is_one) {
    if (is_one) return "fp8-tensor";
    if (steps.rows == 1 && steps.columns == std::max<std::uint64_t>(dimension(weight, 1), 1))
        return "fp8-channel";
    return fmt::format("fp8-block{}x{}", steps.rows, steps.columns);
}

/// numbers: rows and columns of a block, and whether one scale is for all.
class Fp8 final : public Decoder {
  public:
    Fp8(const Stored& stored, const Weight& weight)
        : stored_(stored),
          weight_(weight),
          table_(f8_table(stored[weight.parts[0]].dtype)),
          rows_(std::max<std::uint64_t>(dimension(weight.shape, 2), 1)),
          columns_(std::max<std::uint64_t>(dimension(weight.shape, 1), 1)),
          step_rows_(weight.numbers[0]),
          step_columns_(weight.numbers[1]),
          scales_a_row_(divide_up(columns_, step_columns_)),
          scales_a_matrix_(divide_up(rows_, step_rows_) * scales_a_row_) {}

    void read(std::uint64_t first, std::span<float> values,
              std::span<std::byte> scratch) const override {
        const std::span<std::byte> codes = scratch.first(values.size());
        stored_.read(weight_.parts[0], first, codes);
        if (weight_.parts.size() == 1) return scale_run(codes.data(), 1.0F, values);
        FloatWindow scales(stored_, weight_.parts[1]);
        for (std::uint64_t done = 0; done < values.size();) {
            const std::uint64_t element = first + done;
            const std::uint64_t column = element % columns_;
            const std::uint64_t in_block = column % step_columns_;
            const std::uint64_t left = std::min(step_columns_ - in_block, columns_ - column);
            const std::uint64_t count = std::min<std::uint64_t>(left, values.size() - done);
            scale_run(codes.data() + done, scales.at(scale_of(element)),
                      values.subspan(done, count));
            done += count;
        }
    }

  private:
    std::uint64_t scale_of(std::uint64_t element) const {
        if (weight_.numbers[2] != 0) return 0;
        const std::uint64_t row = element / columns_;
        return row / rows_ * scales_a_matrix_ + row % rows_ / step_rows_ * scales_a_row_ +
               element % columns_ / step_columns_;
    }

    void scale_run(const std::byte* codes, float scale, std::span<float> values) const {
        for (std::size_t i = 0; i < values.size(); ++i)
            values[i] = table_[std::to_integer<std::uint8_t>(codes[i])] * scale;
    }

    const Stored& stored_;
    const Weight& weight_;
    const F8Table& table_;
    std::uint64_t rows_;
    std::uint64_t columns_;
    std::uint64_t step_rows_;
    std::uint64_t step_columns_;
    std::uint64_t scales_a_row_;
    std::uint64_t scales_a_matrix_;
};

/// The scale of codes of that name; nothing where the whole checkpoint has none.
std::optional<std::uint32_t> scale_of(const Stored& stored, const Declared& declared,
                                      std::uint32_t codes) {
    const std::string& name = stored[codes].name;
    const std::string prefix = prefix_of(name);
    const std::array<std::string, 4> names = {name + "_scale_inv", name + "_scale",
                                              prefix + "scale_weight", prefix + "scale"};
    if (const auto found = first_of(stored, names)) return found;
    if (declared.method.empty() && !stored.names_scales()) return std::nullopt;
    return needed(stored, codes, names[declared.method == "fp8" ? 0 : 1]);
}

}  // namespace

std::optional<Weight> claim_fp8(const Stored& stored, const Declared& declared,
                                std::uint32_t codes) {
    const checkpoint::Tensor& tensor = stored[codes];
    if (!is_f8(tensor.dtype) || is_state_leaf(tensor.name)) return std::nullopt;
    Weight weight;
    weight.name = tensor.name;
    weight.shape = tensor.shape;
    weight.parts = {codes};
    weight.type = "fp8";
    weight.numbers = {1, 1, 0, 0};
    weight.dtype = dtype_of(declared, Dtype::kF32);
    const std::optional<std::uint32_t> scale = scale_of(stored, declared, codes);
    if (!scale) return weight;
    const checkpoint::Tensor& scales = stored[*scale];
    if (!FloatWindow::reads(scales.dtype))
        stored.refuse(*scale, fmt::format("is {}, which no scale is", dtype_name(scales.dtype)));
    const std::optional<Steps> steps = steps_of(weight.shape, scales.shape, declared);
    if (!steps)
        stored.refuse(*scale,
                      fmt::format("has the shape {}, which does not fit the weight {} of shape {}",
                                  shape_text(scales.shape), in_quotes(tensor.name),
                                  shape_text(tensor.shape)));
    const bool is_one = count_of(scales.shape) == 1;
    weight.parts.push_back(*scale);
    weight.dtype = dtype_of(declared, scales.dtype);
    weight.type = type_of(weight.shape, *steps, is_one);
    weight.numbers = {steps->rows, steps->columns, is_one ? 1U : 0U, 0};
    return weight;
}

std::unique_ptr<Decoder> make_fp8(const Stored& stored, const Weight& weight) {
    return std::make_unique<Fp8>(stored, weight);
}

}  // namespace octet::came_quantized
