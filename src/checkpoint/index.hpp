// The index of a sharded checkpoint: {"metadata": {...}, "weight_map": {tensor name: shard file
// name}}.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace octet::checkpoint {

struct ParsedIndex {
    std::string metadata;                  ///< compact JSON text of the "metadata" member, or empty
    std::vector<std::string> shard_names;  ///< each once, sorted
    std::vector<std::pair<std::string, std::uint32_t>>
        weights;  ///< tensor name, index into shard_names; sorted by name
};

/// Reads and validates an index. Malformed, twice the same name, no weight_map or an empty one:
/// kBadInput.
ParsedIndex read_index(const std::filesystem::path& path);

/// The same on the index's text; `path` stands in messages.
ParsedIndex parse_index(const std::string& text, const std::filesystem::path& path);

/// The text of an index: `metadata` as JSON text (may be empty), weights in the order given.
std::string index_text_of(std::string_view metadata,
                          const std::vector<std::pair<std::string, std::string>>& weights);

/// `metadata` (JSON text of an object, or empty) with "total_size" set to `bytes` if it has that
/// member.
std::string with_total_size(const std::string& metadata, std::uint64_t bytes);

}  // namespace octet::checkpoint
