// Vectors are read, checked and divided by their mean, so that weighted sums stay in the range of
// plain ones.
#include "plan/importance.hpp"

#include <cmath>
#include <span>
#include <string_view>
#include <unordered_set>

#include <fmt/format.h>

#include "base/text.hpp"
#include "checkpoint/checkpoint.hpp"
#include "octet/error.hpp"
#include "quant/checksum.hpp"
#include "quant/search_tile.hpp"
#include "quant/storage_layout.hpp"

namespace octet::plan {
namespace {

bool uses_weights(const Scheme& scheme, const Shape& shape) {
    // What is searched among counts of values does not know their inputs.
    return scheme.range == RangeSearch::kMse && !quant::searches_stretches(scheme, quant::matrix_of(shape));
}

std::uint64_t inputs_of(const TensorReport& tensor) {
    const quant::Matrix matrix = quant::matrix_of(tensor.shape);
    return tensor.scheme->axis == OutputAxis::k1 ? matrix.rows : matrix.columns;
}

/// Divides by the mean, so that sums stay in the range of the values' own. False where a weight is no weight, or all are 0.
bool scale_to_mean_1(std::vector<float>& weights) {
    double sum = 0;
    for (const float weight : weights) {
        if (!std::isfinite(weight) || weight < 0.0F) return false;
        sum += static_cast<double>(weight);
    }
    if (sum == 0 && !weights.empty()) return false;
    const double mean = sum / static_cast<double>(weights.size());
    for (float& weight : weights) weight = static_cast<float>(static_cast<double>(weight) / mean);
    return true;
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
    for (const checkpoint::Tensor& tensor : file.tensors) {
        if (tensor.dtype != Dtype::kF32 || tensor.shape.size() != 1)
            throw Error(ErrorCode::kBadInput, input_,
                        fmt::format("tensor {} is {} {}, not an F32 vector of one weight for each input",
                                    in_quotes(tensor.name), dtype_name(tensor.dtype), shape_text(tensor.shape)));
        std::vector<float> weights(tensor.shape.front());
        data.read_at(std::as_writable_bytes(std::span(weights)), tensor.offset);
        if (!scale_to_mean_1(weights))
            throw Error(ErrorCode::kBadInput, input_,
                        fmt::format("tensor {} holds weights that are negative or not finite, or nothing but 0",
                                    in_quotes(tensor.name)));
        vectors_.emplace(tensor.name, std::move(weights));
    }
}

void Importance::check(const std::vector<TensorReport>& tensors) const {
    std::unordered_set<std::string_view> names;
    bool used = false;
    for (const TensorReport& tensor : tensors) {
        names.insert(tensor.name);
        const auto found = vectors_.find(tensor.name);
        if (found == vectors_.end() || !tensor.scheme) continue;
        if (!uses_weights(*tensor.scheme, tensor.shape)) continue;
        used = true;
        if (found->second.size() == inputs_of(tensor)) continue;
        throw Error(ErrorCode::kBadInput, input_,
                    fmt::format("tensor {} has {} weights, its namesake {} inputs along axis {}",
                                in_quotes(tensor.name), with_commas(found->second.size()),
                                with_commas(inputs_of(tensor)), tensor.scheme->axis == OutputAxis::k1 ? 0 : 1));
    }
    for (const auto& [name, weights] : vectors_) {
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
    const auto found = vectors_.find(name);
    return found == vectors_.end() || !uses_weights(scheme, shape) ? nullptr : &found->second;
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
