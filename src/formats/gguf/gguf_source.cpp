// A run of elements is read as whole blocks and cut to what was asked for; a transposed tensor is
// decoded row by row, some columns at a time.
#include "formats/gguf/gguf_source.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/checked.hpp"
#include "formats/octet_set/totals.hpp"
#include "quant/ggml/decode.hpp"
#include "quant/values.hpp"

namespace octet::gguf {
namespace {

/// No type has larger blocks.
constexpr std::uint64_t kMostBlockElements = 256;
constexpr std::uint64_t kMostBlockBytes = 2048;

/// Columns of a transposed tensor that are decoded of one row together.
constexpr std::uint64_t kColumns = kMostBlockElements;

/// The dtype of a type that stores elements one by one; of others that which they are restored to.
Dtype dtype_of(ggml::Type type) noexcept {
    switch (type) {
        case ggml::Type::kF16:
            return Dtype::kF16;
        case ggml::Type::kBF16:
            return Dtype::kBF16;
        case ggml::Type::kF64:
            return Dtype::kF64;
        case ggml::Type::kI8:
            return Dtype::kI8;
        case ggml::Type::kI16:
            return Dtype::kI16;
        case ggml::Type::kI32:
            return Dtype::kI32;
        case ggml::Type::kI64:
            return Dtype::kI64;
        default:
            return Dtype::kF32;
    }
}

bool stores_elements(ggml::Type type) {
    return ggml::traits_of(type).block_elements == 1;
}

bool changes_nothing(const ViewedTensor& viewed) noexcept {
    return viewed.undo == Undo::kNothing && viewed.divisor == 1 && viewed.subtrahend == 0;
}

/// Of what passes through float32 when it is read, F64 and integers included.
Dtype dtype_of(ggml::Type type, const ViewedTensor& viewed) noexcept {
    const Dtype dtype = dtype_of(type);
    return changes_nothing(viewed) || dtype == Dtype::kF16 || dtype == Dtype::kBF16 ? dtype
                                                                                    : Dtype::kF32;
}

}  // namespace

GgufSource::GgufSource(GgufFile&& file) : GgufSource(std::move(file), view_of(file)) {}

GgufSource::GgufSource(GgufFile&& file, CheckpointView&& view)
    : FloatSource(contents_of(file, view)),
      architecture_(std::move(view.architecture)),
      keys_(std::move(file.keys)),
      view_(std::move(view.tensors)) {
    types_.reserve(view_.size());
    for (const ViewedTensor& tensor : view_) types_.push_back(file.tensors[tensor.stored].type);
}

formats::FloatSource::Contents GgufSource::contents_of(GgufFile& file, const CheckpointView& view) {
    Contents contents;
    contents.what = What::kGguf;
    contents.counted = checkpoint::Counted::kStored;
    contents.files = std::move(file.files);
    contents.tensors.reserve(view.tensors.size());
    contents.places.reserve(view.tensors.size());
    for (const ViewedTensor& viewed : view.tensors) {
        const ReadTensor& stored = file.tensors[viewed.stored];
        TensorReport tensor;
        tensor.name = viewed.name;
        tensor.shape = viewed.shape;
        tensor.dtype = dtype_of(stored.type, viewed);
        tensor.type = ggml::traits_of(stored.type).name;
        tensor.stored_name = stored.name;
        tensor.source_bytes = tensor.output_bytes = stored.byte_count;
        const std::optional<Figures>& figures = file.figures[viewed.stored];
        if (figures && (!stores_elements(stored.type) || figures->rmse > 0))
            tensor.statistics = {figures->sqnr_db, figures->rmse, figures->max_abs_error,
                                 figures->max_abs_error, 0};
        contents.tensors.push_back(std::move(tensor));
        contents.places.push_back({stored.file, stored.offset, stored.byte_count});
    }
    return contents;
}

Totals GgufSource::totals() const {
    Totals totals = octet_set::totals_of(tensors(), 0.0);
    const bool has_figures =
        std::any_of(tensors().begin(), tensors().end(),
                    [](const TensorReport& t) { return t.statistics.has_value(); });
    if (!has_figures) {
        totals.sqnr_db.reset();
        totals.max_abs_error.reset();
    }
    totals.source_bytes = totals.output_bytes = file_bytes();
    totals.framework_bytes = framework_bytes();
    return totals;
}

bool GgufSource::is_quantized(std::size_t tensor) const {
    return !stores_elements(types_[tensor]);
}

bool GgufSource::is_plain(std::size_t tensor) const {
    return stores_elements(types_[tensor]) && changes_nothing(view_[tensor]);
}

std::uint64_t GgufSource::good_run(std::size_t tensor) const {
    const ViewedTensor& viewed = view_[tensor];
    return viewed.undo == Undo::kTransposition
               ? std::max<std::uint64_t>(viewed.shape.back(), 1) * kColumns
               : 1;
}

void GgufSource::read_as(Dtype target, std::size_t tensor, std::uint64_t first, std::uint64_t count,
                         std::span<std::byte> values, std::span<std::byte> scratch) const {
    if (is_plain(tensor)) return read_plain(target, tensor, first, count, values, scratch);
    float* const restored = room_of_floats(target, count, values);
    restore(tensor, first, count, restored, scratch);
    widen(target, count, values);
}

void GgufSource::restore(std::size_t tensor, std::uint64_t first, std::uint64_t count,
                         float* values, std::span<std::byte> scratch) const {
    const ViewedTensor& viewed = view_[tensor];
    switch (viewed.undo) {
        case Undo::kNothing:
            decode(tensor, first, count, values, scratch);
            break;
        case Undo::kHeadOrder:
            decode_heads(tensor, first, count, values, scratch);
            break;
        case Undo::kTransposition:
            decode_transposed(tensor, first, count, values);
            break;
    }
    if (viewed.divisor == 1 && viewed.subtrahend == 0) return;
    for (std::uint64_t i = 0; i < count; ++i)
        values[i] = values[i] / viewed.divisor - viewed.subtrahend;
}

/// At most so many elements as the block of the first one has behind it, and how many that were.
std::uint64_t GgufSource::decode_edge(std::size_t tensor, std::uint64_t first, std::uint64_t count,
                                      float* values) const {
    const ggml::TypeTraits& traits = ggml::traits_of(types_[tensor]);
    const std::uint64_t skipped = first % traits.block_elements;
    const std::uint64_t taken = std::min(count, traits.block_elements - skipped);
    std::array<std::byte, kMostBlockBytes> block;
    std::array<float, kMostBlockElements> decoded;
    const std::span<std::byte> bytes = std::span(block).first(traits.block_bytes);
    file_of(tensor).read_at(bytes,
                            offset(tensor) + first / traits.block_elements * traits.block_bytes);
    ggml::decode(types_[tensor], bytes.data(), traits.block_elements, decoded.data());
    std::memcpy(values, decoded.data() + skipped, taken * sizeof(float));
    return taken;
}

/// Elements in the order of the file. Whole blocks need at most 8 bytes of scratch for each.
void GgufSource::decode(std::size_t tensor, std::uint64_t first, std::uint64_t count, float* values,
                        std::span<std::byte> scratch) const {
    const ggml::TypeTraits& traits = ggml::traits_of(types_[tensor]);
    std::uint64_t done = 0;
    if (first % traits.block_elements != 0 && count > 0)
        done = decode_edge(tensor, first, count, values);
    const std::uint64_t blocks = (count - done) / traits.block_elements;
    if (blocks > 0) {
        const std::span<std::byte> bytes = scratch.first(blocks * traits.block_bytes);
        file_of(tensor).read_at(
            bytes, offset(tensor) + (first + done) / traits.block_elements * traits.block_bytes);
        ggml::decode(types_[tensor], bytes.data(), blocks * traits.block_elements, values + done);
        done += blocks * traits.block_elements;
    }
    if (done < count) decode_edge(tensor, first + done, count - done, values + done);
}

/// Row by row: row i of a head is its row 2 i in the file, and row half + i its row 2 i + 1.
void GgufSource::decode_heads(std::size_t tensor, std::uint64_t first, std::uint64_t count,
                              float* values, std::span<std::byte> scratch) const {
    const ViewedTensor& viewed = view_[tensor];
    const std::uint64_t columns = viewed.shape.size() > 1 ? viewed.shape.back() : 1;
    const std::uint64_t half = viewed.head_rows / 2;
    for (std::uint64_t done = 0; done < count;) {
        const std::uint64_t row = (first + done) / columns;
        const std::uint64_t column = (first + done) % columns;
        const std::uint64_t in_head = row % viewed.head_rows;
        const std::uint64_t moved = in_head < half ? 2 * in_head : 2 * (in_head - half) + 1;
        const std::uint64_t stored_row = row - in_head + moved;
        const std::uint64_t size = std::min(columns - column, count - done);
        decode(tensor, stored_row * columns + column, size, values + done, scratch);
        done += size;
    }
}

/// Blocks lie along what are columns here: so many columns of a row at once, row after row.
void GgufSource::decode_transposed(std::size_t tensor, std::uint64_t first, std::uint64_t count,
                                   float* values) const {
    const ggml::TypeTraits& traits = ggml::traits_of(types_[tensor]);
    const std::uint64_t rows = view_[tensor].shape.back();      // of the file
    const std::uint64_t columns = view_[tensor].shape.front();  // the same
    if (count == 0 || rows == 0) return;
    const std::uint64_t last_column = (first + count - 1) / rows;
    std::array<std::byte, kMostBlockBytes> stored;
    std::array<float, kColumns> decoded;
    for (std::uint64_t begin = first / rows / kColumns * kColumns; begin <= last_column;
         begin += kColumns) {
        const std::uint64_t from =
            std::max(begin, first / rows) / traits.block_elements * traits.block_elements;
        const std::uint64_t end =
            std::min({begin + kColumns, columns,
                      divide_up(last_column + 1, traits.block_elements) * traits.block_elements});
        const std::span<std::byte> bytes =
            std::span(stored).first((end - from) / traits.block_elements * traits.block_bytes);
        for (std::uint64_t row = 0; row < rows; ++row) {
            const std::uint64_t at =
                (row * columns + from) / traits.block_elements * traits.block_bytes;
            file_of(tensor).read_at(bytes, offset(tensor) + at);
            ggml::decode(types_[tensor], bytes.data(), end - from, decoded.data());
            for (std::uint64_t column = from; column < end; ++column) {
                const std::uint64_t element = column * rows + row;
                if (element >= first && element - first < count)
                    values[element - first] = decoded[column - from];
            }
        }
    }
}

}  // namespace octet::gguf
