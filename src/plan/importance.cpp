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
#include "octet/error.hpp"
#include "quant/checksum.hpp"
#include "quant/search_tile.hpp"
#include "quant/storage_layout.hpp"

namespace octet::plan {
namespace {

bool uses_weights(const Scheme& scheme, const Shape& shape) {
    // What is searched among counts of values does not know their inputs.
    return scheme.range == RangeSearch::kMse && !quant::searches_stretches(scheme, quant::matrix_of(scheme, shape));
}

bool are_weights(std::span<const float> weights) {
    return std::all_of(weights.begin(), weights.end(), [](float w) { return std::isfinite(w) && w >= 0.0F; });
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

/// Each expert's weights on their own; those of one that no token met are all 1. False where there is no other.
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

}  // namespace

Importance::Importance(const std::filesystem::path& path) : input_(printable(path.string())) {
    const checkpoint::Checkpoint file = checkpoint::open_checkpoint(path);
    if (file.index || file.shards.size() > 1)
        throw Error(ErrorCode::kBadInput, input_, "is an index; name one .safetensors file");
    const io::File& data = file.shards.front().file;
    std::vector<std::byte> bytes(data.size());
    data.read_at(bytes, 0);
    checksum_ = quant::checksum_of(bytes);
    for (const checkpoint::Tensor& tensor : file.tensors) weights_.emplace(tensor.name, read(data, tensor));
}

Importance::Weights Importance::read(const io::File& data, const checkpoint::Tensor& tensor) const {
    if (tensor.dtype != Dtype::kF32 || tensor.shape.empty() || tensor.shape.size() > 2)
        throw Error(
            ErrorCode::kBadInput, input_,
            fmt::format("tensor {} is {} {}, not an F32 vector of one weight for each input, or a matrix of one "
                        "row for each expert",
                        in_quotes(tensor.name), dtype_name(tensor.dtype), shape_text(tensor.shape)));
    Weights weights{tensor.shape, std::vector<float>(tensor.byte_count / sizeof(float))};
    data.read_at(std::as_writable_bytes(std::span(weights.values)), tensor.offset);
    if (!are_weights(weights.values) || !scale_rows_to_mean_1(weights.values, weights.shape.back()))
        throw Error(ErrorCode::kBadInput, input_,
                    fmt::format("tensor {} holds weights that are negative or not finite, or nothing but 0",
                                in_quotes(tensor.name)));
    return weights;
}

void Importance::check_shape(const Weights& weights, const TensorReport& tensor) const {
    const Scheme& scheme = *tensor.scheme;
    const std::uint64_t inputs = quant::inputs_of(scheme, tensor.shape);
    const std::uint64_t experts = quant::matrix_of(scheme, tensor.shape).batch;
    if (weights.shape == Shape{inputs} || (scheme.batch && weights.shape == Shape{experts, inputs})) return;
    const std::string own = weights.shape.size() == 1
                                ? with_commas(weights.shape.front())
                                : fmt::format("{} x {}", weights.shape.front(), weights.shape.back());
    throw Error(ErrorCode::kBadInput, input_,
                fmt::format("tensor {} has {} weights, its namesake {} inputs along axis {}{}", in_quotes(tensor.name),
                            own, with_commas(inputs), (scheme.axis == OutputAxis::k1 ? 0 : 1) + (scheme.batch ? 1 : 0),
                            scheme.batch ? fmt::format(" of {} experts", with_commas(experts)) : ""));
}

void Importance::check(const std::vector<TensorReport>& tensors) const {
    std::unordered_set<std::string_view> names;
    bool used = false;
    for (const TensorReport& tensor : tensors) {
        names.insert(tensor.name);
        const auto found = weights_.find(tensor.name);
        if (found == weights_.end() || !tensor.scheme) continue;
        if (!uses_weights(*tensor.scheme, tensor.shape)) continue;
        used = true;
        check_shape(found->second, tensor);
    }
    for (const auto& [name, weights] : weights_) {
        if (!names.contains(name))
            throw Error(ErrorCode::kBadInput, input_,
                        fmt::format("tensor {} is for no tensor of the checkpoint", in_quotes(name)));
    }
    if (!used)
        throw Error(ErrorCode::kUsage, "--importance",
                    "no tensor of it is quantized with a search that knows its inputs; choose --range mse with "
                    "channels or groups, or "
                    "--preset q8, q6 or q4");
}

const std::vector<float>* Importance::weights_of(std::string_view name, const Shape& shape,
                                                 const Scheme& scheme) const {
    const auto found = weights_.find(name);
    return found == weights_.end() || !uses_weights(scheme, shape) ? nullptr : &found->second.values;
}

std::unique_ptr<plan::Importance> open_importance(const std::optional<Checksum>& expected,
                                                  const std::optional<std::filesystem::path>& given) {
    if (!expected) {
        if (!given) return nullptr;
        throw Error(ErrorCode::kUsage, "--importance", "the set was made without; leave it out");
    }
    if (!given)
        throw Error(ErrorCode::kUsage, "--source",
                    "the set was quantized with --importance; give the same file again, as its codes depend on it");
    auto importance = std::make_unique<plan::Importance>(*given);
    if (importance->checksum() == *expected) return importance;
    throw Error(ErrorCode::kBadInput, printable(given->string()),
                "is not the file that the set was quantized with; give that one");
}

}  // namespace octet::plan
