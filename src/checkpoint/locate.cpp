#include <algorithm>
#include <array>
#include <system_error>

#include <fmt/format.h>

#include "base/set_names.hpp"
#include "base/text.hpp"
#include "checkpoint/checkpoint.hpp"
#include "io/file.hpp"
#include "io/folder_names.hpp"
#include "io/held_folder.hpp"
#include "io/plain_name.hpp"
#include "octet/error.hpp"

namespace octet::checkpoint {
namespace {

namespace fs = std::filesystem;

/// What is no regular file, links followed, goes out of `names`.
void keep_files(const fs::path& folder, std::vector<std::string>& names) {
    std::erase_if(names, [&](const std::string& name) { return io::kind_at(folder / name) != io::EntryKind::kFile; });
}

std::string listed(const std::vector<std::string>& names) {
    constexpr std::size_t kMost = 5;
    std::string text;
    for (std::size_t i = 0; i < std::min(kMost, names.size()); ++i) text += (i > 0 ? ", " : "") + printable(names[i]);
    return names.size() > kMost ? text + fmt::format(" and {} more", names.size() - kMost) : text;
}

Location locate_in_folder(const fs::path& folder) {
    const auto in_folder = [&](Location::What what, const fs::path& path) {
        return Location{what, path, folder, true};
    };
    const auto has = [&](std::string_view name) { return io::exists(folder / name); };
    if (io::folder_has(folder, kSidecarName)) return in_folder(Location::What::kSet, folder);
    if (has(kIndexName)) return in_folder(Location::What::kIndex, folder / kIndexName);
    if (has("model.safetensors")) return in_folder(Location::What::kFile, folder / "model.safetensors");
    std::vector<std::string> names = io::folder_names(folder);
    std::vector<std::string> candidates;
    std::copy_if(names.begin(), names.end(), std::back_inserter(candidates),
                 [](const std::string& name) { return name.ends_with(".safetensors"); });
    keep_files(folder, candidates);
    if (candidates.size() == 1) return in_folder(Location::What::kFile, folder / candidates.front());
    keep_files(folder, names);
    const std::string found = names.empty() ? "it is empty" : "it has " + listed(names);
    const std::string problem = candidates.empty() ? "holds no checkpoint: no .safetensors file, " + found
                                                   : fmt::format("holds {} .safetensors files and no index: {}",
                                                                 candidates.size(), listed(candidates));
    throw Error(ErrorCode::kBadInput, printable(folder.native()), problem + "; name the checkpoint's file");
}

bool is_companion(std::string_view name) {
    static constexpr std::array<std::string_view, 5> kExact = {"config.json", "generation_config.json", "merges.txt",
                                                               "special_tokens_map.json", "added_tokens.json"};
    static constexpr std::array<std::string_view, 4> kStarts = {"tokenizer", "vocab.", "LICENSE", "README"};
    const bool exact = std::find(kExact.begin(), kExact.end(), name) != kExact.end();
    const bool start =
        std::any_of(kStarts.begin(), kStarts.end(), [&](std::string_view s) { return name.starts_with(s); });
    return (exact || start || name.ends_with(".model")) && !name.ends_with(".safetensors");
}

}  // namespace

Location locate(const fs::path& path) {
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (fs::is_directory(status)) return locate_in_folder(path);
    if (error && status.type() == fs::file_type::none) io::throw_io_error(path, "open", error.value());
    const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
    const std::string name = path.filename().native();
    if (name == kSetIndexName || name == kSidecarName) return {Location::What::kSet, folder, folder, false};
    if (name.ends_with(".index.json")) return {Location::What::kIndex, path, folder, false};
    return {Location::What::kFile, path, folder, false};
}

std::vector<fs::path> find_companions(const fs::path& folder) {
    std::vector<fs::path> companions;
    for (const std::string& name : io::folder_names(folder)) {
        if (is_companion(name) && io::has_own_file(folder, name)) companions.push_back(folder / name);
    }
    return companions;
}

}  // namespace octet::checkpoint
