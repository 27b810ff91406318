// Where every output tensor will lie: data files take the names and the order of the source's
// shards, offsets follow from the lengths of the stored forms, and headers are counted before they
// are written, in pieces.
#include <algorithm>
#include <functional>
#include <memory>
#include <numeric>
#include <unordered_set>

#include <fmt/format.h>

#include "base/checked.hpp"
#include "base/set_names.hpp"
#include "base/text.hpp"
#include "octet/error.hpp"
#include "octet/octet.hpp"
#include "plan/output_plan.hpp"
#include "quant/state_names.hpp"
#include "quant/storage_layout.hpp"

namespace octet::plan {
namespace {

/// One tensor as it will stand in a data file.
struct OutputTensor {
    const std::string* name;
    std::uint32_t file;
    std::uint32_t header_position;  ///< rank in its file's header
    std::uint64_t begin = 0;        ///< in its file's data
};

/// The tensors that number i is stored as: made when they are asked for, because of a hundred thousand they would take much memory.
using PartsOf = std::function<std::vector<quant::StoredPart>(std::size_t)>;

std::uint64_t total_bytes(const std::vector<quant::StoredPart>& parts) {
    std::uint64_t sum = 0;
    for (const quant::StoredPart& part : parts) sum += part.byte_count;
    return sum;
}

/// One data file's part of a plan.
struct OutputFile {
    safetensors::Metadata metadata;
    std::string name;
    std::vector<std::uint32_t> order;  ///< of this file's, in its header
};

/// Returns its size.
std::uint64_t make_header(const OutputFile& file, const std::vector<OutputTensor>& tensors, const PartsOf& parts_of,
                          const quant::StateNames& names, const safetensors::HeaderSink& sink) {
    safetensors::HeaderWriter writer(file.metadata, sink);
    for (const std::uint32_t i : file.order) {
        std::uint64_t begin = tensors[i].begin;
        for (const quant::StoredPart& part : parts_of(i)) {
            writer.add(names.name_of(*tensors[i].name, part.suffix), part.dtype, part.shape, begin,
                       begin + part.byte_count);
            begin += part.byte_count;
        }
    }
    return writer.finish_pieces(file.name);
}

void drop(std::string_view /*piece*/, std::uint64_t /*offset*/) {}

/// Tensors lie in the order given; a header names them by their header positions, as the source did.
OutputPlan lay_out(std::vector<OutputTensor> given, const PartsOf& parts_of, const quant::StateNames& names,
                   const std::vector<safetensors::Metadata>& metadata, const std::vector<std::string>& file_names) {
    OutputPlan plan;
    plan.placements.resize(given.size());
    const auto shared = std::make_shared<std::vector<OutputTensor>>(std::move(given));
    std::vector<OutputTensor>& tensors = *shared;
    for (std::uint32_t number = 0; number < file_names.size(); ++number) {
        const auto file = std::make_shared<OutputFile>(OutputFile{metadata[number], file_names[number], {}});
        std::uint64_t end = 0;
        for (std::uint32_t i = 0; i < tensors.size(); ++i) {
            if (tensors[i].file != number) continue;
            file->order.push_back(i);
            tensors[i].begin = end;
            plan.placements[i] = {number, end, total_bytes(parts_of(i))};
            end += plan.placements[i].byte_count;
        }
        std::stable_sort(file->order.begin(), file->order.end(), [&](std::uint32_t a, std::uint32_t b) {
            return tensors[a].header_position < tensors[b].header_position;
        });
        const std::uint64_t header_bytes = make_header(*file, tensors, parts_of, names, drop);
        for (const std::uint32_t i : file->order) plan.placements[i].offset += header_bytes;
        plan.files.push_back({file->name, header_bytes + end, [=](const safetensors::HeaderSink& sink) {
                                  make_header(*file, *shared, parts_of, names, sink);
                              }});
    }
    return plan;
}

quant::StateNames state_names(const std::vector<TensorReport>& tensors) {
    return quant::StateNames(tensors.size(), [&](std::size_t i) -> const std::string& { return tensors[i].name; });
}

std::vector<std::string> set_file_names(const checkpoint::Checkpoint& checkpoint) {
    const std::size_t count = checkpoint.shards.size();
    if (!checkpoint.index && count == 1) return {"model.octet.safetensors"};
    std::vector<std::string> names;
    for (std::size_t i = 1; i <= count; ++i)
        names.push_back(fmt::format("model.octet-{:05}-of-{:05}.safetensors", i, count));
    return names;
}

safetensors::Metadata without_octet(const safetensors::Metadata& metadata) {
    safetensors::Metadata kept;
    std::copy_if(metadata.begin(), metadata.end(), std::back_inserter(kept),
                 [](const auto& pair) { return !pair.first.starts_with("octet."); });
    return kept;
}

/// The metadata of all files together; where two files differ, the first one's value.
safetensors::Metadata joined(const std::vector<safetensors::Metadata>& all) {
    safetensors::Metadata result;
    std::unordered_set<std::string_view> known;  // a header can have millions of keys
    for (const safetensors::Metadata& metadata : all) {
        for (const auto& pair : metadata) {
            if (known.insert(pair.first).second) result.push_back(pair);
        }
    }
    return result;
}

/// Of each data file of a set.
std::vector<safetensors::Metadata> set_metadata(const checkpoint::Checkpoint& checkpoint) {
    std::vector<safetensors::Metadata> metadata;
    for (const checkpoint::Shard& shard : checkpoint.shards) {
        metadata.push_back(shard.metadata);
        metadata.back().emplace_back(kVersionKey, version());
    }
    return metadata;
}

using SchemeOf = std::function<std::optional<Scheme>(std::size_t)>;
using IsTied = std::function<bool(std::size_t)>;

std::vector<quant::StoredPart> stored_as(const TensorReport& tensor, const std::optional<Scheme>& scheme) {
    if (scheme) return quant::stored_parts(*scheme, tensor.shape);
    return {{"", tensor.dtype, tensor.shape, tensor.source_bytes}};
}

/// As the reports say.
std::vector<quant::StoredPart> stored_as(const TensorReport& tensor) {
    return tensor.same_as.empty() ? stored_as(tensor, tensor.scheme) : std::vector<quant::StoredPart>();
}

/// A header's length does not depend on the order of its tensors.
std::vector<FilePlan> measured(const checkpoint::Checkpoint& checkpoint, const std::vector<TensorReport>& tensors,
                               const PartsOf& parts_of) {
    using safetensors::HeaderWriter;
    std::vector<HeaderWriter> headers;
    for (const safetensors::Metadata& metadata : set_metadata(checkpoint)) headers.emplace_back(metadata, drop);
    std::vector<std::uint64_t> ends(headers.size());
    const quant::StateNames names = state_names(tensors);
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        const std::uint32_t file = checkpoint.tensors[i].shard;
        for (const quant::StoredPart& part : parts_of(i)) {
            const std::uint64_t begin = ends[file];
            ends[file] += part.byte_count;
            headers[file].add(names.name_of(tensors[i].name, part.suffix), part.dtype, part.shape, begin, ends[file]);
        }
    }
    std::vector<FilePlan> files;
    for (std::string& name : set_file_names(checkpoint)) {
        const std::uint64_t bytes = headers[files.size()].finish_pieces(name) + ends[files.size()];
        files.push_back({std::move(name), bytes});
    }
    return files;
}

}  // namespace

std::uint64_t empty_set_bytes(const checkpoint::Checkpoint& checkpoint) {
    constexpr std::uint64_t kMostPadding = 7;
    std::uint64_t bytes = 0;
    for (const safetensors::Metadata& metadata : set_metadata(checkpoint))
        bytes += safetensors::HeaderWriter(metadata).finish(checkpoint.input).size() + kMostPadding;
    return bytes;
}

OutputPlan plan_set(const checkpoint::Checkpoint& checkpoint, const std::vector<TensorReport>& tensors) {
    const PartsOf parts_of = [&tensors](std::size_t i) { return stored_as(tensors[i]); };
    std::vector<OutputTensor> output;
    output.reserve(tensors.size());
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        const checkpoint::Tensor& source = checkpoint.tensors[i];
        output.push_back({&tensors[i].name, source.shard, source.header_position, 0});
    }
    return lay_out(std::move(output), parts_of, state_names(tensors), set_metadata(checkpoint),
                   set_file_names(checkpoint));
}

std::vector<FilePlan> files_of_set(const checkpoint::Checkpoint& checkpoint, const std::vector<TensorReport>& tensors) {
    const PartsOf parts_of = [&](std::size_t i) { return stored_as(tensors[i]); };
    return measured(checkpoint, tensors, parts_of);
}

std::uint64_t bytes_of_set(const checkpoint::Checkpoint& checkpoint, const std::vector<TensorReport>& tensors,
                           const SchemeOf& scheme, const IsTied& is_tied) {
    const PartsOf parts_of = [&](std::size_t i) {
        return is_tied(i) ? std::vector<quant::StoredPart>() : stored_as(tensors[i], scheme(i));
    };
    std::uint64_t bytes = 0;
    for (const FilePlan& file : measured(checkpoint, tensors, parts_of)) bytes += file.byte_count;
    return bytes;
}

Dtype restored_dtype(const TensorReport& tensor, std::optional<Dtype> dtype) noexcept {
    if (tensor.role == Role::kState) return tensor.dtype;
    return is_quantizable(tensor.dtype) ? dtype.value_or(tensor.dtype) : tensor.dtype;
}

OutputPlan plan_restored(const octet_set::QuantizedSet& set, std::optional<Dtype> dtype,
                         const std::optional<std::string>& single_name) {
    const PartsOf parts_of = [&set, dtype](std::size_t i) {
        const TensorReport& t = set.sidecar.tensors[i];
        const Dtype restored = restored_dtype(t, dtype);
        const auto bytes = tensor_bytes(restored, t.shape);
        if (!bytes)
            throw Error(ErrorCode::kBadInput, printable(set.folder.path().native()),
                        fmt::format("tensor {} would overflow 64 bits of size", in_quotes(t.name)));
        return std::vector<quant::StoredPart>{{"", restored, t.shape, *bytes}};
    };
    std::vector<OutputTensor> output;
    output.reserve(set.sidecar.tensors.size());
    for (std::size_t i = 0; i < set.sidecar.tensors.size(); ++i) {
        const std::uint32_t file = single_name ? 0 : set.stored[i].file;
        // Joined shards keep the order of the tensors; within one file the header's own order is restored.
        const bool joins = single_name && set.data_files.size() > 1;
        const auto position = joins ? static_cast<std::uint32_t>(i) : set.stored[i].header_position;
        output.push_back({&set.sidecar.tensors[i].name, file, position, 0});
    }
    std::vector<safetensors::Metadata> metadata;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < set.data_files.size(); ++i) {
        metadata.push_back(without_octet(set.data_files[i].metadata));
        names.push_back(set.sidecar.source_files[i].name);
    }
    if (single_name) {
        metadata = {joined(metadata)};
        names = {*single_name};
    }
    return lay_out(std::move(output), parts_of, state_names(set.sidecar.tensors), metadata, names);
}

}  // namespace octet::plan
