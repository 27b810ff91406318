// bitsandbytes of 4 bits, NF4 and FP4: `M.weight`, two codes a byte, the high one first, over the
// flattened weight, in U8 or in floats that only hold the bytes; `M.weight.quant_map`, the value of
// each of the 16 codes; `M.weight.absmax`, the scale of each block of 64 or so; and quant_state,
// which says the shape. Nested scales are U8 themselves: `M.weight.nested_quant_map` gives the
// value of each, `M.weight.nested_absmax` the scale of each 256 or so, and an offset is added.
// value = map[code] * scale, in float32.
#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "base/checked.hpp"
#include "base/text.hpp"
#include "formats/came_quantized/decoder.hpp"
#include "formats/came_quantized/quant_state.hpp"

namespace octet::came_quantized {
namespace {

constexpr std::uint64_t kCodes = 16;
constexpr std::uint64_t kNestedCodes = 256;

enum Number : std::size_t { kBlock, kNestedBlock, kOffset };
enum Part : std::size_t { kData, kMap, kAbsmax, kNestedAbsmax, kNestedMap };

/// The scales of blocks; one thread's.
class Scales {
  public:
    Scales(const Stored& stored, const Weight& weight)
        : nested_block_(weight.numbers[kNestedBlock]),
          offset_(std::bit_cast<float>(static_cast<std::uint32_t>(weight.numbers[kOffset]))),
          floats_(stored, weight.parts[nested_block_ == 0 ? kAbsmax : kNestedAbsmax]),
          codes_(stored, weight.parts[kAbsmax]) {
        if (nested_block_ == 0) return;
        FloatWindow map(stored, weight.parts[kNestedMap]);
        for (std::uint64_t i = 0; i < kNestedCodes; ++i) map_[i] = map.at(i);
    }

    float at(std::uint64_t block) {
        if (nested_block_ == 0) return floats_.at(block);
        const auto code = static_cast<std::uint8_t>(codes_.at(block));
        return map_[code] * floats_.at(block / nested_block_) + offset_;
    }

  private:
    std::uint64_t nested_block_;
    float offset_;
    FloatWindow floats_;
    IntegerWindow codes_;
    std::array<float, kNestedCodes> map_{};
};

class Nibbles final : public Decoder {
  public:
    Nibbles(const Stored& stored, const Weight& weight) : stored_(stored), weight_(weight) {
        FloatWindow map(stored, weight.parts[kMap]);
        for (std::uint64_t i = 0; i < kCodes; ++i) map_[i] = map.at(i);
    }

    void read(std::uint64_t first, std::span<float> values,
              std::span<std::byte> scratch) const override {
        if (values.empty()) return;
        const std::uint64_t begin = first / 2;
        const std::span<std::byte> bytes =
            scratch.first(divide_up(first + values.size(), 2) - begin);
        stored_.read(weight_.parts[kData], begin, bytes);
        Scales scales(stored_, weight_);
        const std::uint64_t block = weight_.numbers[kBlock];
        for (std::uint64_t done = 0; done < values.size();) {
            const std::uint64_t element = first + done;
            const std::uint64_t end =
                std::min<std::uint64_t>(values.size(), done + block - element % block);
            const float scale = scales.at(element / block);
            for (; done < end; ++done) {
                const std::uint64_t at = first + done;
                const auto both = std::to_integer<unsigned>(bytes[at / 2 - begin]);
                values[done] = map_[at % 2 == 0 ? both >> 4U : both & 15U] * scale;
            }
        }
    }

  private:
    const Stored& stored_;
    const Weight& weight_;
    std::array<float, kCodes> map_{};
};

/// That tensor of floats, with so many of them: kBadInput by name where it has not.
std::uint32_t floats_of(const Stored& stored, std::uint32_t codes, const std::string& leaf,
                        std::uint64_t count) {
    const std::uint32_t tensor = needed(stored, codes, stored[codes].name + leaf);
    check_floats(stored, tensor);
    if (count_of(stored[tensor].shape) != count)
        stored.refuse(tensor, fmt::format("has {} values, and the codes {} need {}",
                                          count_of(stored[tensor].shape),
                                          in_quotes(stored[codes].name), count));
    return tensor;
}

void add_scales(const Stored& stored, std::uint32_t codes, const QuantState& state,
                Weight& weight) {
    const std::uint64_t blocks = divide_up(count_of(state.shape), state.block);
    const std::uint32_t absmax = floats_of(stored, codes, ".absmax", blocks);
    weight.parts.push_back(absmax);
    const bool is_nested = stored[absmax].dtype == Dtype::kU8;
    if (is_nested != (state.nested_block != 0))
        stored.refuse(absmax, fmt::format("is {}, which its quant_state does not say",
                                          dtype_name(stored[absmax].dtype)));
    if (!is_nested) return;
    const std::uint64_t outer = divide_up(blocks, state.nested_block);
    weight.parts.push_back(floats_of(stored, codes, ".nested_absmax", outer));
    weight.parts.push_back(floats_of(stored, codes, ".nested_quant_map", kNestedCodes));
}

/// The bytes hold the codes, and no more than what the dtype that holds them rounds up to.
void check_codes(const Stored& stored, std::uint32_t codes, const Shape& shape) {
    const checkpoint::Tensor& tensor = stored[codes];
    const std::uint64_t bytes = divide_up(count_of(shape), 2);
    const std::uint64_t each = std::max<std::uint64_t>(dtype_bits(tensor.dtype) / 8, 1);
    if (tensor.byte_count < bytes || tensor.byte_count - bytes >= each)
        stored.refuse(codes, fmt::format("has {} bytes, and its quant_state says the shape {}",
                                         tensor.byte_count, shape_text(shape)));
}

}  // namespace

std::optional<Weight> claim_nibbles(const Stored& stored, const Declared& declared,
                                    std::uint32_t codes) {
    const checkpoint::Tensor& tensor = stored[codes];
    const std::array<std::string, 2> states = {tensor.name + ".quant_state.bitsandbytes__nf4",
                                               tensor.name + ".quant_state.bitsandbytes__fp4"};
    const std::optional<std::uint32_t> found = first_of(stored, states);
    const bool is_declared = declared.method == "bitsandbytes" && tensor.dtype == Dtype::kU8 &&
                             tensor.name.ends_with(".weight");
    if (!found && !is_declared && !stored.find(tensor.name + ".absmax")) return std::nullopt;
    const std::uint32_t description = found ? *found : needed(stored, codes, states[0]);
    const QuantState state = read_quant_state(stored, description);
    check_codes(stored, codes, state.shape);
    Weight weight;
    weight.name = tensor.name;
    weight.shape = state.shape;
    weight.dtype = state.dtype;
    weight.type = fmt::format("bitsandbytes-{}", state.type);
    weight.parts = {codes, floats_of(stored, codes, ".quant_map", kCodes)};
    add_scales(stored, codes, state, weight);
    weight.dropped = {description};
    weight.numbers = {state.block, state.nested_block,
                      std::bit_cast<std::uint32_t>(state.nested_offset), 0};
    return weight;
}

std::unique_ptr<Decoder> make_nibbles(const Stored& stored, const Weight& weight) {
    return std::make_unique<Nibbles>(stored, weight);
}

}  // namespace octet::came_quantized
