// Floats of 4 bits, E2M1, two a byte, the low one first, and a scale for each 16 or 32 of a row:
// MXFP4 as gpt-oss has it (`X_blocks` U8 [experts, out, groups, 16], `X_scales` U8, powers of two),
// as compressed-tensors (`M.weight_packed` U8, `M.weight_scale` U8) and DeepSeek (`M.weight` I8,
// `M.scale` F8_E8M0) do; and NVFP4: scales F8_E4M3, and one for the tensor, by which they are
// divided (`M.weight_global_scale`) or multiplied (`M.weight_scale_2`).
#include <algorithm>

#include "base/checked.hpp"
#include "formats/came_quantized/decoder.hpp"
#include "formats/came_quantized/small_floats.hpp"

namespace octet::came_quantized {
namespace {

enum Number : std::size_t { kGroup, kGlobal };
enum Global : std::uint64_t { kNone, kDivides, kMultiplies };

/// parts: codes, scales, [the tensor's scale].
class Fp4 final : public Decoder {
  public:
    Fp4(const Stored& stored, const Weight& weight) : stored_(stored), weight_(weight) {
        if (weight.numbers[kGlobal] != kNone) global_ = FloatWindow(stored, weight.parts[2]).at(0);
    }

    void read(std::uint64_t first, std::span<float> values,
              std::span<std::byte> scratch) const override {
        if (values.empty()) return;
        const std::uint64_t begin = first / 2;
        const std::uint64_t size = divide_up(first + values.size(), 2) - begin;
        const std::span<std::byte> bytes = scratch.first(size);
        stored_.read(weight_.parts[0], begin, bytes);
        FloatWindow scales(stored_, weight_.parts[1]);
        const std::uint64_t group = weight_.numbers[kGroup];
        for (std::uint64_t done = 0; done < values.size();) {
            const std::uint64_t element = first + done;
            const std::uint64_t end =
                std::min<std::uint64_t>(values.size(), done + group - element % group);
            const float scale = scale_with_global(scales.at(element / group));
            for (; done < end; ++done) {
                const std::uint64_t at = first + done;
                const auto both = std::to_integer<unsigned>(bytes[at / 2 - begin]);
                values[done] = kE2M1[at % 2 == 0 ? both & 15U : both >> 4U] * scale;
            }
        }
    }

  private:
    float scale_with_global(float scale) const {
        const std::uint64_t how = weight_.numbers[kGlobal];
        return how == kDivides ? scale / global_ : how == kMultiplies ? scale * global_ : scale;
    }

    const Stored& stored_;
    const Weight& weight_;
    float global_ = 1;
};

/// The weight of codes whose last dimension holds two a byte; its groups fill rows.
Weight weight_of(const Stored& stored, const Declared& declared, std::uint32_t codes,
                 std::uint32_t scale, std::string name, Shape shape) {
    check_floats(stored, scale);
    const std::uint64_t columns = shape.empty() ? 0 : shape.back();
    const std::uint64_t elements = element_count(shape).value_or(0);
    const std::uint64_t scales = count_of(stored[scale].shape);
    const std::uint64_t group = scales == 0 ? 0 : elements / scales;
    const bool fits = group == 0
                          ? elements == 0 && scales == 0
                          : group * scales == elements && columns % group == 0 && group % 2 == 0;
    if (!fits) refuse_shape(stored, scale, codes);
    Weight weight;
    weight.name = std::move(name);
    weight.shape = std::move(shape);
    weight.dtype = declared.dtype.value_or(Dtype::kBF16);
    weight.type = stored[scale].dtype == Dtype::kF8E4M3 ? "nvfp4" : "mxfp4";
    weight.parts = {codes, scale};
    weight.numbers = {std::max<std::uint64_t>(group, 1), kNone, 0, 0};
    return weight;
}

/// gpt-oss: the last two dimensions are blocks of a row and their bytes.
std::optional<Weight> claim_blocks(const Stored& stored, const Declared& declared,
                                   std::uint32_t codes) {
    constexpr std::string_view kBlocks = "_blocks";
    const checkpoint::Tensor& tensor = stored[codes];
    if (tensor.dtype != Dtype::kU8 || !tensor.name.ends_with(kBlocks) || tensor.shape.size() < 3)
        return std::nullopt;
    const std::string name = tensor.name.substr(0, tensor.name.size() - kBlocks.size());
    const std::uint32_t scale = needed(stored, codes, name + "_scales");
    Shape shape(tensor.shape.begin(), tensor.shape.end() - 2);
    const Shape blocks(tensor.shape.begin(), tensor.shape.end() - 1);
    if (stored[scale].shape != blocks) refuse_shape(stored, scale, codes);
    const auto bytes = checked_multiply(tensor.shape[tensor.shape.size() - 2], tensor.shape.back());
    const auto columns = checked_multiply(bytes.value_or(0), 2);
    shape.push_back(columns.value_or(0));
    return weight_of(stored, declared, codes, scale, name, std::move(shape));
}

void add_global(const Stored& stored, std::uint32_t codes, const std::string& name,
                Weight& weight) {
    const bool divides = stored.find(name + "_global_scale").has_value();
    const std::uint32_t global =
        needed(stored, codes, name + (divides ? "_global_scale" : "_scale_2"));
    check_floats(stored, global);
    if (count_of(stored[global].shape) != 1) refuse_shape(stored, global, codes);
    weight.parts.push_back(global);
    weight.numbers[kGlobal] = divides ? kDivides : kMultiplies;
}

}  // namespace

std::optional<Weight> claim_fp4(const Stored& stored, const Declared& declared,
                                std::uint32_t codes) {
    if (auto blocks = claim_blocks(stored, declared, codes)) return blocks;
    const checkpoint::Tensor& tensor = stored[codes];
    const bool is_bytes = tensor.dtype == Dtype::kU8 || tensor.dtype == Dtype::kI8;
    if (!is_bytes || tensor.shape.size() < 2) return std::nullopt;
    const bool is_packed = tensor.name.ends_with("weight_packed");
    const std::string name =
        is_packed ? tensor.name.substr(0, tensor.name.size() - std::string_view("_packed").size())
                  : tensor.name;
    if (!name.ends_with("weight")) return std::nullopt;
    std::optional<std::uint32_t> scale = stored.find(name + "_scale");
    if (is_packed) scale = needed(stored, codes, name + "_scale");
    if (!scale) scale = stored.find(prefix_of(name) + "scale");
    if (!scale) return std::nullopt;
    const Dtype dtype = stored[*scale].dtype;
    const bool is_nv = dtype == Dtype::kF8E4M3;
    const bool is_mx = dtype == Dtype::kF8E8M0 || dtype == Dtype::kU8;
    if (!is_nv && !is_mx) return std::nullopt;
    Shape shape = tensor.shape;
    const auto columns = checked_multiply(shape.back(), 2);
    shape.back() = columns.value_or(0);
    Weight weight = weight_of(stored, declared, codes, *scale, name, std::move(shape));
    if (is_nv) add_global(stored, codes, name, weight);
    return weight;
}

std::unique_ptr<Decoder> make_fp4(const Stored& stored, const Weight& weight) {
    return std::make_unique<Fp4>(stored, weight);
}

}  // namespace octet::came_quantized
