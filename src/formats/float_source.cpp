// A tensor's place is a file and an offset; restorers of codes are made for each piece, as those of
// a hundred thousand tensors would take much memory.
#include "formats/float_source.hpp"

#include <cstring>

#include "formats/octet_set/quantized_set.hpp"
#include "quant/values.hpp"

namespace octet::formats {

std::vector<TensorReport> tensors_of(const checkpoint::Checkpoint& checkpoint) {
    std::vector<TensorReport> tensors;
    tensors.reserve(checkpoint.tensors.size());
    for (const checkpoint::Tensor& tensor : checkpoint.tensors) {
        TensorReport entry;
        entry.name = tensor.name;
        entry.dtype = tensor.dtype;
        entry.shape = tensor.shape;
        entry.source_bytes = entry.output_bytes = tensor.byte_count;
        tensors.push_back(std::move(entry));
    }
    return tensors;
}

FloatSource::FloatSource(const std::filesystem::path& path, io::Links links) : is_set_(octet_set::is_set(path)) {
    if (is_set_) {
        open_set(path, links);
    } else {
        open_checkpoint(path, links);
    }
    for (const io::File& file : files_) file_bytes_ += file.size();
    for (std::size_t i = 0; i < tensors_.size(); ++i) by_name_.emplace(tensors_[i].name, i);
    const checkpoint::Family family = checkpoint::assign_kinds(tensors_);
    framework_bytes_ = checkpoint::framework_bytes(family, tensors_, counted_);
}

void FloatSource::open_set(const std::filesystem::path& path, io::Links links) {
    octet_set::QuantizedSet set = octet_set::open_set(octet_set::find_set_folder(path), links);
    counted_ = checkpoint::counted_as(set.sidecar.options.preset);
    for (octet_set::DataFile& data : set.data_files) files_.push_back(std::move(data.file));
    tensors_ = std::move(set.sidecar.tensors);
    places_.reserve(set.stored.size());
    for (std::size_t i = 0; i < set.stored.size(); ++i) {
        const octet_set::StoredTensor& stored = set.stored[i];
        places_.push_back({&files_[stored.file], stored.offset, stored.byte_count});
    }
}

void FloatSource::open_checkpoint(const std::filesystem::path& path, io::Links links) {
    checkpoint::Checkpoint checkpoint = checkpoint::open_checkpoint(path, links);
    for (checkpoint::Shard& shard : checkpoint.shards) files_.push_back(std::move(shard.file));
    tensors_ = tensors_of(checkpoint);
    places_.reserve(checkpoint.tensors.size());
    for (const checkpoint::Tensor& tensor : checkpoint.tensors)
        places_.push_back({&files_[tensor.shard], tensor.offset, tensor.byte_count});
}

std::optional<std::size_t> FloatSource::find(std::string_view name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? std::nullopt : std::optional(found->second);
}

void FloatSource::read_as(Dtype target, std::size_t tensor, std::uint64_t first, std::uint64_t count,
                          std::span<std::byte> values, std::span<std::byte> scratch) const {
    const Place& place = places_[tensor];
    const Dtype dtype = tensors_[tensor].dtype;
    if (tensors_[tensor].scheme) return read_blocks(reader_of(tensor), target, first, count, values, scratch);
    const std::uint64_t each = dtype_bits(dtype) / 8;
    const bool as_it_is = dtype == target;
    const std::span<std::byte> stored = as_it_is ? values : scratch.first(count * each);
    place.file->read_at(stored, place.offset + first * each);
    kernels::Narrowing ignored{};
    if (!as_it_is) quant::convert_values(dtype, stored, target, values, ignored);
}

/// Made for each piece: of a hundred thousand tensors they would take much memory.
octet_set::BlockRestorer FloatSource::reader_of(std::size_t tensor) const {
    const TensorReport& t = tensors_[tensor];
    const quant::BlockState state{t.scale.value_or(0.0F), t.zero_point.value_or(0.0F)};
    return octet_set::BlockRestorer(*places_[tensor].file, places_[tensor].offset, *t.scheme, t.shape, state);
}

/// Restored values widen in place: from the upper half of `values`, whose end nothing overtakes.
void FloatSource::read_blocks(const octet_set::BlockRestorer& reader, Dtype target, std::uint64_t first,
                              std::uint64_t count, std::span<std::byte> values, std::span<std::byte> scratch) {
    const std::uint64_t skipped = target == Dtype::kF64 ? count * sizeof(float) : 0;
    auto* const restored = reinterpret_cast<float*>(values.data() + skipped);
    reader.read(first, {restored, count}, scratch);
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

void FloatSource::read_bytes(std::size_t tensor, std::uint64_t first, std::span<std::byte> bytes) const {
    places_[tensor].file->read_at(bytes, places_[tensor].offset + first);
}

}  // namespace octet::formats
