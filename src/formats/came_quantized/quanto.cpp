// quanto: qint8 and qfloat8 are `M.weight._data` [out, in] with `M.weight._scale` [out, 1]: value =
// code * scale. qint4 and qint2 are `M.weight._data._data` U8 [rows / codes a byte, group], the
// codes of row r + k * packed rows at bit k * width, with `M.weight._scale` and `M.weight._shift`
// [rows, 1]: value = code * scale - shift. Their rows are groups of the weight's, and the file does
// not say how many make a row of it; that follows from the model's sizes in config.json.
#include <algorithm>

#include <fmt/format.h>

#include "base/checked.hpp"
#include "base/text.hpp"
#include "formats/came_quantized/decoder.hpp"
#include "formats/came_quantized/small_floats.hpp"

namespace octet::came_quantized {
namespace {

constexpr std::string_view kBytes = "weight._data";
constexpr std::string_view kPacked = "weight._data._data";

enum Number : std::size_t { kColumns, kWidth };

/// parts: codes, scale; numbers: inputs that share one.
class QuantoBytes final : public Decoder {
  public:
    QuantoBytes(const Stored& stored, const Weight& weight) : stored_(stored), weight_(weight) {
        const Dtype dtype = stored[weight.parts[0]].dtype;
        for (std::size_t i = 0; i < table_.size(); ++i)
            table_[i] =
                is_f8(dtype) ? f8_table(dtype)[i] : static_cast<float>(static_cast<std::int8_t>(i));
    }

    void read(std::uint64_t first, std::span<float> values,
              std::span<std::byte> scratch) const override {
        const std::span<std::byte> codes = scratch.first(values.size());
        stored_.read(weight_.parts[0], first, codes);
        FloatWindow scales(stored_, weight_.parts[1]);
        const std::uint64_t columns = weight_.numbers[kColumns];
        for (std::uint64_t done = 0; done < values.size();) {
            const std::uint64_t element = first + done;
            const std::uint64_t end =
                std::min<std::uint64_t>(values.size(), done + columns - element % columns);
            const float scale = scales.at(element / columns);
            for (; done < end; ++done)
                values[done] = table_[std::to_integer<std::uint8_t>(codes[done])] * scale;
        }
    }

  private:
    const Stored& stored_;
    const Weight& weight_;
    F8Table table_{};
};

/// parts: codes, scale, shift; numbers: values of a group, bits of a code.
class QuantoPacked final : public Decoder {
  public:
    QuantoPacked(const Stored& stored, const Weight& weight) : stored_(stored), weight_(weight) {}

    void read(std::uint64_t first, std::span<float> values,
              std::span<std::byte> scratch) const override {
        FloatWindow scales(stored_, weight_.parts[1]);
        FloatWindow shifts(stored_, weight_.parts[2]);
        const std::uint64_t group = weight_.numbers[kColumns];
        for (std::uint64_t done = 0; done < values.size();) {
            const std::span<std::byte> codes =
                load(first + done, scratch.first(values.size() - done));
            for (std::size_t i = 0; i < codes.size();) {
                const std::uint64_t element = first + done + i;
                const std::uint64_t end =
                    std::min<std::uint64_t>(codes.size(), i + group - element % group);
                const float scale = scales.at(element / group);
                const float shift = shifts.at(element / group);
                for (; i < end; ++i)
                    values[done + i] = std::to_integer<std::uint8_t>(codes[i]) * scale - shift;
            }
            done += codes.size();
        }
    }

  private:
    /// The codes from that element on that lie at one bit of bytes behind one another.
    std::span<std::byte> load(std::uint64_t element, std::span<std::byte> room) const {
        const std::uint64_t bytes = count_of(stored_[weight_.parts[0]].shape);
        const std::uint64_t bits = weight_.numbers[kWidth];
        const auto shift = static_cast<unsigned>(element / bytes * bits);
        const std::span<std::byte> codes =
            room.first(std::min<std::uint64_t>(room.size(), bytes - element % bytes));
        stored_.read(weight_.parts[0], element % bytes, codes);
        for (std::byte& code : codes) code = (code >> shift) & std::byte((1U << bits) - 1U);
        return codes;
    }

    const Stored& stored_;
    const Weight& weight_;
};

/// The values of a group of quanto's in a row of so many.
std::uint64_t group_of(std::uint64_t columns) {
    constexpr std::array<std::uint64_t, 4> kGroups = {128, 96, 64, 32};
    if (columns <= kGroups.front()) return columns;
    const auto* const found = std::find_if(kGroups.begin(), kGroups.end(),
                                           [&](std::uint64_t one) { return columns % one == 0; });
    return found == kGroups.end() ? columns : *found;
}

/// Inputs of the module of that name, "M." with the dot, by the model's sizes; 0: they do not say.
std::uint64_t columns_of(const ModelSizes& sizes, std::string_view prefix) {
    const std::string_view module = prefix.substr(0, prefix.size() - 1);
    const std::string_view leaf = module.substr(module.rfind('.') + 1);
    for (const std::string_view one : {"o_proj", "o", "out_proj"}) {
        if (leaf == one) return sizes.heads;
    }
    for (const std::string_view one : {"down_proj", "wo", "fc2"}) {
        if (leaf == one) return sizes.feed_forward;
    }
    return sizes.hidden;
}

/// A shape of so many groups of `group` values; kBadInput by name where nothing says it.
Shape shape_of(const Stored& stored, const Declared& declared, std::uint32_t codes,
               std::uint64_t groups, std::uint64_t group) {
    constexpr std::uint64_t kLeastGroup = 32;
    const bool may_be_grouped = group % kLeastGroup == 0 && group <= 4 * kLeastGroup;
    if (!may_be_grouped) return {groups, group};
    const std::string prefix = prefix_of(stored[codes].name.substr(
        0, stored[codes].name.size() - std::string_view("._data._data").size()));
    const std::uint64_t columns = columns_of(declared.sizes, prefix);
    const std::uint64_t elements = checked_multiply(groups, group).value_or(0);
    if (columns == 0 || group_of(columns) != group || elements % columns != 0)
        stored.refuse(codes, fmt::format("holds {} groups of {} values, and config.json says no "
                                         "size that tells how many make a row",
                                         groups, group));
    return {elements / columns, columns};
}

/// parts and dropped tensors of every kind.
Weight with_scale(const Stored& stored, const Declared& declared, std::uint32_t codes,
                  std::string name) {
    const std::uint32_t scale = needed(stored, codes, name + "._scale");
    check_floats(stored, scale);
    Weight weight;
    weight.dtype = dtype_of(declared, stored[scale].dtype);
    weight.parts = {codes, scale};
    const std::string prefix = prefix_of(name);
    for (const char* const leaf : {"input_scale", "output_scale"}) {
        if (const auto found = stored.find(prefix + leaf)) weight.dropped.push_back(*found);
    }
    weight.name = std::move(name);
    return weight;
}

Weight claim_packed_codes(const Stored& stored, const Declared& declared, std::uint32_t codes,
                          std::string name) {
    const checkpoint::Tensor& tensor = stored[codes];
    Weight weight = with_scale(stored, declared, codes, std::move(name));
    const std::uint32_t scale = weight.parts[1];
    const std::uint32_t shift = needed(stored, codes, weight.name + "._shift");
    check_floats(stored, shift);
    const std::uint64_t groups = count_of(stored[scale].shape);
    if (tensor.dtype != Dtype::kU8 || tensor.shape.size() != 2 || tensor.shape[1] == 0)
        stored.refuse(codes, "is not codes of quanto, which are U8 and lie in groups");
    if (count_of(stored[shift].shape) != groups) refuse_shape(stored, shift, codes);
    const bool is_wide = tensor.shape[0] == divide_up(groups, 2);
    const bool is_narrow = tensor.shape[0] == divide_up(groups, 4);
    if (is_wide == is_narrow) refuse_shape(stored, scale, codes);
    const std::uint64_t bits = is_wide ? 4 : 2;
    weight.shape = shape_of(stored, declared, codes, groups, tensor.shape[1]);
    weight.type = fmt::format("quanto-qint{}", bits);
    weight.parts.push_back(shift);
    weight.numbers = {tensor.shape[1], bits, 0, 0};
    return weight;
}

}  // namespace

std::optional<Weight> claim_quanto(const Stored& stored, const Declared& declared,
                                   std::uint32_t codes) {
    const checkpoint::Tensor& tensor = stored[codes];
    const std::string_view name = tensor.name;
    if (name.ends_with(kPacked)) {
        const std::size_t size = name.size() - std::string_view("._data._data").size();
        return claim_packed_codes(stored, declared, codes, std::string(name.substr(0, size)));
    }
    const bool is_codes = tensor.dtype == Dtype::kI8 || is_f8(tensor.dtype);
    if (!name.ends_with(kBytes) || !is_codes) return std::nullopt;
    Weight weight =
        with_scale(stored, declared, codes,
                   std::string(name.substr(0, name.size() - std::string_view("._data").size())));
    const std::uint64_t scales = count_of(stored[weight.parts[1]].shape);
    const std::uint64_t rows = tensor.shape.empty() ? 1 : tensor.shape.front();
    if (scales != 1 && scales != rows) refuse_shape(stored, weight.parts[1], codes);
    const std::uint64_t elements = count_of(tensor.shape);
    weight.shape = tensor.shape;
    weight.type = tensor.dtype == Dtype::kI8 ? "quanto-qint8" : "quanto-qfloat8";
    weight.numbers = {std::max<std::uint64_t>(scales == 0 ? 1 : elements / scales, 1), 0, 0, 0};
    return weight;
}

std::unique_ptr<Decoder> make_quanto(const Stored& stored, const Weight& weight) {
    if (weight.numbers[kWidth] == 0) return std::make_unique<QuantoBytes>(stored, weight);
    return std::make_unique<QuantoPacked>(stored, weight);
}

}  // namespace octet::came_quantized
