// A plain safetensors checkpoint: one file, an index with shards, or a model folder, opened and validated in full before anything
// else happens. Owns the open files; tensors are plain values. Reading tensor data is the caller's business.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "formats/safetensors/header.hpp"
#include "io/file.hpp"
#include "octet/dtype.hpp"

namespace octet::checkpoint {

/// What a path given by the user stands for (docs/cli.md, "Paths").
struct Location {
    enum class What { kFile, kIndex, kSet } what = What::kFile;
    std::filesystem::path path;    ///< the .safetensors file or the index; for a set, its folder
    std::filesystem::path folder;  ///< where it lies
    bool is_folder = false;        ///< the user named a folder: its companions belong to the checkpoint
};

/// Finds the checkpoint or set at `path`. None, or several: kBadInput naming what was found.
Location locate(const std::filesystem::path& path);

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
    std::vector<Tensor> tensors;                    ///< shard by shard, in file order
    std::vector<std::filesystem::path> companions;  ///< files that belong to the model, in the order of their names
};

/// Opens a plain checkpoint. A set, or a file with octet.* metadata: kBadInput. Everything is validated (safetensors/header.hpp);
/// index and shards must name the same tensors both ways.
Checkpoint open_checkpoint(const std::filesystem::path& path);

/// The files of a model folder that quantize copies beside the codes: config.json, tokenizer files, licence and such.
std::vector<std::filesystem::path> find_companions(const std::filesystem::path& folder);

}  // namespace octet::checkpoint
