// Vectors are read, checked and divided by their mean, so that weighted sums stay in the range of
// plain ones.
#include "plan/importance.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <string_view>
#include <unordered_set>

#include <fmt/format.h>

#include "base/text.hpp"
#include "formats/gguf/imatrix.hpp"
#include "octet/error.hpp"
#include "quant/checksum.hpp"
#include "quant/search_tile.hpp"
#include "quant/storage_layout.hpp"

namespace octet::plan {
namespace {

bool uses_weights(const Scheme& scheme, const Shape& shape) {
    // What is searched among counts of values does not know their inputs.
    return scheme.range == RangeSearch::kMse &&
           !quant::searches_stretches(scheme, quant::matrix_of(scheme, shape));
}

bool are_weights(std::span<const float> weights) {
    return std::all_of(weights.begin(), weights.end(),
                       [](float w) { return std::isfinite(w) && w >= 0.0F; });
}

/// Divides by the mean, so that sums stay in the range of the values' own. False where all are 0.
bool scale_to_mean_1(std::span<float> weights) {
    double sum = 0;
    for (const float weight : weights) sum += static_cast<double>(weight);
    if (sum == 0 && !weights.empty()) return false;
    const double mean = sum / static_cast<double>(weights.size());
    for (float& weight : weights) weight = static_cast<float>(static_cast<double>(weight) / mean);
    return true;
}

/// Each expert's weights on their own; those of one that no token met are all 1. False where there
/// is no other.
bool scale_rows_to_mean_1(std::span<float> weights, std::uint64_t inputs) {
    bool is_any = weights.empty();
    for (std::uint64_t first = 0; first < weights.size(); first += inputs) {
        const std::span<float> row = weights.subspan(first, inputs);
        if (scale_to_mean_1(row)) {
            is_any = true;
        } else {
            std::fill(row.begin(), row.end(), 1.0F);
        }
    }
    return is_any;
}

Checksum checksum_of(const io::File& data) {
    std::vector<std::byte> bytes(data.size());
    data.read_at(bytes, 0);
    return quant::checksum_of(bytes);
}

}  // namespace

Importance::Importance(const std::filesystem::path& path) : input_(printable(path.string())) {
    std::optional<io::File> data;
    if (std::filesystem::is_regular_file(path)) data = io::File::open_for_reading(path);
    if (!data || !gguf::is_imatrix(*data)) {  // of a folder that says what it is instead
        read_safetensors(path);
        return;
    }
    checksum_ = checksum_of(*data);
    read_imatrix(*data);
}

void Importance::read_safetensors(const std::filesystem::path& path) {
    const checkpoint::Checkpoint file = checkpoint::open_checkpoint(path);
    if (file.index || file.shards.size() > 1)
        throw Error(ErrorCode::kBadInput, input_, "is an index; name one .safetensors file");
    const io::File& data = file.shards.front().file;
    checksum_ = checksum_of(data);
    for (const checkpoint::Tensor& tensor : file.tensors)
        weights_.emplace(tensor.name, read(data, tensor));
}

void Importance::read_imatrix(const io::File& data) {
    is_imatrix_ = true;
    for (gguf::ImatrixEntry& entry : gguf::read_imatrix(data)) {
        const std::uint64_t inputs = entry.values.size() / entry.rows;
        scale_rows_to_mean_1(entry.values, inputs);
        const Shape shape = entry.rows == 1 ? Shape{inputs} : Shape{entry.rows, inputs};
        weights_.emplace(std::move(entry.name), Weights{shape, std::move(entry.values)});
    }
}

Importance::Weights Importance::read(const io::File& data, const checkpoint::Tensor& tensor) const {
    if (tensor.dtype != Dtype::kF32 || tensor.shape.empty() || tensor.shape.size() > 2)
        throw Error(ErrorCode::kBadInput, input_,
                    fmt::format("tensor {} is {} {}, not an F32 vector of one weight for each "
                                "input, or a matrix of one "
                                "row for each expert",
                                in_quotes(tensor.name), dtype_name(tensor.dtype),
                                shape_text(tensor.shape)));
    Weights weights{tensor.shape, std::vector<float>(tensor.byte_count / sizeof(float))};
    data.read_at(std::as_writable_bytes(std::span(weights.values)), tensor.offset);
    if (!are_weights(weights.values) || !scale_rows_to_mean_1(weights.values, weights.shape.back()))
        throw Error(
            ErrorCode::kBadInput, input_,
            fmt::format("tensor {} holds weights that are negative or not finite, or nothing but 0",
                        in_quotes(tensor.name)));
    return weights;
}

/// Under its own name, or of an imatrix under that which it has in a GGUF file.
std::optional<Importance::Found> Importance::find(std::string_view name) const {
    if (const auto own = weights_.find(name); own != weights_.end()) return Found{own};
    if (!is_imatrix_) return std::nullopt;
    for (const gguf::ImatrixPlace& place : gguf::places_in_imatrix(name)) {
        const auto found = weights_.find(place.name);
        if (found != weights_.end()) return Found{found, place.expert};
    }
    return std::nullopt;
}

/// One vector for all matrices or one for each; empty where the sizes are others.
std::span<const float> Importance::fitting(const Found& found, std::uint64_t inputs,
                                           std::uint64_t matrices) {
    const Weights& weights = found.entry->second;
    const std::span<const float> all = weights.values;
    const bool has_rows = weights.shape.back() == inputs || weights.shape.size() == 1;
    if (inputs == 0 || !has_rows || all.size() % inputs != 0) return {};
    const std::uint64_t rows = all.size() / inputs;
    if (found.expert)
        return *found.expert < rows ? all.subspan(*found.expert * inputs, inputs) : all.first(0);
    return rows == 1 || rows == matrices ? all : all.first(0);
}

void Importance::check_shape(const Found& found, const TensorReport& tensor) const {
    const Scheme& scheme = *tensor.scheme;
    const std::uint64_t inputs = quant::inputs_of(scheme, tensor.shape);
    const std::uint64_t experts = scheme.batch ? quant::matrix_of(scheme, tensor.shape).batch : 1;
    const Shape& shape = found.entry->second.shape;
    const bool is_empty = inputs == 0 && shape == Shape{0};
    if (is_empty || !fitting(found, inputs, experts).empty()) return;
    const std::string own = shape.size() == 1 ? with_commas(shape.front())
                                              : fmt::format("{} x {}", shape.front(), shape.back());
    throw Error(
        ErrorCode::kBadInput, input_,
        fmt::format("tensor {} has {} weights, its namesake {} inputs along axis {}{}",
                    in_quotes(found.entry->first), own, with_commas(inputs),
                    (scheme.axis == OutputAxis::k1 ? 0 : 1) + (scheme.batch ? 1 : 0),
                    scheme.batch ? fmt::format(" of {} experts", with_commas(experts)) : ""));
}

void Importance::check_names(const std::vector<TensorReport>& tensors) const {
    std::unordered_set<std::string_view> used;
    for (const TensorReport& tensor : tensors) {
        if (const auto found = find(tensor.name)) used.insert(found->entry->first);
    }
    if (is_imatrix_ && !used.empty()) return;
    for (const auto& [name, weights] : weights_) {
        if (!used.contains(name))
            throw Error(
                ErrorCode::kBadInput, input_,
                fmt::format("tensor {} is for no tensor of the checkpoint{}", in_quotes(name),
                            is_imatrix_ ? ", nor is any other: it is of another model" : ""));
    }
}

std::span<const float> Importance::weights_of_inputs(std::string_view name, std::uint64_t inputs,
                                                     std::uint64_t matrices) const {
    const auto found = find(name);
    if (!found) return {};
    const std::span<const float> weights = fitting(*found, inputs, matrices);
    if (weights.empty() && inputs > 0)
        throw Error(
            ErrorCode::kBadInput, input_,
            fmt::format("tensor {} has {} weights, its namesake {} inputs",
                        in_quotes(found->entry->first),
                        with_commas(found->entry->second.values.size()), with_commas(inputs)));
    return weights;
}

void Importance::check(const std::vector<TensorReport>& tensors) const {
    bool is_used = false;
    for (const TensorReport& tensor : tensors) {
        if (!tensor.scheme || !uses_weights(*tensor.scheme, tensor.shape)) continue;
        const auto found = find(tensor.name);
        if (!found) continue;
        is_used = true;
        check_shape(*found, tensor);
    }
    check_names(tensors);
    if (!is_used)
        throw Error(ErrorCode::kUsage, "--importance",
                    "no tensor of it is quantized with a search that knows its inputs; choose "
                    "--range mse with "
                    "channels or groups, or "
                    "--preset q8, q6 or q4");
}

std::span<const float> Importance::weights_of(std::string_view name, const Shape& shape,
                                              const Scheme& scheme) const {
    if (!uses_weights(scheme, shape)) return {};
    const auto found = find(name);
    if (!found) return {};
    return fitting(*found, quant::inputs_of(scheme, shape),
                   scheme.batch ? quant::matrix_of(scheme, shape).batch : 1);
}

std::unique_ptr<plan::Importance> open_importance(
    const std::optional<Checksum>& expected, const std::optional<std::filesystem::path>& given) {
    if (!expected) {
        if (!given) return nullptr;
        throw Error(ErrorCode::kUsage, "--importance", "the set was made without; leave it out");
    }
    if (!given)
        throw Error(ErrorCode::kUsage, "--source",
                    "the set was quantized with --importance; give the same file again, as its "
                    "codes depend on it");
    auto importance = std::make_unique<plan::Importance>(*given);
    if (importance->checksum() == *expected) return importance;
    throw Error(ErrorCode::kBadInput, printable(given->string()),
                "is not the file that the set was quantized with; give that one");
}

}  // namespace octet::plan
