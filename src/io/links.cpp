// The real path of the link tells whether it stays inside. A link of the hub's cache must lead to a
// blob of its own repository in one step, with the very text that the hub's clients write.
#include "io/links.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "io/file.hpp"

namespace octet::io {
namespace {

namespace fs = std::filesystem;

/// What lstat(2) says, or 0 where nothing is there.
mode_t mode_of_entry(const fs::path& path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0) return status.st_mode;
    if (errno != ENOENT && errno != ENOTDIR) throw_io_error(path, "look for", errno);
    return 0;
}

/// The path without links; nothing where it leads nowhere.
fs::path real_path(const fs::path& path) {
    std::error_code error;
    const fs::path real = fs::canonical(path, error);
    const bool leads_nowhere =
        error.value() == ENOENT || error.value() == ENOTDIR || error.value() == ELOOP;
    if (error && !leads_nowhere) throw_io_error(path, "follow the links of", error.value());
    return error ? fs::path() : real;
}

/// How many folders `path` lies below `root`, both without links; 0 where it does not.
std::size_t depth_below(const fs::path& root, const fs::path& path) {
    const auto [rest, below] = std::mismatch(root.begin(), root.end(), path.begin(), path.end());
    return rest == root.end() ? static_cast<std::size_t>(std::distance(below, path.end())) : 0;
}

/// Names of blobs are the digests of their content: SHA-1 or SHA-256.
bool is_hexadecimal(const std::string& name) {
    const auto is_digit = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    };
    return !name.empty() && std::all_of(name.begin(), name.end(), is_digit);
}

/// `path` is a link and `real` where it leads in the end. One step, with the very text that the
/// hub's own clients write.
bool is_hub_link(const fs::path& path, const fs::path& real) {
    const fs::path repository = real.parent_path().parent_path();
    const bool is_blob =
        real.parent_path().filename() == "blobs" && is_hexadecimal(real.filename().native());
    if (!is_blob || !repository.filename().native().starts_with("models--")) return false;
    const fs::path parent = path.has_parent_path() ? path.parent_path() : fs::path(".");
    const fs::path folder = real_path(parent);
    if (depth_below(repository / "snapshots", folder) == 0) return false;
    fs::path text;
    for (std::size_t i = depth_below(repository, folder); i > 0; --i) text /= "..";
    std::error_code error;
    const fs::path found = fs::read_symlink(path, error);
    if (error) throw_io_error(path, "follow the links of", error.value());
    return found == text / "blobs" / real.filename() && kind_at(real) == EntryKind::kFile;
}

}  // namespace

LinkTarget link_target(const fs::path& root, const fs::path& path) {
    if (!S_ISLNK(mode_of_entry(path))) return LinkTarget::kNone;
    const fs::path real = real_path(path);
    if (real.empty()) return LinkTarget::kNowhere;
    if (depth_below(real_path(root.empty() ? fs::path(".") : root), real) > 0)
        return LinkTarget::kInside;
    return is_hub_link(path, real) ? LinkTarget::kHubBlob : LinkTarget::kOutside;
}

}  // namespace octet::io
