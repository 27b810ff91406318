// Directories by descriptor: thin wrappers around openat(2) and its kin that say in one line what
// failed.
#include "io/directory.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "base/text.hpp"
#include "octet/error.hpp"

namespace octet::io {
namespace {

namespace fs = std::filesystem;

constexpr int kOpenFolder = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

DirectoryEntry::Kind kind_of(mode_t mode) {
    if (S_ISREG(mode)) return DirectoryEntry::Kind::kFile;
    if (S_ISDIR(mode)) return DirectoryEntry::Kind::kFolder;
    return S_ISLNK(mode) ? DirectoryEntry::Kind::kLink : DirectoryEntry::Kind::kOther;
}

struct stat status_of(int fd, const fs::path& path) {
    struct stat status {};
    if (::fstat(fd, &status) != 0) throw_io_error(path, "examine", errno);
    return status;
}

/// Where the kernel knows neither mounts nor attributes they are all zero.
struct statx extended_status(int fd, const fs::path& path) {
    struct statx status {};
    if (::statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &status) == 0) return status;
    if (errno != ENOSYS && errno != EPERM && errno != EINVAL)
        throw_io_error(path, "examine", errno);
    return {};
}

/// All names but "." and ".."; false and errno where reading ends with an error.
bool read_names(DIR* entries, std::vector<std::string>& names) {
    while (true) {
        errno = 0;
        const dirent* const entry = ::readdir(entries);
        if (entry == nullptr) return errno == 0;
        const std::string_view name = entry->d_name;
        if (name != "." && name != "..") names.emplace_back(name);
    }
}

}  // namespace

Directory::Directory(Directory&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), mode_(other.mode_), path_(std::move(other.path_)) {}

Directory& Directory::operator=(Directory&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(mode_, other.mode_);
    std::swap(path_, other.path_);
    return *this;
}

Directory::~Directory() {
    if (fd_ >= 0) ::close(fd_);
}

Directory Directory::open(const fs::path& path) {
    return opened(path, kOpenFolder);
}

Directory Directory::open_to_look(const fs::path& path) {
    return opened(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

Directory Directory::opened(const fs::path& path, int flags) {
    const int fd = system_calls().open(AT_FDCWD, path.c_str(), flags, 0);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        throw Error(ErrorCode::kUsage, printable(path.native()), "is no folder; create it first");
    if (fd < 0) throw_io_error(path, "open", errno);
    return Directory(fd, path);
}

std::optional<Directory> Directory::find_folder(const std::string& name) const {
    const int fd = system_calls().open(fd_, name.c_str(), kOpenFolder | O_NOFOLLOW, 0);
    if (fd >= 0) return Directory(fd, path_ / name);
    if (errno == ENOENT) return std::nullopt;
    if (errno == ELOOP || errno == ENOTDIR)
        throw Error(ErrorCode::kIo, printable((path_ / name).native()),
                    "is no folder, or a link to one, where octet needs a real one; move it away");
    throw_io_error(path_ / name, "open", errno);
}

Directory Directory::make_folder(const std::string& name) const {
    if (system_calls().mkdir(fd_, name.c_str(), 0777) != 0)
        throw_io_error(path_, "create the hidden folder " + in_quotes(name), errno);
    std::optional<Directory> made;
    try {
        made = find_folder(name);
        if (!made) throw_io_error(path_ / name, "open", ENOENT);
        const struct stat status = status_of(made->fd_, made->path_);
        made->mode_ = status.st_mode & 07777U;
        // Whoever exchanged it in between has put another folder there: one that is not empty, or
        // somebody else's.
        if (status.st_uid != ::geteuid() || !made->names().empty())
            throw Error(ErrorCode::kIo, printable(made->path_.native()),
                        "was exchanged for another folder while octet made it; find out by whom");
    } catch (...) {
        system_calls().rmdir(fd_, name.c_str());
        throw;
    }
    ::fchmod(made->fd_, 0700);  // where that cannot be, the umask's mode has to do
    return std::move(*made);
}

Directory Directory::share_folder(const std::string& name) const {
    if (system_calls().mkdir(fd_, name.c_str(), 0700) != 0 && errno != EEXIST)
        throw_io_error(path_, "create the hidden folder " + in_quotes(name), errno);
    std::optional<Directory> folder = find_folder(name);
    if (!folder) throw_io_error(path_ / name, "open", ENOENT);
    if (folder->owner() != ::geteuid())
        throw Error(
            ErrorCode::kIo, printable(folder->path_.native()),
            fmt::format("belongs to {}; choose another target", user_text(folder->owner())));
    return std::move(*folder);
}

bool Directory::link(const std::string& name, const Directory& to,
                     const std::string& to_name) const {
    return ::linkat(fd_, name.c_str(), to.fd_, to_name.c_str(), 0) == 0;
}

void Directory::open_to_others() const {
    ::fchmod(fd_, mode_);
}

File Directory::create_file(const std::string& name, std::uint64_t byte_count) const {
    return File::create_in(fd_, name, path_ / name, byte_count);
}

File Directory::open_file(const std::string& name) const {
    return File::open_in(fd_, name, path_ / name);
}

std::optional<DirectoryEntry> Directory::look_at(const std::string& name) const {
    struct stat status {};
    int result = 0;
    do {
        result = ::fstatat(fd_, name.c_str(), &status, AT_SYMLINK_NOFOLLOW);
    } while (result != 0 && errno == EINTR);
    if (result == 0)
        return DirectoryEntry{kind_of(status.st_mode),
                              {status.st_dev, status.st_ino},
                              status.st_uid,
                              status.st_nlink};
    if (errno != ENOENT) throw_io_error(path_ / name, "examine", errno);
    return std::nullopt;
}

std::vector<std::string> Directory::names() const {
    std::vector<std::string> names;
    while (true) {  // a signal can interrupt it anywhere: then from the beginning
        names.clear();
        const int fd = system_calls().open(fd_, ".", kOpenFolder,
                                           0);  // one of its own, as it has a place in the list
        if (fd < 0) throw_io_error(path_, "list", errno);
        const std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(fd), ::closedir);
        if (entries == nullptr) {
            const int error_number = errno;
            ::close(fd);
            throw_io_error(path_, "list", error_number);
        }
        if (read_names(entries.get(), names)) break;
        if (errno != EINTR) throw_io_error(path_, "list", errno);
    }
    std::sort(names.begin(), names.end());
    return names;
}

void Directory::move(const std::string& name, const Directory& to, const std::string& to_name,
                     MoveMode mode) const {
    int result = system_calls().move(fd_, name.c_str(), to.fd_, to_name.c_str(), mode);
    if (result != 0 && errno == EINVAL &&
        mode == MoveMode::kKeepExisting) {  // a file system without such a call
        if (to.look_at(to_name)) throw_io_error(to.path_ / to_name, "move into place", EEXIST);
        result =
            system_calls().move(fd_, name.c_str(), to.fd_, to_name.c_str(), MoveMode::kReplace);
    }
    if (result != 0) throw_io_error(to.path_ / to_name, "move into place", errno);
}

bool Directory::remove_file(const std::string& name) const noexcept {
    return system_calls().unlink(fd_, name.c_str()) == 0 || errno == ENOENT;
}

bool Directory::remove_folder(const std::string& name) const noexcept {
    return system_calls().rmdir(fd_, name.c_str()) == 0 || errno == ENOENT;
}

void Directory::sync() const {
    // Some file systems cannot sync folders and say so; the move is then as durable as they make
    // it.
    if (system_calls().fsync(fd_) != 0 && errno != EINVAL && errno != ENOTSUP)
        throw_io_error(path_, "flush to the disk", errno);
}

FileIdentity Directory::identity() const {
    const struct stat status = status_of(fd_, path_);
    return {status.st_dev, status.st_ino};
}

uid_t Directory::owner() const {
    return status_of(fd_, path_).st_uid;
}

bool Directory::is_writable() const {
    return ::faccessat(fd_, ".", W_OK | X_OK, AT_EACCESS) == 0;
}

bool Directory::is_sticky() const {
    return (status_of(fd_, path_).st_mode & S_ISVTX) != 0;
}

bool Directory::only_takes_new() const {
    return (extended_status(fd_, path_).stx_attributes &
            (STATX_ATTR_APPEND | STATX_ATTR_IMMUTABLE)) != 0;
}

bool Directory::is_mounted_apart_from(const Directory& above) const {
    return extended_status(fd_, path_).stx_mnt_id !=
           extended_status(above.fd_, above.path_).stx_mnt_id;
}

std::string user_text(uid_t user) {
#if !defined(OCTET_STATIC)  // the C library loads its sources of names at run time
    std::array<char, 4096> room{};
    passwd entry{};
    passwd* found = nullptr;
    if (::getpwuid_r(user, &entry, room.data(), room.size(), &found) == 0 && found != nullptr)
        return fmt::format("{} ({})", printable(entry.pw_name), user);
#endif
    return fmt::format("user {}", user);
}

}  // namespace octet::io
