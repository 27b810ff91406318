// A quantized set as it lies on the disk: found at a path that a user gave, told from a plain
// checkpoint, opened, and its sidecar and data files checked against each other before anything is
// read from them. Owns the open data files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "formats/octet_set/sidecar.hpp"
#include "formats/safetensors/header.hpp"
#include "io/file.hpp"
#include "io/held_folder.hpp"
#include "io/links.hpp"

namespace octet::octet_set {

/// Where a tensor's codes, and behind them its state tensors (or its copy) lie.
struct StoredTensor {
    std::uint64_t offset = 0;      ///< absolute, in its data file
    std::uint64_t byte_count = 0;  ///< of all of them
    std::uint32_t file = 0;
    std::uint32_t header_position = 0;
};

struct DataFile {
    io::File file;
    safetensors::Metadata metadata;  ///< the source's, and octet's own
};

struct QuantizedSet {
    io::HeldFolder folder;
    Sidecar sidecar;  ///< with `source_bytes` and `output_bytes` of every tensor filled in
    std::vector<DataFile> data_files;  ///< in the order of sidecar.files
    std::vector<StoredTensor> stored;  ///< parallel to sidecar.tensors
};

/// Opens the set in `folder`; where that is replaced meanwhile, the new one. A sidecar that is
/// missing or broken, or that does not fit the data files: kBadInput. Files may be links as far as
/// `links` says (io/links.hpp).
QuantizedSet open_set(const std::filesystem::path& folder, io::Links links = io::Links::kOwn);

/// The same of a folder that is held, with what read_sidecar() read there.
QuantizedSet open_set(const io::HeldFolder& folder, Sidecar sidecar);

/// Reads only the sidecar of `folder`, checking its text.
Sidecar read_sidecar(const std::filesystem::path& folder, io::Links links = io::Links::kOwn);
Sidecar read_sidecar(const io::HeldFolder& folder, io::Links links = io::Links::kOwn);

/// Names of all tensors in the data files with the base names of their files, state tensors
/// included: what an index lists.
std::vector<std::pair<std::string, std::string>> stored_names(
    const std::vector<TensorReport>& tensors,
    const std::function<std::string(std::size_t)>& file_of);

/// The text of the index of a set whose source had one: it follows from the sidecar.
std::string index_text_of(const QuantizedSet& set);

/// Names of everything that a set with this sidecar consists of, the sidecar included; those of
/// companions may be in subfolders.
std::vector<std::string> file_names_of(const Sidecar& sidecar);

/// The folder of the set at `path`: the folder itself, or that of its data file or index. No set
/// there: kBadInput.
std::filesystem::path find_set_folder(const std::filesystem::path& path);

/// True when the path is a set, or a data file of one with its sidecar beside it.
bool is_set(const std::filesystem::path& path);

}  // namespace octet::octet_set
