// Opens what checkpoint/locate found: headers of all shards, then the index against them. Every
// name that the index lists must be in the shard that it names; what else the shards hold is left
// out with a note.
#include "checkpoint/checkpoint.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "base/set_names.hpp"
#include "base/text.hpp"
#include "checkpoint/index.hpp"
#include "io/names.hpp"
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
                           : "holds octet's codes, not weights, and its quantization_state.json is "
                             "not beside it; give "
                             "the original checkpoint or the set's folder");
    }
    const auto shard = static_cast<std::uint32_t>(checkpoint.shards.size());
    for (safetensors::TensorEntry& t : header.tensors) {
        checkpoint.tensors.push_back({std::move(t.name), t.dtype, std::move(t.shape),
                                      header.data_start + t.begin, t.end - t.begin, shard,
                                      t.header_position});
    }
    checkpoint.shards.push_back(
        {std::move(file), path.filename().native(), std::move(header.metadata)});
}

using Fail = std::function<void(const std::string& what)>;

/// The numbers of the tensors in the order of their names, none of which stands in two shards.
std::vector<std::uint32_t> order_by_name(const Checkpoint& checkpoint, const Fail& fail) {
    const auto& tensors = checkpoint.tensors;
    std::vector<std::uint32_t> order(tensors.size());
    std::iota(order.begin(), order.end(), 0U);
    std::sort(order.begin(), order.end(),
              [&](std::uint32_t a, std::uint32_t b) { return tensors[a].name < tensors[b].name; });
    const auto shard_name = [&](std::uint32_t shard) {
        return printable(checkpoint.shards[shard].base_name);
    };
    for (std::size_t i = 1; i < order.size(); ++i) {
        const Tensor& a = tensors[order[i - 1]];
        const Tensor& b = tensors[order[i]];
        if (a.name != b.name) continue;
        fail(fmt::format("tensor {} is in two shards, {} and {}", in_quotes(a.name),
                         shard_name(std::min(a.shard, b.shard)),
                         shard_name(std::max(a.shard, b.shard))));
    }
    return order;
}

/// Takes the tensors of these numbers out, with a note. Ranks in headers close up, as those of the
/// restored files will.
void leave_out(Checkpoint& checkpoint, std::vector<std::uint32_t> extra) {
    std::sort(extra.begin(), extra.end());
    const Tensor& first = checkpoint.tensors[extra.front()];
    const std::string more =
        extra.size() > 1 ? fmt::format(" and {} more", with_commas(extra.size() - 1)) : "";
    checkpoint.notes.push_back(fmt::format(
        "left out what the index does not name: tensor {} of {}{}", in_quotes(first.name),
        printable(checkpoint.shards[first.shard].base_name), more));
    std::vector<Tensor> kept;
    for (std::uint32_t i = 0; i < checkpoint.tensors.size(); ++i) {
        if (!std::binary_search(extra.begin(), extra.end(), i))
            kept.push_back(std::move(checkpoint.tensors[i]));
    }
    checkpoint.tensors = std::move(kept);
    std::vector<Tensor*> ranked;
    for (Tensor& tensor : checkpoint.tensors) ranked.push_back(&tensor);
    std::sort(ranked.begin(), ranked.end(), [](const Tensor* a, const Tensor* b) {
        return std::pair(a->shard, a->header_position) < std::pair(b->shard, b->header_position);
    });
    std::uint32_t rank = 0;
    for (std::size_t i = 0; i < ranked.size(); ++i) {
        rank = i > 0 && ranked[i - 1]->shard == ranked[i]->shard ? rank + 1 : 0;
        ranked[i]->header_position = rank;
    }
}

/// Every name of the index stands in the shard it says; what else the shards hold is left out.
void check_index(Checkpoint& checkpoint, const ParsedIndex& index, const fs::path& path) {
    const auto fail = [&](const std::string& what) {
        throw Error(ErrorCode::kBadInput, printable(path.native()),
                    "index: " + what + "; fetch the checkpoint again");
    };
    const std::vector<std::uint32_t> order = order_by_name(checkpoint, fail);
    const auto& tensors = checkpoint.tensors;
    std::vector<std::uint32_t> extra;
    std::size_t at = 0;
    for (const auto& [name, shard] : index.weights) {
        while (at < order.size() && tensors[order[at]].name < name) extra.push_back(order[at++]);
        if (at == order.size() || tensors[order[at]].name != name ||
            tensors[order[at]].shard != shard) {
            fail(fmt::format("tensor {} is not in {} as it says", in_quotes(name),
                             printable(index.shard_names[shard])));
        }
        ++at;
    }
    extra.insert(extra.end(), order.begin() + static_cast<std::ptrdiff_t>(at), order.end());
    if (!extra.empty()) leave_out(checkpoint, std::move(extra));
}

/// A whole checkpoint beside an index whose shards are not there.
std::string whole_file_beside(const Location& location, const ParsedIndex& index) {
    for (const std::string& name : io::folder_names(location.folder)) {
        const bool is_shard = std::find(index.shard_names.begin(), index.shard_names.end(), name) !=
                              index.shard_names.end();
        if (name.ends_with(".safetensors") && !is_shard &&
            io::kind_at(location.folder / name) == io::EntryKind::kFile)
            return name;
    }
    return "";
}

[[noreturn]] void throw_missing_shard(const Location& location, const ParsedIndex& index,
                                      const std::string& name) {
    const std::string whole = whole_file_beside(location, index);
    throw Error(
        ErrorCode::kBadInput, printable(location.path.native()),
        whole.empty()
            ? fmt::format("index: the shard {} is missing; fetch it", in_quotes(name))
            : fmt::format(
                  "index: the shard {} is missing, while {} lies beside it; fetch the shard, "
                  "or name that file if the index is stale",
                  in_quotes(name), in_quotes(whole)));
}

/// Shards that are numbered in their names and need no index.
void add_parts(Checkpoint& checkpoint, const Location& location, io::Links links) {
    for (const std::string& name : location.parts) {
        io::check_plain_name(location.folder, name, location.folder.native(), links);
        add_shard(checkpoint, location.folder / name);
    }
    order_by_name(checkpoint, [&](const std::string& what) {
        throw Error(ErrorCode::kBadInput, printable(location.folder.native()),
                    what + "; fetch the checkpoint again");
    });
}

void add_indexed_shards(Checkpoint& checkpoint, const Location& location, io::Links links) {
    const ParsedIndex index = read_index(location.path);
    for (const std::string& name : index.shard_names) {
        if (is_octets_own(name) || name == location.path.filename().native()) {
            throw Error(ErrorCode::kBadInput, printable(location.path.native()),
                        fmt::format("index: {} cannot be the name of a shard; rename the file",
                                    in_quotes(name)));
        }
        io::check_plain_name(location.folder, name, location.path.native(), links);
        if (!io::exists(location.folder / name)) throw_missing_shard(location, index, name);
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
    if (location.what == Location::What::kGguf) {
        throw Error(ErrorCode::kBadInput, printable(location.path.native()),
                    "is a GGUF file, whose weights are stored in blocks already; give the "
                    "checkpoint that it was made "
                    "from, or make one of it first: octet dequantize FILE.gguf OUT");
    }
    if (location.what == Location::What::kIndex) {
        add_indexed_shards(checkpoint, location, links);
    } else if (location.what == Location::What::kParts) {
        add_parts(checkpoint, location, links);
    } else {
        add_shard(checkpoint, location.path);
    }
    return checkpoint;
}

}  // namespace octet::checkpoint
