// A restorer of blocks is made for each run that is read.
#include "formats/octet_set/set_source.hpp"

namespace octet::octet_set {

SetSource::SetSource(QuantizedSet&& set) : FloatSource(contents_of(set)) {}

formats::FloatSource::Contents SetSource::contents_of(QuantizedSet& set) {
    Contents contents;
    contents.what = What::kSet;
    contents.counted = checkpoint::counted_as(set.sidecar.options.preset);
    for (DataFile& data : set.data_files) contents.files.push_back(std::move(data.file));
    contents.tensors = std::move(set.sidecar.tensors);
    contents.places.reserve(set.stored.size());
    for (const StoredTensor& stored : set.stored)
        contents.places.push_back({stored.file, stored.offset, stored.byte_count});
    return contents;
}

/// Made for each piece: of a hundred thousand tensors they would take much memory.
BlockRestorer SetSource::reader_of(std::size_t tensor) const {
    const TensorReport& t = tensors()[tensor];
    const quant::BlockState state{t.scale.value_or(0.0F), t.zero_point.value_or(0.0F)};
    return {file_of(tensor), offset(tensor), *t.scheme, t.shape, state};
}

void SetSource::read_codes(std::size_t tensor, std::uint64_t first,
                           std::span<formats::CodedElement> codes,
                           std::span<std::byte> scratch) const {
    if (!tensors()[tensor].scheme) return FloatSource::read_codes(tensor, first, codes, scratch);
    reader_of(tensor).read_codes(first, codes, scratch);
}

void SetSource::read_as(Dtype target, std::size_t tensor, std::uint64_t first, std::uint64_t count,
                        std::span<std::byte> values, std::span<std::byte> scratch) const {
    if (!tensors()[tensor].scheme) return read_plain(target, tensor, first, count, values, scratch);
    reader_of(tensor).read(first, {room_of_floats(target, count, values), count}, scratch);
    widen(target, count, values);
}

}  // namespace octet::octet_set
