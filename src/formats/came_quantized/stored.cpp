// Names are found by bisection of a sorted list of numbers, which is small and goes away once the
// weights are known; a window loads 256 elements from the one asked for on.
#include "formats/came_quantized/stored.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

#include <fmt/format.h>

#include "base/text.hpp"
#include "formats/came_quantized/small_floats.hpp"
#include "octet/error.hpp"
#include "quant/values.hpp"

namespace octet::came_quantized {
namespace {

bool is_scale_name(std::string_view name) {
    return name.ends_with("scale") || name.ends_with("scale_inv") || name.ends_with("scale_weight");
}

template <typename T>
void widen(std::span<const std::byte> bytes, std::span<std::int64_t> values) {
    for (std::size_t i = 0; i < values.size(); ++i) {
        T one;
        std::memcpy(&one, bytes.data() + i * sizeof(T), sizeof(T));
        values[i] = static_cast<std::int64_t>(one);
    }
}

/// `bytes` are whole elements of `dtype`.
void integers_of(Dtype dtype, std::span<const std::byte> bytes, std::span<std::int64_t> values) {
    switch (dtype) {
        case Dtype::kI8:
            return widen<std::int8_t>(bytes, values);
        case Dtype::kU8:
            return widen<std::uint8_t>(bytes, values);
        case Dtype::kI16:
            return widen<std::int16_t>(bytes, values);
        case Dtype::kU16:
            return widen<std::uint16_t>(bytes, values);
        case Dtype::kI32:
            return widen<std::int32_t>(bytes, values);
        case Dtype::kU32:
            return widen<std::uint32_t>(bytes, values);
        default:
            return widen<std::int64_t>(bytes, values);
    }
}

std::uint64_t elements_of(const checkpoint::Tensor& tensor) {
    return tensor.byte_count / (dtype_bits(tensor.dtype) / 8);
}

}  // namespace

Stored::Stored(std::vector<checkpoint::Tensor>&& tensors, const std::vector<io::File>& files)
    : tensors_(std::move(tensors)), by_name_(tensors_.size()), files_(&files) {
    std::iota(by_name_.begin(), by_name_.end(), 0U);
    const auto by_name = [&](std::uint32_t a, std::uint32_t b) {
        return tensors_[a].name < tensors_[b].name;
    };
    std::sort(by_name_.begin(), by_name_.end(), by_name);
    names_scales_ =
        std::any_of(tensors_.begin(), tensors_.end(),
                    [](const checkpoint::Tensor& one) { return is_scale_name(one.name); });
}

std::optional<std::uint32_t> Stored::find(std::string_view name) const {
    const auto less = [&](std::uint32_t tensor, std::string_view wanted) {
        return tensors_[tensor].name < wanted;
    };
    const auto found = std::lower_bound(by_name_.begin(), by_name_.end(), name, less);
    return found != by_name_.end() && tensors_[*found].name == name ? std::optional(*found)
                                                                    : std::nullopt;
}

void Stored::read(std::uint32_t tensor, std::uint64_t first, std::span<std::byte> bytes) const {
    (*files_)[tensors_[tensor].shard].read_at(bytes, tensors_[tensor].offset + first);
}

void Stored::refuse(std::uint32_t tensor, std::string_view what) const {
    const checkpoint::Tensor& one = tensors_[tensor];
    throw Error(ErrorCode::kBadInput, printable((*files_)[one.shard].name()),
                fmt::format("tensor {} {}", in_quotes(one.name), what));
}

bool FloatWindow::reads(Dtype dtype) noexcept {
    return is_quantizable(dtype) || dtype == Dtype::kU8 || dtype == Dtype::kF8E8M0 || is_f8(dtype);
}

void FloatWindow::load(std::uint64_t element) {
    const checkpoint::Tensor& tensor = stored_[tensor_];
    const std::uint64_t each = dtype_bits(tensor.dtype) / 8;
    begin_ = element;
    count_ = std::min(kElements, elements_of(tensor) - element);
    std::array<std::byte, kElements * sizeof(double)> buffer;
    const std::span<std::byte> bytes = std::span(buffer).first(count_ * each);
    stored_.read(tensor_, element * each, bytes);
    if (is_quantizable(tensor.dtype)) {
        kernels::Narrowing ignored{};
        quant::convert_values(tensor.dtype, bytes, Dtype::kF32,
                              std::as_writable_bytes(std::span(values_).first(count_)), ignored);
        return;
    }
    const bool is_power = tensor.dtype == Dtype::kU8 || tensor.dtype == Dtype::kF8E8M0;
    for (std::uint64_t i = 0; i < count_; ++i) {
        const auto code = std::to_integer<std::uint8_t>(bytes[i]);
        values_[i] = is_power ? e8m0_value(code) : f8_table(tensor.dtype)[code];
    }
}

bool IntegerWindow::reads(Dtype dtype) noexcept {
    switch (dtype) {
        case Dtype::kI8:
        case Dtype::kU8:
        case Dtype::kI16:
        case Dtype::kU16:
        case Dtype::kI32:
        case Dtype::kU32:
        case Dtype::kI64:
        case Dtype::kU64:
            return true;
        default:
            return false;
    }
}

void IntegerWindow::load(std::uint64_t element) {
    const checkpoint::Tensor& tensor = stored_[tensor_];
    const std::uint64_t each = dtype_bits(tensor.dtype) / 8;
    begin_ = element;
    count_ = std::min(kElements, elements_of(tensor) - element);
    std::array<std::byte, kElements * sizeof(std::int64_t)> buffer;
    const std::span<std::byte> bytes = std::span(buffer).first(count_ * each);
    stored_.read(tensor_, element * each, bytes);
    integers_of(tensor.dtype, bytes, std::span(values_).first(count_));
}

}  // namespace octet::came_quantized
