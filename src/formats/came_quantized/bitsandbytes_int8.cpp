// bitsandbytes' int8: `M.weight` I8 [out, in], and `M.SCB` F32 [out], the largest magnitude of each
// row. value = code * SCB * (1 / 127), each product rounded to float32, as int8_vectorwise_dequant
// has it. `M.weight_format` says how codes lie; only rows (0) are read, as all others are those of
// one kind of GPU.
#include <algorithm>

#include <fmt/format.h>

#include "formats/came_quantized/decoder.hpp"

namespace octet::came_quantized {
namespace {

constexpr float kStep = 7.874015718698502e-3F;  // 1 / 127 as float32

/// parts: codes, SCB.
class RowInt8 final : public Decoder {
  public:
    RowInt8(const Stored& stored, const Weight& weight) : stored_(stored), weight_(weight) {}

    void read(std::uint64_t first, std::span<float> values,
              std::span<std::byte> scratch) const override {
        const std::span<std::byte> codes = scratch.first(values.size());
        stored_.read(weight_.parts[0], first, codes);
        FloatWindow scales(stored_, weight_.parts[1]);
        const std::uint64_t columns = std::max<std::uint64_t>(weight_.shape.back(), 1);
        for (std::uint64_t done = 0; done < values.size();) {
            const std::uint64_t column = (first + done) % columns;
            const std::uint64_t end =
                std::min<std::uint64_t>(values.size(), done + columns - column);
            const float scale = scales.at((first + done) / columns);
            for (; done < end; ++done)
                values[done] =
                    static_cast<float>(static_cast<std::int8_t>(codes[done])) * scale * kStep;
        }
    }

  private:
    const Stored& stored_;
    const Weight& weight_;
};

/// Names that format where it is not that of rows: kBadInput.
void check_format(const Stored& stored, std::uint32_t format) {
    check_integers(stored, format);
    if (count_of(stored[format].shape) != 1) stored.refuse(format, "is not one number");
    const std::int64_t layout = IntegerWindow(stored, format).at(0);
    if (layout != 0)
        stored.refuse(format, fmt::format("is {}, the layout of one kind of GPU; save the model "
                                          "again with a bitsandbytes of 2025 or later",
                                          layout));
}

}  // namespace

std::optional<Weight> claim_row_int8(const Stored& stored, const Declared& declared,
                                     std::uint32_t codes) {
    const checkpoint::Tensor& tensor = stored[codes];
    if (tensor.dtype != Dtype::kI8 || !tensor.name.ends_with("weight") || tensor.shape.empty())
        return std::nullopt;
    const std::string prefix = prefix_of(tensor.name);
    if (declared.method != "bitsandbytes" && !stored.find(prefix + "SCB")) return std::nullopt;
    const std::uint32_t scales = needed(stored, codes, prefix + "SCB");
    check_floats(stored, scales);
    const std::uint64_t rows = count_of(Shape(tensor.shape.begin(), tensor.shape.end() - 1));
    if (count_of(stored[scales].shape) != rows) refuse_shape(stored, scales, codes);
    Weight weight;
    weight.name = tensor.name;
    weight.shape = tensor.shape;
    weight.dtype = dtype_of(declared, stored[scales].dtype);
    weight.type = "bitsandbytes-int8";
    weight.parts = {codes, scales};
    if (const auto format = stored.find(tensor.name + "_format")) {
        check_format(stored, *format);
        weight.dropped.push_back(*format);
    }
    return weight;
}

std::unique_ptr<Decoder> make_row_int8(const Stored& stored, const Weight& weight) {
    return std::make_unique<RowInt8>(stored, weight);
}

}  // namespace octet::came_quantized
