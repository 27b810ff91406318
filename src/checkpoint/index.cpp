// Reading keeps the text of `metadata`, so that a set's index can have it again; nesting and size
// are bounded, and a key that stands twice is refused. Writing sorts by name.
#include "checkpoint/index.hpp"

#include <algorithm>
#include <map>
#include <unordered_set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/json_text.hpp"
#include "base/text.hpp"
#include "formats/safetensors/foreign.hpp"
#include "io/file.hpp"
#include "octet/error.hpp"

namespace octet::checkpoint {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMostIndexBytes = 200'000'000;
constexpr int kMostDepth = 32;

[[noreturn]] void throw_bad_index(const std::filesystem::path& path, std::string_view what) {
    throw Error(ErrorCode::kBadInput, printable(path.native()),
                fmt::format("index: {}; the index is broken", what));
}

/// Parses with bounds on nesting, refusing a key that stands twice in one object.
json parse_strictly(const std::filesystem::path& path, const std::string& text) {
    std::vector<std::unordered_set<std::string>> keys;
    const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
        if (depth > kMostDepth)
            throw_bad_index(path, fmt::format("nested deeper than {} levels", kMostDepth));
        if (event == json::parse_event_t::object_start) keys.emplace_back();
        if (event == json::parse_event_t::object_end) keys.pop_back();
        if (event == json::parse_event_t::key &&
            !keys.back().insert(parsed.get<std::string>()).second) {
            throw_bad_index(path,
                            fmt::format("{} stands twice", in_quotes(parsed.get<std::string>())));
        }
        return true;
    };
    if (text.find('\0') != text.npos)
        throw_bad_index(path, fmt::format("NUL at byte {}", text.find('\0')));
    try {
        return json::parse(text, watch);
    } catch (const json::exception& error) {
        const std::string_view what = error.what();
        const std::size_t at = what.find("] ");
        throw_bad_index(path, "not valid JSON: " +
                                  printable(at == what.npos ? what : what.substr(at + 2, 160)));
    }
}

}  // namespace

ParsedIndex read_index(const std::filesystem::path& path) {
    const std::string text = io::read_text_file(path, kMostIndexBytes);
    try {
        return parse_index(text, path);
    } catch (const Error&) {
        const auto what = text.starts_with('{') ? std::nullopt : safetensors::foreign_format(text);
        if (what && !what->starts_with("is JSON"))
            throw Error(ErrorCode::kBadInput, printable(path.native()), *what);
        throw;
    }
}

ParsedIndex parse_index(const std::string& text, const std::filesystem::path& path) {
    const json parsed = parse_strictly(path, text);
    if (!parsed.is_object()) throw_bad_index(path, "does not hold an object");
    const auto map = parsed.find("weight_map");
    if (map == parsed.end() || !map->is_object()) throw_bad_index(path, "has no weight_map object");
    if (map->empty())
        throw_bad_index(path, "its weight_map is empty, so the checkpoint has no tensors");
    ParsedIndex index;
    if (const auto metadata = parsed.find("metadata");
        metadata != parsed.end() && !metadata->is_null()) {
        if (!metadata->is_object()) throw_bad_index(path, "metadata is not an object");
        index.metadata = metadata->dump();
    }
    std::map<std::string, std::uint32_t> shards;
    for (const auto& [name, shard] : map->items()) {
        if (!shard.is_string())
            throw_bad_index(path,
                            fmt::format("weight_map of {} is not a file name", in_quotes(name)));
        shards.emplace(shard.get<std::string>(), 0);
    }
    for (auto& [name, number] : shards) {
        number = static_cast<std::uint32_t>(index.shard_names.size());
        index.shard_names.push_back(name);
    }
    for (const auto& [name, shard] : map->items())
        index.weights.emplace_back(name, shards.at(shard.get<std::string>()));
    return index;
}

std::string index_text_of(std::string_view metadata,
                          const std::vector<std::pair<std::string, std::string>>& weights) {
    std::string text;
    JsonWriter writer(text, JsonWriter::Style::kLines);
    writer.begin_object();
    if (!metadata.empty()) writer.key("metadata").raw(metadata);
    writer.key("weight_map").begin_object();
    for (const auto& [name, shard] : weights) writer.key(name).string(shard);
    writer.end_object().end_object();
    return text + "\n";
}

std::string with_total_size(const std::string& metadata, std::uint64_t bytes) {
    if (metadata.empty()) return metadata;
    json parsed = json::parse(metadata);
    if (parsed.contains("total_size")) parsed["total_size"] = bytes;
    return parsed.dump();
}

}  // namespace octet::checkpoint
