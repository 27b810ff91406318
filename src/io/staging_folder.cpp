#include "io/staging_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/text.hpp"
#include "io/file.hpp"
#include "io/system_calls.hpp"
#include "octet/error.hpp"

namespace octet::io {
namespace {

namespace fs = std::filesystem;

}  // namespace

FolderLock::FolderLock(FolderLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

FolderLock& FolderLock::operator=(FolderLock&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
}

FolderLock::~FolderLock() {
    if (fd_ >= 0) ::close(fd_);
}

bool FolderLock::acquire(const fs::path& folder, const fs::path& target) {
    fd_ = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd_ < 0 && errno == ENOENT) return false;
    if (fd_ < 0) throw_io_error(folder, "open", errno);
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) throw_io_error(folder, "lock", errno);
        throw Error(ErrorCode::kIo, printable(target.native()),
                    "another run of octet is writing it; wait for that run or choose another target");
    }
    // The folder that was opened may have been renamed or removed before the lock was ours.
    struct stat opened {};
    FileIdentity at_path;
    const bool same = ::fstat(fd_, &opened) == 0 && find_identity(folder, at_path) &&
                      at_path == FileIdentity{opened.st_dev, opened.st_ino};
    if (!same) ::close(std::exchange(fd_, -1));
    return same;
}

StagingFolder::StagingFolder(fs::path folder, const fs::path& target, std::vector<std::string>& notes) {
    constexpr int kMostTries = 100;  // each means that another run came and went in between
    for (int attempt = 0; attempt < kMostTries; ++attempt) {
        const bool created = system_calls().mkdir(folder.c_str(), 0777) == 0;
        if (!created && errno != EEXIST) throw_io_error(folder, "create the folder", errno);
        if (!lock_.acquire(folder, target)) continue;
        path_ = std::move(folder);
        if (created) return;
        for (const auto& entry : fs::directory_iterator(path_)) fs::remove_all(entry.path());
        notes.push_back("removed what an interrupted run had left in " + printable(path_.native()));
        return;
    }
    throw Error(ErrorCode::kIo, printable(target.native()), "other runs of octet keep writing it; wait for them");
}

StagingFolder::~StagingFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
}

fs::path sibling_staging_path(const fs::path& target) {
    return target.parent_path() / ("." + target.filename().native() + ".octet-building");
}

bool remove_flat_folder(const fs::path& folder) {
    std::error_code error;
    bool removed = true;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
        removed = system_calls().unlink(it->path().c_str()) == 0 && removed;
    }
    return system_calls().rmdir(folder.c_str()) == 0 && removed && !error;
}

void sync_folder(const fs::path& folder) {
    const int fd = system_calls().open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0) throw_io_error(folder, "open", errno);
    const int result = system_calls().fsync(fd);
    const int error_number = errno;
    ::close(fd);
    // Some file systems cannot sync folders and say so; the rename is then as durable as they make it.
    if (result != 0 && error_number != EINVAL && error_number != ENOTSUP)
        throw_io_error(folder, "flush to the disk", error_number);
}

void rename_or_throw(const fs::path& from, const fs::path& to) {
    if (system_calls().rename(from.c_str(), to.c_str()) != 0) throw_io_error(to, "move into place", errno);
}

}  // namespace octet::io
