// GPTQ: `M.qweight` I32 [in * bits / 32, out], a bit string down the inputs; `M.qzeros` I32
// [groups, out * bits / 32], a bit string along the outputs that holds zero point - 1 (version 1)
// or the zero point ("checkpoint_format": "gptq_v2"); `M.scales` F16 [groups, out]; `M.g_idx` I32
// [in], the group of each input. 2, 3, 4 and 8 bits. value = (code - zero point) * scale.
#include <algorithm>

#include <fmt/format.h>

#include "base/checked.hpp"
#include "formats/came_quantized/transposed.hpp"

namespace octet::came_quantized {
namespace {

constexpr std::uint64_t kWordBits = 32;

enum Number : std::size_t { kBits, kGroup, kGroups, kOffset };

/// `bits` from a bit on of a string whose words are `low` and the next one.
std::uint32_t code_of(std::uint32_t low, std::uint32_t high, std::uint64_t bit,
                      std::uint64_t bits) {
    const std::uint64_t both = low | static_cast<std::uint64_t>(high) << kWordBits;
    return static_cast<std::uint32_t>((both >> bit) & ((1U << bits) - 1U));
}

/// parts: codes, zero points, scales, [index].
class GptqTile final : public TileReader {
  public:
    GptqTile(const Stored& stored, const Weight& weight, std::uint64_t first, std::uint64_t count)
        : stored_(stored),
          weight_(weight),
          first_(first),
          count_(count),
          groups_(stored, weight.parts.size() > 3 ? std::optional(weight.parts[3]) : std::nullopt,
                  weight.numbers[kGroup], weight.numbers[kGroups]) {}

    void read(std::uint64_t input, std::span<float> values) override {
        load_group(groups_.at(input));
        const std::uint64_t bits = weight_.numbers[kBits];
        const std::uint64_t bit = input * bits;
        load_words(bit / kWordBits, bit % kWordBits + bits > kWordBits);
        for (std::uint64_t i = 0; i < values.size(); ++i) {
            const auto code = static_cast<int>(code_of(low_[i], high_[i], bit % kWordBits, bits));
            values[i] = static_cast<float>(code - zeros_[i]) * scales_[i];
        }
    }

  private:
    void load_words(std::uint64_t row, bool straddles) {
        const std::uint64_t outputs = weight_.shape[0];
        if (row != row_)
            read_words(stored_, weight_.parts[0], row * outputs + first_,
                       std::span(low_).first(count_));
        if (straddles)
            read_words(stored_, weight_.parts[0], (row + 1) * outputs + first_,
                       std::span(high_).first(count_));
        row_ = row;
    }

    void load_group(std::uint64_t group) {
        if (group == group_) return;
        const std::uint64_t outputs = weight_.shape[0];
        const std::uint64_t bits = weight_.numbers[kBits];
        FloatWindow scales(stored_, weight_.parts[2]);
        std::array<std::uint8_t, kTile> codes;
        const std::uint64_t row_bytes = stored_[weight_.parts[1]].shape[1] * sizeof(std::uint32_t);
        read_bit_string(stored_, weight_.parts[1], group * row_bytes, first_, bits,
                        std::span(codes).first(count_));
        for (std::uint64_t i = 0; i < count_; ++i) {
            scales_[i] = scales.at(group * outputs + first_ + i);
            zeros_[i] =
                static_cast<int>((codes[i] + weight_.numbers[kOffset]) & ((1U << bits) - 1U));
        }
        group_ = group;
    }

    const Stored& stored_;
    const Weight& weight_;
    std::uint64_t first_;
    std::uint64_t count_;
    Groups groups_;
    std::uint64_t row_ = ~std::uint64_t{0};
    std::uint64_t group_ = ~std::uint64_t{0};
    std::array<std::uint32_t, kTile> low_{};
    std::array<std::uint32_t, kTile> high_{};
    std::array<float, kTile> scales_{};
    std::array<int, kTile> zeros_{};
};

class Gptq final : public Transposed {
  public:
    Gptq(const Stored& stored, const Weight& weight) : Transposed(weight), stored_(stored) {}

  private:
    std::unique_ptr<TileReader> tile(std::uint64_t first, std::uint64_t count) const override {
        return std::make_unique<GptqTile>(stored_, weight(), first, count);
    }

    const Stored& stored_;
};

/// As the zero points tell, of which there is one a group and output; 0 where their shape fits no
/// width.
std::uint64_t bits_of(const checkpoint::Tensor& zeros, std::uint64_t outputs,
                      const Declared& declared) {
    const auto fits = [&](std::uint64_t bits) {
        return divide_up(checked_multiply(outputs, bits).value_or(0), kWordBits) == zeros.shape[1];
    };
    const auto is_width = [](std::uint64_t bits) {
        return bits == 2 || bits == 3 || bits == 4 || bits == 8;
    };
    if (!declared.bits.empty())
        return is_width(declared.bits.front()) && fits(declared.bits.front())
                   ? declared.bits.front()
                   : 0;
    for (const std::uint64_t bits : {4U, 8U, 2U, 3U}) {
        if (fits(bits)) return bits;
    }
    return 0;
}

bool is_v2(const Declared& declared) {
    return declared.format == "gptq_v2";
}

}  // namespace

std::optional<Weight> claim_gptq(const Stored& stored, const Declared& declared,
                                 std::uint32_t codes) {
    const checkpoint::Tensor& tensor = stored[codes];
    if (tensor.dtype != Dtype::kI32 || !tensor.name.ends_with("qweight") ||
        tensor.shape.size() != 2)
        return std::nullopt;
    const std::string prefix = prefix_of(tensor.name);
    const std::uint32_t scales = needed(stored, codes, prefix + "scales");
    const std::uint32_t zeros = needed(stored, codes, prefix + "qzeros");
    check_floats(stored, scales);
    const std::uint64_t outputs = tensor.shape[1];
    if (stored[scales].shape.size() != 2 || stored[scales].shape[1] != outputs)
        refuse_shape(stored, scales, codes);
    const std::uint64_t groups = stored[scales].shape[0];
    const bool is_words = stored[zeros].dtype == Dtype::kI32 && stored[zeros].shape.size() == 2;
    if (!is_words || stored[zeros].shape[0] != groups) refuse_shape(stored, zeros, codes);
    const std::uint64_t bits = bits_of(stored[zeros], outputs, declared);
    if (bits == 0) refuse_shape(stored, zeros, codes);
    const auto inputs = checked_multiply(tensor.shape[0], kWordBits);
    if (!inputs || *inputs % bits != 0)
        stored.refuse(codes, fmt::format("has rows that hold no codes of {} bits", bits));
    Weight weight;
    weight.name = prefix + "weight";
    weight.shape = {outputs, *inputs / bits};
    weight.dtype = dtype_of(declared, stored[scales].dtype);
    weight.type = fmt::format("gptq-int{}", bits);
    weight.parts = {codes, zeros, scales};
    const std::uint64_t group = group_size_of(declared, weight.shape[1], groups);
    weight.numbers = {bits, std::max<std::uint64_t>(group, 1), groups, is_v2(declared) ? 0U : 1U};
    if (const auto index = stored.find(prefix + "g_idx")) {
        check_integers(stored, *index);
        if (count_of(stored[*index].shape) != weight.shape[1]) refuse_shape(stored, *index, codes);
        weight.parts.push_back(*index);
    } else if (group == 0) {
        refuse_shape(stored, scales, codes);
    }
    return weight;
}

std::unique_ptr<Decoder> make_gptq(const Stored& stored, const Weight& weight) {
    return std::make_unique<Gptq>(stored, weight);
}

}  // namespace octet::came_quantized
