// Offsets follow from the lengths of the stored forms, in the order of the tensors; headers are
// counted before they are written, in pieces.
#include "formats/layout.hpp"

#include <algorithm>
#include <memory>

namespace octet::formats {
namespace {

std::uint64_t total_bytes(const std::vector<quant::StoredPart>& parts) {
    std::uint64_t sum = 0;
    for (const quant::StoredPart& part : parts) sum += part.byte_count;
    return sum;
}

/// One data file's part of a plan.
struct PlannedFile {
    DataFile file;
    std::vector<std::uint32_t> order;  ///< of its tensors, in its header
};

/// Returns its size.
std::uint64_t make_header(const PlannedFile& planned, const std::vector<OutputTensor>& tensors,
                          const PartsOf& parts_of, const NameOfPart& name_of,
                          const safetensors::HeaderSink& sink) {
    safetensors::HeaderWriter writer(planned.file.metadata, sink);
    for (const std::uint32_t i : planned.order) {
        std::uint64_t begin = tensors[i].begin;
        for (const quant::StoredPart& part : parts_of(i)) {
            writer.add(name_of(*tensors[i].name, part.suffix), part.dtype, part.shape, begin,
                       begin + part.byte_count);
            begin += part.byte_count;
        }
    }
    return writer.finish_pieces(planned.file.name);
}

void drop(std::string_view /*piece*/, std::uint64_t /*offset*/) {}

/// As the reports say.
std::vector<quant::StoredPart> stored_as(const Format& format, const TensorReport& tensor) {
    return tensor.same_as.empty() ? format.parts_of(tensor, tensor.scheme)
                                  : std::vector<quant::StoredPart>();
}

/// A header's length does not depend on the order of its tensors.
std::vector<FilePlan> measured(const Format& format, const checkpoint::Checkpoint& checkpoint,
                               const std::vector<TensorReport>& tensors, const PartsOf& parts_of) {
    std::vector<DataFile> data_files = format.data_files(checkpoint);
    std::vector<safetensors::HeaderWriter> headers;
    for (const DataFile& file : data_files) headers.emplace_back(file.metadata, drop);
    std::vector<std::uint64_t> ends(headers.size());
    const NameOfPart name_of = format.part_names(tensors);
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        const std::uint32_t file = checkpoint.tensors[i].shard;
        for (const quant::StoredPart& part : parts_of(i)) {
            const std::uint64_t begin = ends[file];
            ends[file] += part.byte_count;
            headers[file].add(name_of(tensors[i].name, part.suffix), part.dtype, part.shape, begin,
                              ends[file]);
        }
    }
    std::vector<FilePlan> files;
    for (DataFile& file : data_files) {
        const std::uint64_t bytes =
            headers[files.size()].finish_pieces(file.name) + ends[files.size()];
        files.push_back({std::move(file.name), bytes});
    }
    return files;
}

}  // namespace

OutputPlan lay_out(std::vector<OutputTensor> given, const PartsOf& parts_of,
                   const NameOfPart& name_of, const std::vector<DataFile>& files) {
    OutputPlan plan;
    plan.placements.resize(given.size());
    const auto shared = std::make_shared<std::vector<OutputTensor>>(std::move(given));
    std::vector<OutputTensor>& tensors = *shared;
    for (std::uint32_t number = 0; number < files.size(); ++number) {
        const auto file = std::make_shared<PlannedFile>(PlannedFile{files[number], {}});
        std::uint64_t end = 0;
        for (std::uint32_t i = 0; i < tensors.size(); ++i) {
            if (tensors[i].file != number) continue;
            file->order.push_back(i);
            tensors[i].begin = end;
            plan.placements[i] = {number, end, total_bytes(parts_of(i))};
            end += plan.placements[i].byte_count;
        }
        std::stable_sort(file->order.begin(), file->order.end(),
                         [&](std::uint32_t a, std::uint32_t b) {
                             return tensors[a].header_position < tensors[b].header_position;
                         });
        const std::uint64_t header_bytes = make_header(*file, tensors, parts_of, name_of, drop);
        for (const std::uint32_t i : file->order) plan.placements[i].offset += header_bytes;
        plan.files.push_back(
            {file->file.name, header_bytes + end, [=](const safetensors::HeaderSink& sink) {
                 make_header(*file, *shared, parts_of, name_of, sink);
             }});
    }
    return plan;
}

OutputPlan lay_out(const Format& format, const checkpoint::Checkpoint& checkpoint,
                   const std::vector<TensorReport>& tensors) {
    const PartsOf parts_of = [&](std::size_t i) { return stored_as(format, tensors[i]); };
    std::vector<OutputTensor> output;
    output.reserve(tensors.size());
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        const checkpoint::Tensor& source = checkpoint.tensors[i];
        output.push_back({&tensors[i].name, source.shard, source.header_position, 0});
    }
    return lay_out(std::move(output), parts_of, format.part_names(tensors),
                   format.data_files(checkpoint));
}

std::vector<FilePlan> files_of(const Format& format, const checkpoint::Checkpoint& checkpoint,
                               const std::vector<TensorReport>& tensors) {
    const PartsOf parts_of = [&](std::size_t i) { return stored_as(format, tensors[i]); };
    return measured(format, checkpoint, tensors, parts_of);
}

std::uint64_t bytes_of(const Format& format, const checkpoint::Checkpoint& checkpoint,
                       const std::vector<TensorReport>& tensors,
                       const std::function<std::optional<Scheme>(std::size_t)>& scheme,
                       const std::function<bool(std::size_t)>& is_tied) {
    const PartsOf parts_of = [&](std::size_t i) {
        return is_tied(i) ? std::vector<quant::StoredPart>()
                          : format.parts_of(tensors[i], scheme(i));
    };
    std::uint64_t bytes = 0;
    for (const FilePlan& file : measured(format, checkpoint, tensors, parts_of))
        bytes += file.byte_count;
    return bytes;
}

std::uint64_t empty_bytes(const Format& format, const checkpoint::Checkpoint& checkpoint) {
    constexpr std::uint64_t kMostPadding = 7;
    std::uint64_t bytes = 0;
    for (const DataFile& file : format.data_files(checkpoint))
        bytes +=
            safetensors::HeaderWriter(file.metadata).finish(checkpoint.input).size() + kMostPadding;
    return bytes;
}

std::uint64_t bytes_needed(const std::vector<FilePlan>& files, std::uint64_t companion_bytes,
                           std::size_t tensors) {
    constexpr std::uint64_t kTextBytes = 400;  // a tensor's entry in a sidecar, as tiny-gpt2 has it
    std::uint64_t bytes = companion_bytes + kTextBytes * tensors;
    for (const FilePlan& file : files) bytes += file.byte_count;
    return bytes;
}

}  // namespace octet::formats
