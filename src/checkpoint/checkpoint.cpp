#include "checkpoint/checkpoint.hpp"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "base/set_names.hpp"
#include "base/text.hpp"
#include "checkpoint/index.hpp"
#include "io/plain_name.hpp"
#include "octet/error.hpp"

namespace octet::checkpoint {
namespace {

namespace fs = std::filesystem;

void add_shard(Checkpoint& checkpoint, const fs::path& path) {
    io::File file = io::File::open_for_reading(path);
    safetensors::Header header = safetensors::read_header(file);
    if (safetensors::has_octet_metadata(header.metadata)) {
        const bool in_set = io::exists(path.parent_path() / kSidecarName);
        throw Error(ErrorCode::kBadInput, printable(path.native()),
                    in_set ? "holds octet's codes, not weights; give the original checkpoint"
                           : "holds octet's codes, not weights, and its quantization_state.json is not beside it; give "
                             "the original checkpoint or the set's folder");
    }
    const auto shard = static_cast<std::uint32_t>(checkpoint.shards.size());
    for (safetensors::TensorEntry& t : header.tensors) {
        checkpoint.tensors.push_back({std::move(t.name), t.dtype, std::move(t.shape), header.data_start + t.begin,
                                      t.end - t.begin, shard, t.header_position});
    }
    checkpoint.shards.push_back({std::move(file), path.filename().native(), std::move(header.metadata)});
}

/// Every name of the index stands in the shard it says, and every tensor of a shard in the index.
void check_index(const Checkpoint& checkpoint, const ParsedIndex& index, const fs::path& path) {
    const auto& tensors = checkpoint.tensors;
    std::vector<std::uint32_t> order(tensors.size());
    std::iota(order.begin(), order.end(), 0U);
    std::sort(order.begin(), order.end(),
              [&](std::uint32_t a, std::uint32_t b) { return tensors[a].name < tensors[b].name; });
    const auto fail = [&](const std::string& what) {
        throw Error(ErrorCode::kBadInput, printable(path.native()), "index: " + what + "; fetch the checkpoint again");
    };
    const auto shard_name = [&](std::uint32_t shard) { return printable(index.shard_names[shard]); };
    for (std::size_t i = 1; i < order.size(); ++i) {
        const Tensor& a = tensors[order[i - 1]];
        const Tensor& b = tensors[order[i]];
        if (a.name != b.name) continue;
        fail(fmt::format("tensor {} is in two shards, {} and {}", in_quotes(a.name),
                         shard_name(std::min(a.shard, b.shard)), shard_name(std::max(a.shard, b.shard))));
    }
    std::size_t at = 0;
    for (const auto& [name, shard] : index.weights) {
        if (at < order.size() && tensors[order[at]].name < name) break;
        if (at == order.size() || tensors[order[at]].name != name || tensors[order[at]].shard != shard) {
            fail(fmt::format("tensor {} is not in {} as it says", in_quotes(name), shard_name(shard)));
        }
        ++at;
    }
    if (at < order.size()) {
        const Tensor& extra = tensors[order[at]];
        fail(fmt::format("tensor {} of {} is not in the index", in_quotes(extra.name), shard_name(extra.shard)));
    }
}

void add_indexed_shards(Checkpoint& checkpoint, const Location& location, io::Links links) {
    const ParsedIndex index = read_index(location.path);
    for (const std::string& name : index.shard_names) {
        if (is_octets_own(name) || name == location.path.filename().native()) {
            throw Error(ErrorCode::kBadInput, printable(location.path.native()),
                        fmt::format("index: {} cannot be the name of a shard; rename the file", in_quotes(name)));
        }
        io::check_plain_name(location.folder, name, location.path.native(), links);
        if (!io::exists(location.folder / name)) {
            throw Error(ErrorCode::kBadInput, printable(location.path.native()),
                        fmt::format("index: the shard {} is missing; fetch it", in_quotes(name)));
        }
        add_shard(checkpoint, location.folder / name);
    }
    check_index(checkpoint, index, location.path);
    checkpoint.index = Index{location.path.filename().native(), index.metadata};
}

}  // namespace

Checkpoint open_checkpoint(const fs::path& path, io::Links links) {
    const Location location = locate(path);
    Checkpoint checkpoint;
    checkpoint.input = path.native();
    checkpoint.folder = location.folder;
    checkpoint.is_folder = location.is_folder;
    if (location.what == Location::What::kSet) {
        throw Error(ErrorCode::kBadInput, printable(path.native()),
                    "is a quantized set already; give the original checkpoint");
    }
    if (location.what == Location::What::kIndex) {
        add_indexed_shards(checkpoint, location, links);
    } else {
        add_shard(checkpoint, location.path);
    }
    return checkpoint;
}

}  // namespace octet::checkpoint
