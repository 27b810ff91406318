// A tensor's place is a file and an offset; restorers of codes are made for each piece, as those of
// a hundred thousand tensors would take much memory.
#include "formats/float_source.hpp"

#include <cstring>

#include "octet/error.hpp"
#include "quant/values.hpp"

namespace octet::formats {

FloatSource::FloatSource(Contents&& contents)
    : what_(contents.what),
      files_(std::move(contents.files)),
      tensors_(std::move(contents.tensors)),
      places_(std::move(contents.places)) {
    for (const io::File& file : files_) file_bytes_ += file.size();
    for (std::size_t i = 0; i < tensors_.size(); ++i) by_name_.emplace(tensors_[i].name, i);
    const checkpoint::Family family = checkpoint::assign_kinds(tensors_);
    framework_bytes_ = checkpoint::framework_bytes(family, tensors_, contents.counted);
}

std::string_view FloatSource::format() const noexcept {
    return is_set() ? "octet" : is_gguf() ? "gguf" : "safetensors";
}

std::optional<std::size_t> FloatSource::find(std::string_view name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? std::nullopt : std::optional(found->second);
}

void FloatSource::read_plain(Dtype target, std::size_t tensor, std::uint64_t first,
                             std::uint64_t count, std::span<std::byte> values,
                             std::span<std::byte> scratch) const {
    const Dtype dtype = tensors_[tensor].dtype;
    const std::uint64_t each = dtype_bits(dtype) / 8;
    const bool as_it_is = dtype == target;
    const std::span<std::byte> stored = as_it_is ? values : scratch.first(count * each);
    file_of(tensor).read_at(stored, places_[tensor].offset + first * each);
    kernels::Narrowing ignored{};
    if (!as_it_is) quant::convert_values(dtype, stored, target, values, ignored);
}

/// They widen from the upper half of `values`, whose end nothing overtakes.
float* FloatSource::room_of_floats(Dtype target, std::uint64_t count,
                                   std::span<std::byte> values) noexcept {
    const std::uint64_t skipped = target == Dtype::kF64 ? count * sizeof(float) : 0;
    return reinterpret_cast<float*>(values.data() + skipped);
}

void FloatSource::widen(Dtype target, std::uint64_t count, std::span<std::byte> values) noexcept {
    const float* const restored = room_of_floats(target, count, values);
    for (std::uint64_t i = 0; target == Dtype::kF64 && i < count; ++i) {
        const auto wide = static_cast<double>(restored[i]);
        std::memcpy(values.data() + i * sizeof(double), &wide, sizeof(double));
    }
}

void FloatSource::read(std::size_t tensor, std::uint64_t first, std::span<float> values,
                       std::span<std::byte> scratch) const {
    read_as(Dtype::kF32, tensor, first, values.size(), std::as_writable_bytes(values), scratch);
}

void FloatSource::read(std::size_t tensor, std::uint64_t first, std::span<double> values,
                       std::span<std::byte> scratch) const {
    read_as(Dtype::kF64, tensor, first, values.size(), std::as_writable_bytes(values), scratch);
}

void FloatSource::read_codes(std::size_t tensor, std::uint64_t /*first*/,
                             std::span<CodedElement> /*codes*/,
                             std::span<std::byte> /*scratch*/) const {
    throw Error(ErrorCode::kInternal, tensors_[tensor].name, "has no scheme");
}

void FloatSource::read_bytes(std::size_t tensor, std::uint64_t first,
                             std::span<std::byte> bytes) const {
    file_of(tensor).read_at(bytes, places_[tensor].offset + first);
}

}  // namespace octet::formats
