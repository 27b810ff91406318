// MLX's affine codes: `M.weight` U32 [..., out, words], the codes of a row as one little-endian bit
// string; `M.scales` and `M.biases` [..., out, groups]. value = code * scale + bias, both rounded
// to float32. Bits and inputs of a group are in config.json's `quantization`, for all modules and
// for single ones; where those do not fit the shapes, the only pair that does is taken. Of a GPT-2
// the weights of Conv1D modules are turned back to [in, out].
#include <algorithm>

#include <fmt/format.h>

#include "base/checked.hpp"
#include "base/text.hpp"
#include "formats/came_quantized/decoder.hpp"
#include "formats/came_quantized/transposed.hpp"

namespace octet::came_quantized {
namespace {

constexpr std::uint64_t kWordBits = 32;
constexpr std::array<std::uint64_t, 6> kBits = {2, 3, 4, 5, 6, 8};
constexpr std::array<std::uint64_t, 3> kGroups = {32, 64, 128};

enum Number : std::size_t { kWidth, kGroup, kIsTurned };

/// parts: codes, scales, biases.
class Affine final : public Decoder {
  public:
    Affine(const Stored& stored, const Weight& weight) : stored_(stored), weight_(weight) {}

    void read(std::uint64_t first, std::span<float> values,
              std::span<std::byte> scratch) const override {
        const std::span<std::uint8_t> codes(reinterpret_cast<std::uint8_t*>(scratch.data()),
                                            values.size());
        FloatWindow scales(stored_, weight_.parts[1]);
        FloatWindow biases(stored_, weight_.parts[2]);
        // a row fills whole words, so that all rows are one bit string
        read_bit_string(stored_, weight_.parts[0], 0, first, weight_.numbers[kWidth], codes);
        const std::uint64_t group = weight_.numbers[kGroup];
        for (std::uint64_t done = 0; done < values.size();) {
            const std::uint64_t at = (first + done) / group;
            const std::uint64_t end =
                std::min<std::uint64_t>(values.size(), done + group - (first + done) % group);
            const float scale = scales.at(at);
            const float bias = biases.at(at);
            for (; done < end; ++done)
                values[done] = static_cast<float>(codes[done]) * scale + bias;
        }
    }

  private:
    const Stored& stored_;
    const Weight& weight_;
};

/// A run of one stored row at a time.
class TurnedTile final : public TileReader {
  public:
    TurnedTile(const Affine& affine, std::uint64_t row, std::uint64_t first)
        : affine_(affine), row_(row), first_(first) {}

    void read(std::uint64_t input, std::span<float> values) override {
        affine_.read(input * row_ + first_, values, scratch_);
    }

  private:
    const Affine& affine_;
    std::uint64_t row_;
    std::uint64_t first_;
    std::array<std::byte, kTile * sizeof(double)> scratch_{};
};

/// Of the shape [in, out], where rows of `in` are stored.
class Turned final : public Transposed {
  public:
    Turned(const Stored& stored, const Weight& weight)
        : Transposed(weight), affine_(stored, weight) {}

  private:
    std::unique_ptr<TileReader> tile(std::uint64_t first, std::uint64_t /*count*/) const override {
        return std::make_unique<TurnedTile>(affine_, weight().shape[0], first);
    }

    const Affine affine_;
};

/// True where rows of `words` words hold that many groups.
bool fits(const QuantizedModule& module, std::uint64_t words, std::uint64_t groups) {
    const auto bits = checked_multiply(words, kWordBits);
    const auto row = checked_multiply(groups, module.group_size * module.bits);
    return bits && row && *bits == *row;
}

/// What the module has; bits 0 where nothing fits, or more than one pair does.
QuantizedModule module_of(const Declared& declared, const std::string& name, std::uint64_t words,
                          std::uint64_t groups) {
    const auto found = declared.modules.find(name);
    if (found != declared.modules.end())
        return fits(found->second, words, groups) ? found->second : QuantizedModule{};
    if (!declared.bits.empty() && !declared.group_sizes.empty()) {
        const QuantizedModule usual{declared.bits.front(), declared.group_sizes.front()};
        if (fits(usual, words, groups)) return usual;
    }
    QuantizedModule only;
    for (const std::uint64_t bits : kBits) {
        for (const std::uint64_t group : kGroups) {
            if (!fits({bits, group}, words, groups)) continue;
            if (only.bits != 0) return {};
            only = {bits, group};
        }
    }
    return only;
}

bool is_known(const QuantizedModule& module) {
    return std::find(kBits.begin(), kBits.end(), module.bits) != kBits.end() &&
           module.group_size > 0 && module.group_size % kWordBits == 0;
}

/// Scales, or biases, of that weight: kBadInput by name where their shape is not one of it.
std::uint32_t state_of(const Stored& stored, std::uint32_t codes, const std::string& name) {
    const std::uint32_t state = needed(stored, codes, name);
    check_floats(stored, state);
    const Shape& shape = stored[state].shape;
    const Shape& packed = stored[codes].shape;
    if (shape.size() != packed.size() ||
        !std::equal(shape.begin(), shape.end() - 1, packed.begin()))
        refuse_shape(stored, state, codes);
    return state;
}

}  // namespace

std::optional<Weight> claim_mlx(const Stored& stored, const Declared& declared,
                                std::uint32_t codes) {
    const checkpoint::Tensor& tensor = stored[codes];
    if (tensor.dtype != Dtype::kU32 || !tensor.name.ends_with(".weight") || tensor.shape.size() < 2)
        return std::nullopt;
    const std::string prefix = prefix_of(tensor.name);
    const std::string module = prefix.substr(0, prefix.size() - 1);
    const std::uint32_t scales = state_of(stored, codes, prefix + "scales");
    const std::uint32_t biases = state_of(stored, codes, prefix + "biases");
    if (stored[biases].shape != stored[scales].shape) refuse_shape(stored, biases, codes);
    const std::uint64_t words = tensor.shape.back();
    const QuantizedModule found = module_of(declared, module, words, stored[scales].shape.back());
    if (!is_known(found))
        stored.refuse(scales, fmt::format("has the shape {}, which does not fit the codes {} of "
                                          "shape {} by any bits and group_size that config.json "
                                          "says, or by more than one pair",
                                          shape_text(stored[scales].shape), in_quotes(tensor.name),
                                          shape_text(tensor.shape)));
    Weight weight;
    weight.name = tensor.name;
    weight.shape = tensor.shape;
    weight.shape.back() = words * kWordBits / found.bits;
    weight.dtype = dtype_of(declared, stored[scales].dtype);
    weight.type = fmt::format("mlx-{}bit-group{}", found.bits, found.group_size);
    weight.parts = {codes, scales, biases};
    const bool is_turned =
        declared.is_gpt2_of_mlx() && is_conv1d_of_gpt2(tensor.name) && weight.shape.size() == 2;
    if (is_turned) std::swap(weight.shape[0], weight.shape[1]);
    weight.numbers = {found.bits, found.group_size, is_turned ? 1U : 0U, 0};
    if (!element_count(weight.shape)) refuse_shape(stored, codes, codes);
    return weight;
}

std::unique_ptr<Decoder> make_mlx(const Stored& stored, const Weight& weight) {
    if (weight.numbers[kIsTurned] != 0) return std::make_unique<Turned>(stored, weight);
    return std::make_unique<Affine>(stored, weight);
}

}  // namespace octet::came_quantized
