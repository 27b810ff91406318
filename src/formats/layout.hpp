// Where every output tensor will lie in the safetensors files of a format. Pure: it follows from
// headers, decisions and the format alone, so a dry run, progress totals, parallel writes and
// identical bytes come for free.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "formats/format.hpp"
#include "formats/safetensors/header.hpp"
#include "octet/report.hpp"

namespace octet::formats {

/// One data file to be written.
struct FilePlan {
    std::string name;              ///< base name
    std::uint64_t byte_count = 0;  ///< of the whole file
    /// Makes its first bytes: length, JSON, padding. What the plan was made of is still there.
    /// Empty where nobody asked for it, or where they are written last.
    std::function<void(const safetensors::HeaderSink&)> write_header = {};
};

/// Where one tensor's stored form goes.
struct Placement {
    std::uint32_t file = 0;
    std::uint64_t offset = 0;  ///< absolute, in the file
    std::uint64_t byte_count = 0;
};

struct OutputPlan {
    std::vector<FilePlan> files;
    std::vector<Placement> placements;  ///< parallel to the tensors
};

/// One tensor as it will stand in a data file.
struct OutputTensor {
    const std::string* name;
    std::uint32_t file;
    std::uint32_t header_position;  ///< rank in its file's header
    std::uint64_t begin = 0;        ///< in its file's data
};

/// The tensors that number i is stored as: made when they are asked for, because of a hundred
/// thousand they would take much memory.
using PartsOf = std::function<std::vector<quant::StoredPart>(std::size_t)>;

/// Tensors lie in the order given; a header names them by their header positions, as the source
/// did. What `given` names outlives the headers.
OutputPlan lay_out(std::vector<OutputTensor> given, const PartsOf& parts_of,
                   const NameOfPart& name_of, const std::vector<DataFile>& files);

/// Lays out the data files of `tensors`, which are parallel to the checkpoint's and outlive the
/// headers. kBadInput where a header would be too long.
OutputPlan lay_out(const Format& format, const checkpoint::Checkpoint& checkpoint,
                   const std::vector<TensorReport>& tensors);

/// Names and sizes of the same files, and nothing else of them. Throws what lay_out() does.
std::vector<FilePlan> files_of(const Format& format, const checkpoint::Checkpoint& checkpoint,
                               const std::vector<TensorReport>& tensors);

/// Bytes of those files together with other schemes, and other tied tensors, than the reports say;
/// names are not checked.
std::uint64_t bytes_of(const Format& format, const checkpoint::Checkpoint& checkpoint,
                       const std::vector<TensorReport>& tensors,
                       const std::function<std::optional<Scheme>(std::size_t)>& scheme,
                       const std::function<bool(std::size_t)>& is_tied);

/// Bytes of the data files without any tensor, at most: metadata and padding.
std::uint64_t empty_bytes(const Format& format, const checkpoint::Checkpoint& checkpoint);

/// Bytes that those files take, with what goes along with them: `companion_bytes`, and texts that
/// name every tensor.
std::uint64_t bytes_needed(const std::vector<FilePlan>& files, std::uint64_t companion_bytes,
                           std::size_t tensors);

}  // namespace octet::formats
