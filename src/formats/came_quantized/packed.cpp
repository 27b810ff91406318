// compressed-tensors' pack-quantized: `M.weight_packed` I32 [out, words], the codes of a row as one
// little-endian bit string; `M.weight_scale` [out, groups], `M.weight_shape` [out, in], and where
// the codes are not symmetric `M.weight_zero_point`, packed the same way down the rows;
// `M.weight_g_idx` says the group of each input where inputs were ordered by their activations.
// value = (code - zero point) * scale.
#include <algorithm>

#include <fmt/format.h>

#include "base/checked.hpp"
#include "base/text.hpp"
#include "formats/came_quantized/decoder.hpp"

namespace octet::came_quantized {
namespace {

constexpr std::string_view kPacked = "weight_packed";
constexpr std::uint64_t kWordBits = 32;

enum Number : std::size_t { kBits, kGroup, kGroups, kFlags };
enum Flag : std::uint64_t { kHasZeros = 1, kHasIndex = 2 };

/// The zero points: column j of [out, groups] is one bit string of `out` codes.
class Zeros {
  public:
    Zeros(const Stored& stored, std::uint32_t tensor, std::uint64_t bits, std::uint64_t groups)
        : low_(stored, tensor), high_(stored, tensor), bits_(bits), groups_(groups) {}

    int at(std::uint64_t row, std::uint64_t group) {
        const std::uint64_t bit = row * bits_;
        const std::uint64_t word = bit / kWordBits;
        auto both = static_cast<std::uint64_t>(low_.at(word * groups_ + group)) & 0xffffffffU;
        if (bit % kWordBits + bits_ > kWordBits)
            both |=
                (static_cast<std::uint64_t>(high_.at((word + 1) * groups_ + group)) & 0xffffffffU)
                << kWordBits;
        return static_cast<int>((both >> bit % kWordBits) & ((1U << bits_) - 1U));
    }

  private:
    IntegerWindow low_;
    IntegerWindow high_;
    std::uint64_t bits_;
    std::uint64_t groups_;
};

/// parts: codes, scale, [zero points], [index of groups], [shape].
class Packed final : public Decoder {
  public:
    Packed(const Stored& stored, const Weight& weight) : stored_(stored), weight_(weight) {}

    void read(std::uint64_t first, std::span<float> values,
              std::span<std::byte> scratch) const override {
        const std::span<std::uint8_t> codes(reinterpret_cast<std::uint8_t*>(scratch.data()),
                                            values.size());
        const std::uint64_t columns = std::max<std::uint64_t>(weight_.shape[1], 1);
        for (std::uint64_t done = 0; done < values.size();) {
            const std::uint64_t row = (first + done) / columns;
            const std::uint64_t column = (first + done) % columns;
            const std::uint64_t count =
                std::min<std::uint64_t>(columns - column, values.size() - done);
            read_row(row, column, codes.subspan(done, count), values.subspan(done, count));
            done += count;
        }
    }

  private:
    bool has(Flag flag) const { return (weight_.numbers[kFlags] & flag) != 0; }

    void read_row(std::uint64_t row, std::uint64_t column, std::span<std::uint8_t> codes,
                  std::span<float> values) const {
        const std::uint64_t bits = weight_.numbers[kBits];
        const std::uint64_t row_bytes = stored_[weight_.parts[0]].shape[1] * sizeof(std::uint32_t);
        read_bit_string(stored_, weight_.parts[0], row * row_bytes, column, bits, codes);
        const std::uint64_t groups = weight_.numbers[kGroups];
        FloatWindow scales(stored_, weight_.parts[1]);
        Zeros zeros(stored_, weight_.parts[has(kHasZeros) ? 2 : 1], bits, groups);
        IntegerWindow index(stored_, weight_.parts[has(kHasIndex) ? (has(kHasZeros) ? 3 : 2) : 1]);
        for (std::uint64_t i = 0; i < values.size();) {
            const std::uint64_t at = column + i;
            const std::uint64_t group =
                has(kHasIndex) ? index_at(index, at, groups) : at / weight_.numbers[kGroup];
            const std::uint64_t end =
                has(kHasIndex) ? i + 1
                               : std::min<std::uint64_t>(
                                     values.size(), (group + 1) * weight_.numbers[kGroup] - column);
            const float scale = scales.at(groups == 0 ? 0 : row * groups + group);
            const int zero =
                has(kHasZeros) ? zeros.at(row, group) : static_cast<int>(1U << (bits - 1));
            for (; i < end; ++i)
                values[i] = static_cast<float>(static_cast<int>(codes[i]) - zero) * scale;
        }
    }

    std::uint64_t index_at(IntegerWindow& index, std::uint64_t column, std::uint64_t groups) const {
        const std::int64_t group = index.at(column);
        if (group < 0 || static_cast<std::uint64_t>(group) >= groups)
            stored_.refuse(
                weight_.parts[has(kHasZeros) ? 3 : 2],
                fmt::format("says group {} of input {}, and there are {}", group, column, groups));
        return static_cast<std::uint64_t>(group);
    }

    const Stored& stored_;
    const Weight& weight_;
};

/// The number of inputs: as `M.weight_shape` says, else what the words hold. A shape that is not
/// that of the codes: kBadInput.
std::uint64_t columns_of(const Stored& stored, std::uint32_t codes,
                         std::optional<std::uint32_t> shape, std::uint64_t bits) {
    const std::uint64_t rows = stored[codes].shape[0];
    const std::uint64_t words = stored[codes].shape[1];
    const std::uint64_t most = checked_multiply(words, kWordBits).value_or(0) / bits;
    if (!shape) return most;
    if (!IntegerWindow::reads(stored[*shape].dtype) || count_of(stored[*shape].shape) != 2)
        refuse_shape(stored, *shape, codes);
    IntegerWindow values(stored, *shape);
    const std::int64_t columns = values.at(1);
    const bool fits = values.at(0) >= 0 && static_cast<std::uint64_t>(values.at(0)) == rows &&
                      columns >= 0 && static_cast<std::uint64_t>(columns) <= most &&
                      divide_up(static_cast<std::uint64_t>(columns) * bits, kWordBits) == words;
    return fits ? static_cast<std::uint64_t>(columns) : 0;
}

/// The width: a declared one that fits the shapes, else the one that does. 0: none does.
std::uint64_t bits_of(const Stored& stored, const Declared& declared, std::uint32_t codes,
                      std::optional<std::uint32_t> shape) {
    std::vector<std::uint64_t> widths = declared.bits;
    if (shape) widths.insert(widths.end(), {4, 8, 2, 3, 5, 6, 7, 1});
    if (!shape && widths.empty()) widths = {4};
    for (const std::uint64_t bits : widths) {
        if (bits >= 1 && bits <= 8 && columns_of(stored, codes, shape, bits) > 0) return bits;
    }
    return 0;
}

void add_zeros(const Stored& stored, std::uint32_t codes, std::uint32_t zeros, Weight& weight) {
    const std::uint64_t groups = std::max<std::uint64_t>(weight.numbers[kGroups], 1);
    const std::uint64_t words = divide_up(weight.shape[0] * weight.numbers[kBits], kWordBits);
    const checkpoint::Tensor& tensor = stored[zeros];
    const bool is_packed = tensor.dtype == Dtype::kI32 || tensor.dtype == Dtype::kU32;
    if (!is_packed || count_of(tensor.shape) != words * groups) refuse_shape(stored, zeros, codes);
    weight.parts.push_back(zeros);
    weight.numbers[kFlags] |= kHasZeros;
}

void add_index(const Stored& stored, std::uint32_t codes, std::uint32_t index, Weight& weight) {
    check_integers(stored, index);
    if (count_of(stored[index].shape) != weight.shape[1]) refuse_shape(stored, index, codes);
    if (weight.shape[1] == 0 ||
        IntegerWindow(stored, index).at(0) == -1) {  // written, and not used
        weight.dropped.push_back(index);
        return;
    }
    weight.parts.push_back(index);
    weight.numbers[kFlags] |= kHasIndex;
}

}  // namespace

std::optional<Weight> claim_packed(const Stored& stored, const Declared& declared,
                                   std::uint32_t codes) {
    const checkpoint::Tensor& tensor = stored[codes];
    const bool is_words = tensor.dtype == Dtype::kI32 || tensor.dtype == Dtype::kU32;
    if (!is_words || !tensor.name.ends_with(kPacked) || tensor.shape.size() != 2)
        return std::nullopt;
    const std::string name =
        tensor.name.substr(0, tensor.name.size() - std::string_view("_packed").size());
    const std::uint32_t scale = needed(stored, codes, name + "_scale");
    check_floats(stored, scale);
    const auto shape = stored.find(name + "_shape");
    const std::uint64_t bits = bits_of(stored, declared, codes, shape);
    if (bits == 0)
        stored.refuse(codes, "has a shape that fits no width of codes, or not its weight_shape");
    Weight weight;
    weight.name = name;
    weight.shape = {tensor.shape[0], columns_of(stored, codes, shape, bits)};
    weight.dtype = dtype_of(declared, stored[scale].dtype);
    const std::uint64_t count = count_of(stored[scale].shape);
    const bool is_one = count == 1;
    const std::uint64_t rows = std::max<std::uint64_t>(weight.shape[0], 1);
    const std::uint64_t groups = is_one ? 1 : count % rows == 0 ? count / rows : 0;
    const std::uint64_t group = group_size_of(declared, weight.shape[1], groups);
    if (group == 0) refuse_shape(stored, scale, codes);
    weight.type = fmt::format("int{}-packed", bits);
    weight.parts = {codes, scale};
    weight.numbers = {bits, group, is_one && rows > 1 ? 0 : groups, 0};
    if (const auto zeros = stored.find(name + "_zero_point"))
        add_zeros(stored, codes, *zeros, weight);
    if (const auto index = stored.find(name + "_g_idx")) add_index(stored, codes, *index, weight);
    if (shape) weight.dropped.push_back(*shape);
    return weight;
}

std::unique_ptr<Decoder> make_packed(const Stored& stored, const Weight& weight) {
    return std::make_unique<Packed>(stored, weight);
}

}  // namespace octet::came_quantized
