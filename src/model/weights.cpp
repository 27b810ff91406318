// From headers, or a sidecar, to views of mappings. A tensor that config.json asks for and the
// checkpoint lacks, or has in another shape, is refused when the network asks for it.
#include "model/weights.hpp"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "base/set_names.hpp"
#include "base/text.hpp"
#include "checkpoint/checkpoint.hpp"
#include "formats/octet_set/quantized_set.hpp"
#include "octet/error.hpp"
#include "quant/packing.hpp"

namespace octet::model {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kGap =
    64U << 10U;  ///< between what is brought in together: what the system maps at once

/// A data file of a set that was named itself: its sidecar stands beside it, and its metadata say
/// what it holds.
bool is_file_of_set(const checkpoint::Location& location) {
    if (location.is_folder || !io::exists(location.folder / kSidecarName)) return false;
    const io::File file = io::File::open_for_reading(location.path);
    return safetensors::has_octet_metadata(safetensors::read_header(file).metadata);
}

}  // namespace

Weights Weights::open(const fs::path& path, io::Links links) {
    Weights weights;
    weights.input_ = path.native();
    const checkpoint::Location location = checkpoint::locate(path);
    weights.folder_ = location.folder;
    using What = checkpoint::Location::What;
    weights.is_set_ =
        location.what == What::kSet || (location.what == What::kFile && is_file_of_set(location));
    if (location.what == What::kGguf) {
        weights.open_gguf(path, links);
    } else if (weights.is_set_) {
        weights.open_set(location.folder, links);
    } else {
        weights.open_checkpoint(path, links);
    }
    return weights;
}

void Weights::open_checkpoint(const fs::path& path, io::Links links) {
    checkpoint::Checkpoint checkpoint = checkpoint::open_checkpoint(path, links);
    for (checkpoint::Shard& shard : checkpoint.shards) map(std::move(shard.file));
    for (checkpoint::Tensor& t : checkpoint.tensors)
        add(std::move(t.name), t.shape, t.dtype, std::nullopt, {t.shard, t.offset, t.byte_count});
}

void Weights::open_set(const fs::path& folder, io::Links links) {
    octet_set::QuantizedSet set = octet_set::open_set(folder, links);
    for (octet_set::DataFile& file : set.data_files) map(std::move(file.file));
    for (std::size_t i = 0; i < set.stored.size(); ++i) {
        TensorReport& t = set.sidecar.tensors[i];
        std::optional<CodeState> codes;
        if (t.scheme) {
            codes = state_of(t, set.stored[i]);
            quantized_.push_back(t.name);
        }
        const octet_set::StoredTensor& stored = set.stored[i];
        add(std::move(t.name), t.shape, t.dtype, codes,
            {stored.file, stored.offset, stored.byte_count});
    }
}

void Weights::open_gguf(const fs::path& path, io::Links links) {
    gguf_ = std::make_shared<const gguf::GgufSource>(gguf::open_gguf(path, links));
    for (std::size_t i = 0; i < gguf_->tensors().size(); ++i) restore_tensor(*gguf_, i);
}

void Weights::restore_tensor(const gguf::GgufSource& source, std::size_t tensor) {
    constexpr std::uint64_t kRun = 64U << 10U;
    const TensorReport& t = source.tensors()[tensor];
    shapes_.emplace(t.name, t.shape);
    if (!is_quantizable(t.dtype)) return;
    const std::uint64_t elements = element_count(t.shape).value_or(0);
    restored_.push_back(std::make_unique<float[]>(elements));
    float* const values = restored_.back().get();
    const std::uint64_t run = std::max(kRun, source.good_run(tensor));
    std::vector<std::byte> scratch(std::min(run, elements) * formats::FloatSource::kScratchBytes);
    for (std::uint64_t first = 0; first < elements; first += run)
        source.read(tensor, first,
                    std::span<float>(values + first, std::min(run, elements - first)), scratch);
    WeightMatrix matrix;
    matrix.name = t.name;
    matrix.data = reinterpret_cast<const std::byte*>(values);
    matrix.rows = t.shape.size() < 2 ? 1 : t.shape[0];
    matrix.columns = matrix.rows > 0 ? elements / matrix.rows : 0;
    matrix.row_bytes = matrix.columns * sizeof(float);
    matrices_.emplace(t.name, matrix);
}

CodeState Weights::state_of(const TensorReport& tensor,
                            const octet_set::StoredTensor& stored) const {
    CodeState state;
    state.scheme = *tensor.scheme;
    state.grid = quant::grid_of(state.scheme, quant::matrix_of(state.scheme, tensor.shape));
    state.scale = tensor.scale.value_or(0.0F);
    state.zero_point = tensor.zero_point.value_or(0.0F);
    if (!quant::has_state_tensors(state.scheme)) return state;
    // Codes, scales, zero points, and with two levels the floats of superblocks: the same again.
    const std::vector<quant::StoredPart> parts = quant::stored_parts(state.scheme, tensor.shape);
    std::vector<const std::byte*> starts;
    std::uint64_t offset = stored.offset;
    for (const quant::StoredPart& part : parts) {
        starts.push_back(mappings_[stored.file].bytes(offset, 0).data());
        offset += part.byte_count;
    }
    const bool has_zero_points = !state.scheme.symmetric;
    state.scales = starts[1];
    state.dtype = parts[1].dtype;
    if (has_zero_points) state.zero_points = starts[2];
    if (state.scheme.scale_dtype != ScaleDtype::kTwoLevel) return state;
    TwoLevels two;
    two.shape = quant::two_level_shape(state.scheme);
    two.supers = quant::super_grid_of(state.scheme, state.grid);
    two.groups_down = two.supers.rows_each / state.grid.rows_each;
    two.groups_across = two.supers.columns_each / state.grid.columns_each;
    two.scales = starts[has_zero_points ? 3 : 2];
    if (has_zero_points) two.zero_points = starts[4];
    state.two = two;
    return state;
}

void Weights::map(io::File file) {
    mappings_.push_back(io::Mapping::of(file));
    if (mappings_.back().is_empty() && file.size() > 0)
        throw Error(ErrorCode::kIo, printable(file.name()),
                    "cannot be mapped into memory; copy it to a local disk");
    files_.push_back(std::move(file));
}

void Weights::add(std::string name, const Shape& shape, Dtype dtype, std::optional<CodeState> codes,
                  const Place& place) {
    shapes_.emplace(name, shape);
    if (!is_quantizable(dtype)) return;
    if (shape.size() <= 2) places_.push_back(place);  // others are masks and the like
    WeightMatrix matrix;
    matrix.name = name;
    matrix.data = mappings_[place.file].bytes(place.offset, 0).data();
    matrix.rows = shape.size() < 2 ? 1 : shape[0];
    const std::uint64_t elements = element_count(shape).value_or(0);
    matrix.columns = matrix.rows > 0 ? elements / matrix.rows : 0;
    matrix.is_codes = codes.has_value();
    matrix.dtype = dtype;
    matrix.state = codes.value_or(CodeState{});
    // Packed rows are those of the last dimension; matrices that models multiply with have two.
    matrix.row_bytes = codes ? quant::packed_bytes(matrix.columns, codes->scheme.bits)
                             : matrix.columns * (dtype_bits(dtype) / 8);
    matrices_.emplace(std::move(name), matrix);
}

const WeightMatrix& Weights::matrix(std::string_view name, std::uint64_t rows,
                                    std::uint64_t columns) const {
    const std::string key(name);
    const auto shape = shapes_.find(key);
    if (shape == shapes_.end()) {
        throw Error(ErrorCode::kBadInput, printable(input_),
                    fmt::format("has no tensor {}, which config.json asks for; checkpoint and "
                                "config.json do not belong "
                                "together",
                                in_quotes(name)));
    }
    const auto found = matrices_.find(key);
    if (found == matrices_.end())
        throw Error(ErrorCode::kBadInput, printable(input_),
                    fmt::format("tensor {} holds no floats", in_quotes(name)));
    const WeightMatrix& matrix = found->second;
    used_.insert(key);
    if (matrix.rows != rows || matrix.columns != columns) {
        const Shape wanted = rows == 1 ? Shape{columns} : Shape{rows, columns};
        throw Error(
            ErrorCode::kBadInput, printable(input_),
            fmt::format(
                "tensor {} is {}, where config.json makes it {}; checkpoint and config.json do not "
                "belong together",
                in_quotes(name), shape_text(shape->second), shape_text(wanted)));
    }
    return matrix;
}

std::vector<float> Weights::vector(std::string_view name, std::uint64_t size) const {
    const WeightMatrix& stored = matrix(name, 1, size);
    std::vector<float> values(size);
    if (!io::read_mapped([&] { restore(stored, 0, 0, values.size(), values.data()); }))
        throw Error(ErrorCode::kIo, printable(input_),
                    "could not be read to its end: it shrank, or its disk failed");
    return values;
}

std::vector<Weights::Stretch> Weights::stretches() const {
    std::vector<Place> places = places_;
    std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
        return std::tie(a.file, a.offset) < std::tie(b.file, b.offset);
    });
    std::vector<Stretch> stretches;
    for (const Place& place : places) {
        const io::Mapping* const mapping = &mappings_[place.file];
        Stretch* const last = stretches.empty() ? nullptr : &stretches.back();
        if (last != nullptr && last->mapping == mapping &&
            place.offset <= last->offset + last->byte_count + kGap) {
            last->byte_count =
                std::max(last->byte_count, place.offset + place.byte_count - last->offset);
        } else if (place.byte_count > 0) {
            stretches.push_back({&files_[place.file], mapping, place.offset, place.byte_count});
        }
    }
    return stretches;
}

void Weights::leave_unmarked() const noexcept {
    for (const io::Mapping& mapping : mappings_) mapping.leave_unmarked();
}

Weights Weights::with_one_of(const Weights& other, const std::string& name) const {
    Weights mixed;
    mixed.input_ = input_;
    mixed.folder_ = folder_;
    mixed.matrices_ = matrices_;
    mixed.shapes_ = shapes_;
    mixed.matrices_[name] = other.matrices_.at(name);
    return mixed;
}

}  // namespace octet::model
