// Words are looked up on the disk, never interpreted: what exists may be read. The only folders
// that may be written are those that hold the output and reports.
#include "cli/confine.hpp"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "base/set_names.hpp"
#include "io/subfolders.hpp"

namespace octet::cli {
namespace {

namespace fs = std::filesystem;

/// The blobs of the hub's cache, where the folder `real` is a revision in it or lies in one.
void allow_blobs(const fs::path& real, std::vector<io::AllowedPath>& allowed) {
    for (fs::path folder = real; folder != folder.parent_path(); folder = folder.parent_path()) {
        const fs::path repository = folder.parent_path();
        if (folder.filename() == "snapshots" &&
            repository.filename().native().starts_with("models--"))
            allowed.push_back({repository / "blobs", io::Access::kRead});
    }
}

/// With --follow-links what links in subfolders and in folders that they lead to stand for, as deep
/// as companions lie. Links to folders can go in circles.
void allow_links_below(const fs::path& folder, std::size_t depth,
                       std::vector<io::AllowedPath>& allowed) {
    constexpr std::size_t kMostPaths = 10'000;
    std::error_code ignored;
    for (fs::directory_iterator it(folder, ignored), end; !ignored && it != end;
         it.increment(ignored)) {
        if (allowed.size() >= kMostPaths) return;
        std::error_code unknown;
        if (it->is_symlink(unknown)) allowed.push_back({it->path(), io::Access::kRead});
        if (depth > 1 && it->is_directory(unknown))
            allow_links_below(it->path(), depth - 1, allowed);
    }
}

/// A folder, of a set also the one that it lies in, the journal of a run that was replacing it, the
/// blobs of the hub's cache, and what links in the folder lead to.
void allow_folder(const fs::path& folder, std::vector<io::AllowedPath>& allowed) {
    std::error_code ignored;  // what cannot be looked at is not allowed, and reading it says why
    allowed.push_back({folder, io::Access::kRead});
    const fs::path real = fs::canonical(folder, ignored);
    const fs::path parent = real.parent_path();
    allowed.push_back(
        {parent / ("." + real.filename().native() + ".octet-journal"), io::Access::kRead});
    // A set may be replaced by another folder while it is read: that one is beside it until then.
    if (fs::exists(folder / kSidecarName, ignored)) allowed.push_back({parent, io::Access::kRead});
    allow_blobs(real, allowed);
    for (fs::directory_iterator it(folder, ignored), end; !ignored && it != end;
         it.increment(ignored)) {
        std::error_code unknown;
        if (it->is_symlink(unknown) && it->is_regular_file(unknown))
            allowed.push_back({it->path(), io::Access::kRead});
    }
}

fs::path parent_of(const fs::path& path) {
    return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

void allow_output(const std::string& output, std::vector<io::AllowedPath>& allowed) {
    std::error_code ignored;
    const fs::path target = fs::weakly_canonical(fs::absolute(output, ignored), ignored);
    const fs::path named = target.has_filename() ? target : target.parent_path();
    allowed.push_back({parent_of(named), io::Access::kWrite});
    allowed.push_back({named, io::Access::kWrite});
}

}  // namespace

std::vector<fs::path> paths_in(const std::string& word) {
    std::vector<fs::path> paths{word};
    if (!word.starts_with("-")) return paths;
    if (const std::size_t at = word.find('='); at != word.npos)
        paths.emplace_back(word.substr(at + 1));
    if (word.size() > 2 && word[1] != '-') paths.emplace_back(word.substr(2));
    return paths;
}

std::vector<io::AllowedPath> allowed_paths(const std::vector<std::string>& words,
                                           const std::vector<std::string>& outputs) {
    std::vector<io::AllowedPath> allowed;
    std::error_code ignored;
    const bool follows = std::find(words.begin(), words.end(), "--follow-links") != words.end();
    for (const std::string& word : words) {
        for (const fs::path& path : paths_in(word)) {
            if (path.empty() || !fs::exists(path, ignored)) continue;
            if (fs::is_directory(path, ignored)) {
                allow_folder(path, allowed);
                if (follows) allow_links_below(path, io::kMostNameParts, allowed);
                continue;
            }
            allowed.push_back({path, io::Access::kRead});
            const bool is_stream =
                path.native().starts_with("/dev/") || path.native().starts_with("/proc/");
            if (!is_stream && fs::is_regular_file(path, ignored))
                allow_folder(parent_of(path), allowed);
        }
    }
    for (const std::string& output : outputs) allow_output(output, allowed);
    return allowed;
}

}  // namespace octet::cli
