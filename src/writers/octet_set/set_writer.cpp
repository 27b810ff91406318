// The sidecar holds the checksums of all other files; its tensors are lent to it, as a hundred
// thousand are not to be copied.
#include "writers/octet_set/set_writer.hpp"

#include "base/set_names.hpp"
#include "formats/octet_set/quantized_set.hpp"
#include "octet/octet.hpp"
#include "writers/octet_set/hint.hpp"

namespace octet::writers {
namespace {

/// Takes the tensors out of `contents`.
octet_set::Sidecar sidecar_of(const checkpoint::Checkpoint& checkpoint,
                              const octet_set::CodeOptions& options, FolderContents& contents) {
    octet_set::Sidecar sidecar;
    sidecar.generator = "octet " + std::string(version());
    sidecar.source_files = contents.source_files;
    if (checkpoint.index)
        sidecar.source_index =
            octet_set::SourceIndex{checkpoint.index->name, checkpoint.index->metadata};
    sidecar.source_framework_bytes = contents.source_framework_bytes;
    sidecar.source_sum_of_squares = contents.sum_of_squares;
    sidecar.files = contents.files;
    sidecar.companions = contents.companions;
    sidecar.options = options;
    for (std::size_t i = 0; i < contents.tensors.size(); ++i) {
        if (!contents.tensors[i].same_as.empty())
            sidecar.tied_positions.push_back(checkpoint.tensors[i].header_position);
    }
    sidecar.tensors = std::move(contents.tensors);
    return sidecar;
}

}  // namespace

SetWriter::SetWriter(const Order& order)
    : FolderWriter(order, {"set", kSetIndexName, kSidecarName, ""}) {}

std::vector<std::string> SetWriter::names_of_old(const std::filesystem::path& folder) const {
    return octet_set::file_names_of(octet_set::read_sidecar(folder));
}

std::string SetWriter::hint(const Report& report) const {
    return hint_of(checkpoint(), report, options(), inputs().importance.get());
}

std::uint64_t SetWriter::write_last(FolderContents& contents, io::Output& output) {
    octet_set::Sidecar sidecar = sidecar_of(checkpoint(), inputs().options, contents);
    const io::File file = output.create(std::string(kSidecarName), 0);
    std::uint64_t at = 0;
    octet_set::write_sidecar(sidecar, [&](std::string_view part) {
        file.write_at(io::bytes_of(part), at);
        at += part.size();
    });
    if (options().write.sync) file.sync();
    contents.tensors = std::move(sidecar.tensors);
    return at;
}

}  // namespace octet::writers
