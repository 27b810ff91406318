#include "io/plain_name.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <system_error>

#include <fmt/format.h>

#include "base/text.hpp"
#include "io/file.hpp"
#include "octet/error.hpp"

namespace octet::io {

namespace {

namespace fs = std::filesystem;

/// The path without links; nothing where it leads nowhere.
fs::path real_path(const fs::path& path) {
    std::error_code error;
    const fs::path real = fs::canonical(path, error);
    const bool leads_nowhere = error.value() == ENOENT || error.value() == ENOTDIR || error.value() == ELOOP;
    if (error && !leads_nowhere) throw_io_error(path, "follow the links of", error.value());
    return error ? fs::path() : real;
}

/// True when the link at `path` leads to something in `folder` itself.
bool stays_in(const fs::path& folder, const fs::path& path) {
    const fs::path real = real_path(path);
    return !real.empty() && real.parent_path() == real_path(folder);
}

/// What stat(2) says of the entry itself, not of what a link leads to. 0 where nothing is there.
mode_t mode_of_entry(const fs::path& path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0) return status.st_mode;
    if (errno != ENOENT && errno != ENOTDIR) throw_io_error(path, "look for", errno);
    return 0;
}

}  // namespace

bool has_own_file(const fs::path& folder, std::string_view name) {
    const fs::path path = folder / name;
    const mode_t mode = mode_of_entry(path);
    if (mode == 0) throw_io_error(path, "look for", ENOENT);  // listed, and gone
    if (!S_ISLNK(mode)) return S_ISREG(mode);
    return kind_at(path) == EntryKind::kFile && stays_in(folder, path);
}

void check_plain_name(const std::filesystem::path& folder, std::string_view name, std::string_view named_by) {
    const bool plain =
        !name.empty() && name != "." && name != ".." && name.find('/') == name.npos && name.find('\0') == name.npos;
    if (!plain) {
        throw Error(
            ErrorCode::kBadInput, printable(named_by),
            fmt::format("names the file {}, which is not a plain name; files must lie beside it", in_quotes(name)));
    }
    constexpr std::size_t kMostNameBytes = 255;  // of every file system that octet is likely to meet
    if (name.size() > kMostNameBytes) {
        throw Error(ErrorCode::kBadInput, printable(named_by),
                    fmt::format("names the file {}, whose name has {} bytes; {} are the most that a file can have",
                                in_quotes(name), with_commas(name.size()), kMostNameBytes));
    }
    if (S_ISLNK(mode_of_entry(folder / name)) && !stays_in(folder, folder / name)) {
        throw Error(ErrorCode::kBadInput, printable(named_by),
                    fmt::format("names the file {}, a link out of its folder; copy the file there", in_quotes(name)));
    }
}

}  // namespace octet::io
