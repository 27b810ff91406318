// AWQ of 4 bits: `M.qweight` I32 [in, out / 8], eight outputs a word in the order 0 2 4 6 1 3 5 7
// from the lowest bits; `M.qzeros` I32 [groups, out / 8] alike; `M.scales` F16 [groups, out]. value
// = (code - zero point) * scale.
#include <algorithm>

#include "base/checked.hpp"
#include "formats/came_quantized/transposed.hpp"

namespace octet::came_quantized {
namespace {

constexpr std::uint64_t kPerWord = 8;

/// The bit at which each output of a word begins.
constexpr std::array<unsigned, kPerWord> kShift = {0, 16, 4, 20, 8, 24, 12, 28};

enum Number : std::size_t { kGroup, kGroups };

using Words = std::array<std::uint32_t, kTile / kPerWord>;

int code_at(const Words& words, std::uint64_t output) {
    return static_cast<int>((words[output / kPerWord] >> kShift[output % kPerWord]) & 15U);
}

/// parts: codes, zero points, scales.
class AwqTile final : public TileReader {
  public:
    AwqTile(const Stored& stored, const Weight& weight, std::uint64_t first, std::uint64_t count)
        : stored_(stored), weight_(weight), first_(first), count_(count) {}

    void read(std::uint64_t input, std::span<float> values) override {
        load_group(input / weight_.numbers[kGroup]);
        load(weight_.parts[0], input, words_);
        for (std::uint64_t i = 0; i < values.size(); ++i)
            values[i] = static_cast<float>(code_at(words_, i) - code_at(zeros_, i)) * scales_[i];
    }

  private:
    void load(std::uint32_t tensor, std::uint64_t row, Words& words) const {
        read_words(stored_, tensor, (row * weight_.shape[0] + first_) / kPerWord,
                   std::span(words).first(count_ / kPerWord));
    }

    void load_group(std::uint64_t group) {
        if (group == group_) return;
        load(weight_.parts[1], group, zeros_);
        FloatWindow scales(stored_, weight_.parts[2]);
        for (std::uint64_t i = 0; i < count_; ++i)
            scales_[i] = scales.at(group * weight_.shape[0] + first_ + i);
        group_ = group;
    }

    const Stored& stored_;
    const Weight& weight_;
    std::uint64_t first_;
    std::uint64_t count_;
    std::uint64_t group_ = ~std::uint64_t{0};
    Words words_{};
    Words zeros_{};
    std::array<float, kTile> scales_{};
};

class Awq final : public Transposed {
  public:
    Awq(const Stored& stored, const Weight& weight) : Transposed(weight), stored_(stored) {}

  private:
    std::unique_ptr<TileReader> tile(std::uint64_t first, std::uint64_t count) const override {
        return std::make_unique<AwqTile>(stored_, weight(), first, count);
    }

    const Stored& stored_;
};

}  // namespace

std::optional<Weight> claim_awq(const Stored& stored, const Declared& declared,
                                std::uint32_t codes) {
    const checkpoint::Tensor& tensor = stored[codes];
    if (tensor.dtype != Dtype::kI32 || !tensor.name.ends_with("qweight") ||
        tensor.shape.size() != 2)
        return std::nullopt;
    const std::string prefix = prefix_of(tensor.name);
    const auto found = stored.find(prefix + "scales");
    const auto outputs = checked_multiply(tensor.shape[1], kPerWord);
    const bool is_wide =
        found && stored[*found].shape.size() == 2 && outputs && stored[*found].shape[1] == *outputs;
    if (!is_wide && declared.method != "awq")
        return std::nullopt;  // GPTQ has a scale a column of words
    const std::uint32_t scales = needed(stored, codes, prefix + "scales");
    const std::uint32_t zeros = needed(stored, codes, prefix + "qzeros");
    check_floats(stored, scales);
    if (!is_wide) refuse_shape(stored, scales, codes);
    const std::uint64_t groups = stored[scales].shape[0];
    if (stored[zeros].dtype != Dtype::kI32 || stored[zeros].shape != Shape{groups, tensor.shape[1]})
        refuse_shape(stored, zeros, codes);
    const std::uint64_t group = group_size_of(declared, tensor.shape[0], groups);
    if (group == 0) refuse_shape(stored, scales, codes);
    Weight weight;
    weight.name = prefix + "weight";
    weight.shape = {*outputs, tensor.shape[0]};
    weight.dtype = dtype_of(declared, stored[scales].dtype);
    weight.type = "awq-int4";
    weight.parts = {codes, zeros, scales};
    weight.numbers = {group, groups, 0, 0};
    return weight;
}

std::unique_ptr<Decoder> make_awq(const Stored& stored, const Weight& weight) {
    return std::make_unique<Awq>(stored, weight);
}

}  // namespace octet::came_quantized
