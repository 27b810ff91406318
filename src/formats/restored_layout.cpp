// Restored files take the names and metadata of the source's, without octet's own keys.
#include "formats/restored_layout.hpp"

#include <algorithm>
#include <unordered_set>

#include <fmt/format.h>

#include "base/text.hpp"
#include "octet/error.hpp"

namespace octet::formats {
namespace {

safetensors::Metadata without_octet(const safetensors::Metadata& metadata) {
    safetensors::Metadata kept;
    std::copy_if(metadata.begin(), metadata.end(), std::back_inserter(kept),
                 [](const auto& pair) { return !pair.first.starts_with("octet."); });
    return kept;
}

/// A tensor as a plain checkpoint has it.
std::vector<quant::StoredPart> restored_as(const TensorReport& tensor, std::optional<Dtype> dtype,
                                           std::string_view input) {
    const Dtype restored = restored_dtype(tensor, dtype);
    const auto bytes = tensor_bytes(restored, tensor.shape);
    if (!bytes)
        throw Error(
            ErrorCode::kBadInput, printable(input),
            fmt::format("tensor {} would overflow 64 bits of size", in_quotes(tensor.name)));
    return {{"", restored, tensor.shape, *bytes}};
}

/// Every tensor is one part of its own name.
std::string own_name(std::string_view tensor, std::string_view /*part*/) {
    return std::string(tensor);
}

}  // namespace

Dtype restored_dtype(const TensorReport& tensor, std::optional<Dtype> dtype) noexcept {
    if (tensor.role == Role::kState) return tensor.dtype;
    return is_quantizable(tensor.dtype) ? dtype.value_or(tensor.dtype) : tensor.dtype;
}

OutputPlan plan_plain(const std::vector<TensorReport>& tensors, std::optional<Dtype> dtype,
                      const std::string& file_name, std::string_view input) {
    const PartsOf parts_of = [&tensors, dtype, input = std::string(input)](std::size_t i) {
        return restored_as(tensors[i], dtype, input);
    };
    std::vector<OutputTensor> output;
    output.reserve(tensors.size());
    for (std::uint32_t i = 0; i < tensors.size(); ++i)
        output.push_back({&tensors[i].name, 0, i, 0});
    return lay_out(std::move(output), parts_of, own_name,
                   {DataFile{file_name, {{"format", "pt"}}}});
}

OutputPlan plan_restored(const octet_set::QuantizedSet& set, std::optional<Dtype> dtype,
                         const std::optional<std::string>& single_name) {
    const PartsOf parts_of = [&set, dtype](std::size_t i) {
        return restored_as(set.sidecar.tensors[i], dtype, set.folder.path().native());
    };
    std::vector<OutputTensor> output;
    output.reserve(set.sidecar.tensors.size());
    for (std::size_t i = 0; i < set.sidecar.tensors.size(); ++i) {
        const std::uint32_t file = single_name ? 0 : set.stored[i].file;
        // Joined shards keep the order of the tensors; within one file the header's own order is
        // restored.
        const bool joins = single_name && set.data_files.size() > 1;
        const auto position = joins ? static_cast<std::uint32_t>(i) : set.stored[i].header_position;
        output.push_back({&set.sidecar.tensors[i].name, file, position, 0});
    }
    if (single_name) {
        std::vector<safetensors::Metadata> all;
        for (const octet_set::DataFile& file : set.data_files)
            all.push_back(without_octet(file.metadata));
        return lay_out(std::move(output), parts_of, own_name,
                       {DataFile{*single_name, joined_metadata(all)}});
    }
    std::vector<DataFile> files;
    for (std::size_t i = 0; i < set.data_files.size(); ++i)
        files.push_back(
            {set.sidecar.source_files[i].name, without_octet(set.data_files[i].metadata)});
    return lay_out(std::move(output), parts_of, own_name, files);
}

safetensors::Metadata joined_metadata(const std::vector<safetensors::Metadata>& all) {
    safetensors::Metadata result;
    std::unordered_set<std::string_view> known;  // a header can have millions of keys
    for (const safetensors::Metadata& metadata : all) {
        for (const auto& pair : metadata) {
            if (known.insert(pair.first).second) result.push_back(pair);
        }
    }
    return result;
}

OutputPlan plan_files(const std::vector<TensorReport>& tensors, std::optional<Dtype> dtype,
                      std::vector<OutputTensor> places, const std::vector<DataFile>& files,
                      std::string_view input) {
    const PartsOf parts_of = [&tensors, dtype, input = std::string(input)](std::size_t i) {
        return restored_as(tensors[i], dtype, input);
    };
    std::vector<DataFile> plain;
    for (const DataFile& file : files) {
        plain.push_back({file.name, without_octet(file.metadata)});
        for (auto& [key, value] : plain.back().metadata)
            value = key == "format" && value == "mlx" ? "pt" : value;
    }
    return lay_out(std::move(places), parts_of, own_name, plain);
}

}  // namespace octet::formats
