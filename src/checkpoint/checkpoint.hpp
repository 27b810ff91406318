// A plain safetensors checkpoint: one file, an index with shards, or a model folder, opened and
// validated in full before anything else happens. Owns the open files; tensors are plain values.
// Reading tensor data is the caller's business.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "formats/safetensors/header.hpp"
#include "io/file.hpp"
#include "io/links.hpp"
#include "octet/dtype.hpp"

namespace octet::checkpoint {

/// What a path given by the user stands for (docs/cli.md, "Paths").
struct Location {
    enum class What { kFile, kIndex, kParts, kSet, kGguf } what = What::kFile;
    std::filesystem::path
        path;  ///< the .safetensors or GGUF file or the index; for a set or parts, their folder
    std::filesystem::path folder;  ///< where it lies
    bool is_folder = false;  ///< the user named a folder: its companions belong to the checkpoint
    std::vector<std::string> parts =
        {};  ///< NAME-00001-of-00002.safetensors and so on, all of them, where there is no index
};

/// Finds the checkpoint, set or GGUF file at `path`. None, or several: kBadInput naming what was
/// found.
Location locate(const std::filesystem::path& path);

/// True where locate() finds a GGUF file; false also where it finds nothing.
bool is_gguf(const std::filesystem::path& path);

struct Tensor {
    std::string name;
    Dtype dtype = Dtype::kF32;
    Shape shape;
    std::uint64_t offset = 0;  ///< absolute, in its shard's file
    std::uint64_t byte_count = 0;
    std::uint32_t shard = 0;
    std::uint32_t header_position = 0;
};

struct Shard {
    io::File file;
    std::string base_name;
    safetensors::Metadata metadata;
};

/// The index file of a sharded checkpoint.
struct Index {
    std::string name;
    std::string metadata;  ///< its "metadata" member as compact JSON text; empty if it has none
};

struct Checkpoint {
    std::string input;          ///< the path as the user gave it
    std::vector<Shard> shards;  ///< in the order of their names
    std::optional<Index> index;
    std::vector<Tensor> tensors;     ///< shard by shard, in file order
    std::filesystem::path folder;    ///< where it lies
    std::vector<std::string> notes;  ///< what the user should know of it
    bool is_folder = false;  ///< the user named the folder: its companions belong to the checkpoint
                             ///< (companions.hpp)
};

/// Opens a plain checkpoint. A set, a GGUF file, or a file with octet.* metadata: kBadInput.
/// Everything is validated (safetensors/header.hpp); what the index says must be so; tensors of
/// shards that it does not name are left out, and a note says which. Shards may be links as far as
/// `links` says.
Checkpoint open_checkpoint(const std::filesystem::path& path, io::Links links = io::Links::kOwn);

}  // namespace octet::checkpoint
