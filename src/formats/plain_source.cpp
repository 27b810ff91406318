// Files, tensors and places are taken over from the opened checkpoint; reading is that of every
// source that stores plain elements.
#include "formats/plain_source.hpp"

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

std::vector<TensorReport> take_tensors(checkpoint::Checkpoint& checkpoint) {
    std::vector<TensorReport> tensors;
    tensors.reserve(checkpoint.tensors.size());
    for (checkpoint::Tensor& tensor : checkpoint.tensors) {
        TensorReport& entry = tensors.emplace_back();
        entry.name = std::move(tensor.name);
        entry.dtype = tensor.dtype;
        entry.shape = std::move(tensor.shape);
        entry.source_bytes = entry.output_bytes = tensor.byte_count;
    }
    return tensors;
}

PlainSource::PlainSource(checkpoint::Checkpoint&& checkpoint)
    : FloatSource(contents_of(checkpoint)) {}

FloatSource::Contents PlainSource::contents_of(checkpoint::Checkpoint& checkpoint) {
    Contents contents;
    contents.what = What::kCheckpoint;
    for (checkpoint::Shard& shard : checkpoint.shards)
        contents.files.push_back(std::move(shard.file));
    contents.tensors = take_tensors(checkpoint);
    contents.places.reserve(checkpoint.tensors.size());
    for (const checkpoint::Tensor& tensor : checkpoint.tensors)
        contents.places.push_back({tensor.shard, tensor.offset, tensor.byte_count});
    return contents;
}

void PlainSource::read_as(Dtype target, std::size_t tensor, std::uint64_t first,
                          std::uint64_t count, std::span<std::byte> values,
                          std::span<std::byte> scratch) const {
    read_plain(target, tensor, first, count, values, scratch);
}

}  // namespace octet::formats
