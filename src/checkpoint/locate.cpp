// From a path that a user gives to the files of one checkpoint: a file, an index, or a folder with
// one of the usual names. Several candidates are refused with their names, and so is what only
// looks like a path: the id of a repository, a file of another format.
#include <algorithm>
#include <cerrno>
#include <system_error>

#include <fmt/format.h>

#include "base/set_names.hpp"
#include "base/text.hpp"
#include "checkpoint/checkpoint.hpp"
#include "formats/safetensors/foreign.hpp"
#include "io/file.hpp"
#include "io/held_folder.hpp"
#include "io/names.hpp"
#include "octet/error.hpp"

namespace octet::checkpoint {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".safetensors";
constexpr std::string_view kGgufSuffix = ".gguf";

/// What is no regular file, links followed, goes out of `names`.
void keep_files(const fs::path& folder, std::vector<std::string>& names) {
    std::erase_if(names, [&](const std::string& name) {
        return io::kind_at(folder / name) != io::EntryKind::kFile;
    });
}

std::string listed(const std::vector<std::string>& names) {
    constexpr std::size_t kMost = 5;
    std::string text;
    for (std::size_t i = 0; i < std::min(kMost, names.size()); ++i)
        text += (i > 0 ? ", " : "") + printable(names[i]);
    return names.size() > kMost ? text + fmt::format(" and {} more", names.size() - kMost) : text;
}

/// "diffusion_pytorch_model.safetensors.index.json", "model.safetensors.index.fp16.json".
bool is_index_name(std::string_view name) {
    return name.find(".safetensors.index") != name.npos && name.ends_with(".json") &&
           name != kSetIndexName;
}

/// One file of several: "PREFIX-00002-of-00003.safetensors".
struct Part {
    std::string prefix;
    std::uint64_t number = 0;
    std::uint64_t count = 0;
};

std::optional<std::uint64_t> number_of(std::string_view digits) {
    constexpr std::size_t kDigits = 5;
    const bool is_number =
        digits.size() == kDigits &&
        std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
    return is_number ? std::optional<std::uint64_t>(std::stoul(std::string(digits))) : std::nullopt;
}

std::optional<Part> part_of(std::string_view name, std::string_view suffix = kSuffix) {
    constexpr std::string_view kOf = "-of-";
    if (!name.ends_with(suffix)) return std::nullopt;
    name.remove_suffix(suffix.size());
    const std::size_t of = name.rfind(kOf);
    const std::size_t dash = of == name.npos || of == 0 ? name.npos : name.rfind('-', of - 1);
    if (dash == name.npos) return std::nullopt;
    const auto number = number_of(name.substr(dash + 1, of - dash - 1));
    const auto count = number_of(name.substr(of + kOf.size()));
    if (!number || !count || *number == 0 || *number > *count) return std::nullopt;
    return Part{std::string(name.substr(0, dash)), *number, *count};
}

std::string name_of(const Part& part, std::uint64_t number) {
    return fmt::format("{}-{:05}-of-{:05}{}", part.prefix, number, part.count, kSuffix);
}

/// True if the files are parts of one checkpoint, all of them. Some of one alone: kBadInput naming
/// the first that is missing.
bool are_all_parts(const fs::path& folder, const std::vector<std::string>& files) {
    const std::optional<Part> first = files.empty() ? std::nullopt : part_of(files.front());
    if (!first) return false;
    for (const std::string& file : files) {
        const auto part = part_of(file);
        if (!part || part->prefix != first->prefix || part->count != first->count) return false;
    }
    if (files.size() == first->count) return true;
    std::uint64_t missing = 1;
    while (std::binary_search(files.begin(), files.end(), name_of(*first, missing))) ++missing;
    throw Error(ErrorCode::kBadInput, printable(folder.native()),
                fmt::format("holds {} of the {} files {} and so on, and no index; fetch {}",
                            files.size(), first->count, in_quotes(name_of(*first, 1)),
                            in_quotes(name_of(*first, missing))));
}

/// The first file that is of another format than safetensors, and what that is.
std::string foreign_found(const fs::path& folder, const std::vector<std::string>& names) {
    for (const std::string& name : names) {
        if (name.ends_with(".json")) continue;
        const auto what = safetensors::foreign_format(io::File::open_for_reading(folder / name));
        if (what) return fmt::format("; {} {}", printable(name), *what);
    }
    return "";
}

/// A folder of the hub's cache above the snapshots.
bool is_hub_repository(const fs::path& folder) {
    return io::kind_at(folder / "snapshots") == io::EntryKind::kFolder &&
           io::kind_at(folder / "blobs") == io::EntryKind::kFolder;
}

[[noreturn]] void throw_no_checkpoint(const fs::path& folder, const std::vector<std::string>& names,
                                      const std::vector<std::string>& candidates) {
    if (candidates.empty() && is_hub_repository(folder)) {
        const std::vector<std::string> revisions = io::folder_names(folder / "snapshots");
        throw Error(ErrorCode::kBadInput, printable(folder.native()),
                    "is a repository of the hub's cache; name the folder of a revision in it: " +
                        (revisions.empty() ? "it has none yet"
                                           : "snapshots/" + printable(revisions.front())));
    }
    const std::string found = names.empty() ? "it is empty" : "it has " + listed(names);
    const std::string problem = candidates.empty()
                                    ? "holds no checkpoint: no .safetensors file, " + found
                                    : fmt::format("holds {} .safetensors files and no index: {}",
                                                  candidates.size(), listed(candidates));
    const std::string foreign = candidates.empty() ? foreign_found(folder, names) : "";
    throw Error(ErrorCode::kBadInput, printable(folder.native()),
                problem + (foreign.empty() ? "; name the checkpoint's file" : foreign));
}

/// The one GGUF file, or the first of those that are parts of one.
std::optional<std::string> only_gguf(const std::vector<std::string>& names) {
    std::vector<std::string> found;
    std::copy_if(names.begin(), names.end(), std::back_inserter(found),
                 [](const std::string& name) { return name.ends_with(kGgufSuffix); });
    if (found.empty()) return std::nullopt;
    const std::optional<Part> first = part_of(found.front(), kGgufSuffix);
    const bool is_one = std::all_of(found.begin(), found.end(), [&](const std::string& name) {
        const std::optional<Part> part = part_of(name, kGgufSuffix);
        return name == found.front() ||
               (first && part && part->prefix == first->prefix && part->count == first->count);
    });
    return is_one ? std::optional(found.front()) : std::nullopt;
}

/// By its first bytes: files in other programs' stores have names without an ending.
bool is_gguf_file(const fs::path& path, const std::string& name) {
    if (name.ends_with(kSuffix) || io::kind_at(path) != io::EntryKind::kFile) return false;
    return name.ends_with(kGgufSuffix) ||
           safetensors::begins_like_gguf(io::File::open_for_reading(path));
}

Location locate_in_folder(const fs::path& folder) {
    const auto in_folder = [&](Location::What what, const fs::path& path) {
        return Location{what, path, folder, true, {}};
    };
    const auto has = [&](std::string_view name) { return io::exists(folder / name); };
    if (io::folder_has(folder, kSidecarName)) return in_folder(Location::What::kSet, folder);
    for (const std::string_view stem :
         {"model", "diffusion_pytorch_model"}) {  // beside which variants may lie
        const std::string file = std::string(stem) + std::string(kSuffix);
        if (has(file + ".index.json"))
            return in_folder(Location::What::kIndex, folder / (file + ".index.json"));
        if (has(file)) return in_folder(Location::What::kFile, folder / file);
    }
    std::vector<std::string> names = io::folder_names(folder);
    std::vector<std::string> indexes;
    std::copy_if(names.begin(), names.end(), std::back_inserter(indexes), is_index_name);
    keep_files(folder, indexes);
    if (indexes.size() == 1) return in_folder(Location::What::kIndex, folder / indexes.front());
    std::vector<std::string> candidates;
    std::copy_if(names.begin(), names.end(), std::back_inserter(candidates),
                 [](const std::string& name) { return name.ends_with(kSuffix); });
    keep_files(folder, candidates);
    if (indexes.empty() && are_all_parts(folder, candidates) && candidates.size() > 1) {
        Location location = in_folder(Location::What::kParts, folder);
        location.parts = candidates;
        return location;
    }
    if (indexes.empty() && candidates.size() == 1)
        return in_folder(Location::What::kFile, folder / candidates.front());
    if (indexes.size() > 1)
        throw Error(ErrorCode::kBadInput, printable(folder.native()),
                    fmt::format("holds {} indexes: {}; name the one that is meant", indexes.size(),
                                listed(indexes)));
    keep_files(folder, names);
    if (const std::optional<std::string> gguf =
            candidates.empty() ? only_gguf(names) : std::nullopt)
        return in_folder(Location::What::kGguf, folder / *gguf);
    throw_no_checkpoint(folder, names, candidates);
}

/// "org/name", as the hub calls models, where neither is there.
bool is_hub_id(const std::string& path) {
    const std::size_t slash = path.find('/');
    if (slash == path.npos || slash == 0 || path.find('/', slash + 1) != path.npos ||
        slash + 1 == path.size())
        return false;
    const auto is_allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_' || c == '.' || c == '/';
    };
    return path.front() != '.' && path[slash + 1] != '.' &&
           std::all_of(path.begin(), path.end(), is_allowed) && !path.ends_with(kSuffix) &&
           !path.ends_with(".json") && !io::exists(path.substr(0, slash));
}

/// Says what is meant where a model's name or address was given for a path.
void refuse_hub_id(const std::string& path) {
    for (const std::string_view begin : {"https://", "http://", "hf://"}) {
        if (path.starts_with(begin))
            throw Error(ErrorCode::kBadInput, printable(path),
                        "is an address, not a path; download it first");
    }
    if (!is_hub_id(path)) return;
    throw Error(ErrorCode::kBadInput, printable(path),
                fmt::format("not found; if it is a model of the hub, download it first: hf "
                            "download {} --local-dir {}",
                            path, path.substr(path.find('/') + 1)));
}

}  // namespace

Location locate(const fs::path& path) {
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (fs::is_directory(status)) return locate_in_folder(path);
    if (error && status.type() == fs::file_type::none)
        io::throw_io_error(path, "open", error.value());
    if (status.type() == fs::file_type::not_found) refuse_hub_id(path.native());
    const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
    const std::string name = path.filename().native();
    if (name == kSetIndexName || name == kSidecarName)
        return {Location::What::kSet, folder, folder, false, {}};
    const bool is_index = name.ends_with(".index.json") || is_index_name(name);
    if (!is_index && is_gguf_file(path, name))
        return {Location::What::kGguf, path, folder, false, {}};
    return {is_index ? Location::What::kIndex : Location::What::kFile, path, folder, false, {}};
}

bool is_gguf(const fs::path& path) {
    try {
        return locate(path).what == Location::What::kGguf;
    } catch (const Error& error) {
        if (error.code() == ErrorCode::kBadInput) return false;
        throw;
    }
}

}  // namespace octet::checkpoint
