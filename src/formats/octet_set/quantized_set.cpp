// Headers and sidecar are paired by names, then dtypes, shapes, offsets and lengths are held
// against each other; ties are resolved last, as no data file has them.
#include "formats/octet_set/quantized_set.hpp"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

#include "base/set_names.hpp"
#include "base/text.hpp"
#include "checkpoint/checkpoint.hpp"
#include "checkpoint/index.hpp"
#include "formats/safetensors/foreign.hpp"
#include "io/held_folder.hpp"
#include "io/names.hpp"
#include "io/output.hpp"
#include "io/subfolders.hpp"
#include "octet/error.hpp"
#include "quant/state_names.hpp"
#include "quant/storage_layout.hpp"

namespace octet::octet_set {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMostSidecarBytes = 1'000'000'000;

[[noreturn]] void throw_misfit(const std::filesystem::path& path, std::string_view what) {
    throw Error(
        ErrorCode::kBadInput, printable(path.native()),
        fmt::format("{}; codes and sidecar are not of one set: restore the files or quantize again",
                    what));
}

/// What a data file holds of a tensor.
std::vector<quant::StoredPart> parts_of(const TensorReport& tensor) {
    if (tensor.scheme) return quant::stored_parts(*tensor.scheme, tensor.shape);
    return {{"", tensor.dtype, tensor.shape, tensor.source_bytes}};
}

quant::StateNames state_names(const std::vector<TensorReport>& tensors) {
    return quant::StateNames(tensors.size(),
                             [&](std::size_t i) -> const std::string& { return tensors[i].name; });
}

void check_fits(const std::filesystem::path& path, const TensorReport& tensor,
                const std::string& name, const quant::StoredPart& part,
                const safetensors::TensorEntry& entry) {
    if (entry.name != name)
        throw_misfit(path, fmt::format("holds tensor {} where the sidecar has {}",
                                       in_quotes(entry.name), in_quotes(name)));
    if (entry.dtype == part.dtype && entry.shape == part.shape) return;
    throw_misfit(
        path, fmt::format("holds tensor {} as {} {}, which does not fit {} {} in the sidecar",
                          in_quotes(entry.name), dtype_name(entry.dtype), shape_text(entry.shape),
                          dtype_name(tensor.dtype), shape_text(tensor.shape)));
}

/// No data file has an entry of a tied tensor: its place is filled in when all others are known.
void pass_ties(QuantizedSet& set, std::size_t& next) {
    while (next < set.sidecar.tensors.size() && !set.sidecar.tensors[next].same_as.empty()) {
        set.stored.emplace_back();
        ++next;
    }
}

/// Pairs the data files' tensors, in file order, with the sidecar's.
void pair_tensors(QuantizedSet& set, std::uint32_t file_number, safetensors::Header& header,
                  const quant::StateNames& names, std::size_t& next) {
    const std::filesystem::path path = set.folder.path_of(set.sidecar.files[file_number].name);
    for (auto entry = header.tensors.begin(); entry != header.tensors.end(); ++next) {
        pass_ties(set, next);
        if (next == set.sidecar.tensors.size())
            throw_misfit(path, fmt::format("holds tensor {} that the sidecar does not know",
                                           in_quotes(entry->name)));
        TensorReport& tensor = set.sidecar.tensors[next];
        StoredTensor stored{header.data_start + entry->begin, 0, file_number,
                            entry->header_position};
        for (const quant::StoredPart& part : parts_of(tensor)) {
            const std::string name = names.name_of(tensor.name, part.suffix);
            if (entry == header.tensors.end())
                throw_misfit(path, fmt::format("has no tensor {}, which the sidecar's {} needs",
                                               in_quotes(name), in_quotes(tensor.name)));
            check_fits(path, tensor, name, part, *entry);
            stored.byte_count += entry->end - entry->begin;
            ++entry;
        }
        tensor.output_bytes =
            stored.byte_count + (tensor.scheme ? quant::sidecar_state_bytes(*tensor.scheme) : 0);
        set.stored.push_back(stored);
    }
}

/// Puts the tensors of one file in the order of its source's header: a tied one at the rank that
/// the sidecar says, the others, whose ranks do not count it, around them.
void rank_with_ties(QuantizedSet& set, std::vector<std::size_t>& plain,
                    const std::vector<std::size_t>& tied,
                    const std::vector<std::uint32_t>& positions) {
    std::vector<bool> taken(plain.size() + tied.size());
    for (const std::size_t i : tied) {
        const std::uint32_t rank = positions[i];
        if (rank >= taken.size() || taken[rank])
            throw_misfit(set.folder.path_of(kSidecarName),
                         fmt::format("says a position {} of {} that cannot be", rank,
                                     in_quotes(set.sidecar.tensors[i].name)));
        taken[rank] = true;
        set.stored[i].header_position = rank;
    }
    std::sort(plain.begin(), plain.end(), [&](std::size_t a, std::size_t b) {
        return set.stored[a].header_position < set.stored[b].header_position;
    });
    std::uint32_t rank = 0;
    for (const std::size_t i : plain) {
        while (taken[rank]) ++rank;
        set.stored[i].header_position = rank++;
    }
}

/// Gives every tied tensor the place of the one that it is the same as.
void place_ties(QuantizedSet& set) {
    const std::vector<TensorReport>& tensors = set.sidecar.tensors;
    std::unordered_map<std::string_view, std::size_t> originals;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        if (tensors[i].same_as.empty()) originals.emplace(tensors[i].name, i);
    }
    std::vector<std::vector<std::size_t>> plain(set.data_files.size());
    std::vector<std::vector<std::size_t>> tied(set.data_files.size());
    std::vector<std::uint32_t> positions(tensors.size());
    auto position = set.sidecar.tied_positions.begin();
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        if (tensors[i].same_as.empty()) {
            plain[set.stored[i].file].push_back(i);
            continue;
        }
        positions[i] = *position++;
        set.stored[i] = set.stored[originals.at(
            tensors[i].same_as)];  // resolve_ties() has seen that it is there
        tied[set.stored[i].file].push_back(i);
    }
    for (std::size_t file = 0; file < plain.size(); ++file)
        rank_with_ties(set, plain[file], tied[file], positions);
}

/// Two files of one name in the set, or among those that it restores to, would replace each other.
void check_distinct(std::vector<std::string> names, const std::filesystem::path& path) {
    std::sort(names.begin(), names.end());
    auto twice = std::adjacent_find(names.begin(), names.end());
    const std::vector<std::string> folders = io::folders_of(names);
    if (twice == names.end()) {  // nor can one be the folder of another
        twice = std::find_if(names.begin(), names.end(), [&](const std::string& name) {
            return std::binary_search(folders.begin(), folders.end(), name);
        });
    }
    if (twice == names.end()) return;
    throw Error(ErrorCode::kBadInput, printable(path.native()),
                fmt::format("has two files of the name {}; restore the sidecar or quantize again",
                            in_quotes(*twice)));
}

/// Every file that the sidecar names has a plain name of its own, there and among what the set
/// restores to.
void check_names(const Sidecar& sidecar, const std::filesystem::path& folder,
                 const std::filesystem::path& path, io::Links links) {
    std::vector<std::string> restored;
    for (const FileReport& file : sidecar.source_files) restored.push_back(file.name);
    if (sidecar.source_index) restored.push_back(sidecar.source_index->name);
    for (const FileReport& file : sidecar.files)
        io::check_plain_name(folder, file.name, path.native(), links);
    for (const std::string& name : restored)
        io::check_plain_name(folder, name, path.native(), links);
    for (const FileReport& file : sidecar.companions) {
        io::check_companion_name(folder, file.name, path.native(), links);
        restored.push_back(file.name);
    }
    for (const std::string& name : restored) {
        if (!is_octets_own(io::parts_of_name(name).front())) continue;
        throw Error(ErrorCode::kBadInput, printable(path.native()),
                    fmt::format("restores to a file {}, a name of octet's own; restore the sidecar "
                                "or quantize again",
                                in_quotes(name)));
    }
    check_distinct(file_names_of(sidecar), path);
    check_distinct(std::move(restored), path);
}

bool has_sidecar(const fs::path& folder) {
    return io::folder_has(folder, kSidecarName);
}

bool holds_codes(const fs::path& file) {
    return safetensors::has_octet_metadata(
        safetensors::read_header(io::File::open_for_reading(file)).metadata);
}

}  // namespace

Sidecar read_sidecar(const io::HeldFolder& folder, io::Links links) {
    const std::filesystem::path path = folder.path_of(kSidecarName);
    if (!folder.has(kSidecarName)) {
        throw Error(ErrorCode::kBadInput, printable(path.native()),
                    "not found; a folder without it is no set");
    }
    Sidecar sidecar =
        parse_sidecar(folder.read_text(kSidecarName, kMostSidecarBytes), path.native());
    check_names(sidecar, folder.path(), path, links);
    return sidecar;
}

Sidecar read_sidecar(const std::filesystem::path& folder, io::Links links) {
    return io::read_held(folder,
                         [&](const io::HeldFolder& held) { return read_sidecar(held, links); });
}

QuantizedSet open_set(const std::filesystem::path& folder, io::Links links) {
    return io::read_held(folder, [&](const io::HeldFolder& held) {
        return open_set(held, read_sidecar(held, links));
    });
}

QuantizedSet open_set(const io::HeldFolder& folder, Sidecar sidecar) {
    QuantizedSet set;
    set.folder = folder;
    set.sidecar = std::move(sidecar);
    set.stored.reserve(set.sidecar.tensors.size());
    const quant::StateNames names = state_names(set.sidecar.tensors);
    std::size_t next = 0;
    for (std::uint32_t i = 0; i < set.sidecar.files.size(); ++i) {
        const FileReport& listed = set.sidecar.files[i];
        const std::filesystem::path path = folder.path_of(listed.name);
        if (!folder.has(listed.name)) {
            throw Error(
                ErrorCode::kBadInput, printable(path.native()),
                "not found, though the sidecar lists it; restore the file or quantize again");
        }
        io::File file = folder.open(listed.name);
        if (file.size() != listed.byte_count) {
            safetensors::refuse_foreign(file);
            throw_misfit(path,
                         fmt::format("has {} bytes, the sidecar says {}", with_commas(file.size()),
                                     with_commas(listed.byte_count)));
        }
        safetensors::Header header = safetensors::read_header(file);
        if (!safetensors::has_octet_metadata(header.metadata))
            throw_misfit(path, "has no octet.version in its metadata");
        pair_tensors(set, i, header, names, next);
        set.data_files.push_back({std::move(file), std::move(header.metadata)});
    }
    pass_ties(set, next);
    if (next < set.sidecar.tensors.size()) {
        throw_misfit(folder.path_of(kSidecarName),
                     fmt::format("lists tensor {} that no data file holds",
                                 in_quotes(set.sidecar.tensors[next].name)));
    }
    if (!set.sidecar.tied_positions.empty()) place_ties(set);
    return set;
}

std::vector<std::pair<std::string, std::string>> stored_names(
    const std::vector<TensorReport>& tensors,
    const std::function<std::string(std::size_t)>& file_of) {
    std::vector<std::pair<std::string, std::string>> names;
    const quant::StateNames stored = state_names(tensors);
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        if (!tensors[i].same_as.empty()) continue;
        for (const quant::StoredPart& part : parts_of(tensors[i]))
            names.emplace_back(stored.name_of(tensors[i].name, part.suffix), file_of(i));
    }
    return names;
}

std::string index_text_of(const QuantizedSet& set) {
    const std::vector<TensorReport>& tensors = set.sidecar.tensors;
    const auto weights = stored_names(
        tensors, [&](std::size_t i) { return set.sidecar.files[set.stored[i].file].name; });
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < set.stored.size(); ++i)
        bytes += tensors[i].same_as.empty() ? set.stored[i].byte_count : 0;
    return checkpoint::index_text_of(
        checkpoint::with_total_size(set.sidecar.source_index->metadata, bytes), weights);
}

std::vector<std::string> file_names_of(const Sidecar& sidecar) {
    std::vector<std::string> names{std::string(kSidecarName)};
    for (const FileReport& file : sidecar.files) names.push_back(file.name);
    for (const FileReport& file : sidecar.companions) names.push_back(file.name);
    if (sidecar.source_index) names.emplace_back(kSetIndexName);
    return names;
}

fs::path find_set_folder(const fs::path& path) {
    if (io::kind_at(path) == io::EntryKind::kFolder && !has_sidecar(path)) {
        const bool unfinished = io::is_half_replaced(path);
        throw Error(ErrorCode::kBadInput, printable((path / kSidecarName).native()),
                    unfinished ? "not found: an interrupted run left the set half replaced; "
                                 "quantize to that folder "
                                 "again, with --force, to mend it"
                               : "not found; a folder without it is no set");
    }
    const checkpoint::Location location = checkpoint::locate(path);
    if (location.what == checkpoint::Location::What::kSet) return location.folder;
    if (location.what == checkpoint::Location::What::kFile && holds_codes(location.path))
        return location.folder;
    throw Error(ErrorCode::kBadInput, printable(path.native()),
                "is not a quantized set; give a folder that octet quantize wrote");
}

bool is_set(const fs::path& path) {
    const checkpoint::Location location = checkpoint::locate(path);
    if (location.what == checkpoint::Location::What::kSet) return true;
    return location.what == checkpoint::Location::What::kFile && !location.is_folder &&
           has_sidecar(location.folder) && holds_codes(location.path);
}

}  // namespace octet::octet_set
