#include "io/staging_folder.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/text.hpp"
#include "io/file.hpp"
#include "io/folder_names.hpp"
#include "io/system_calls.hpp"
#include "octet/error.hpp"

namespace octet::io {
namespace {

namespace fs = std::filesystem;

void empty(const fs::path& folder) {
    try {
        for (const std::string& name : folder_names(folder)) fs::remove_all(folder / name);
    } catch (const fs::filesystem_error& error) {
        throw_io_error(folder, "remove what an interrupted run had left", error.code().value());
    }
}

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
    fd_ = system_calls().open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd_ < 0 && errno == ENOENT) return false;
    if (fd_ < 0) throw_io_error(folder, "open", errno);
    if (system_calls().lock(fd_) != 0) {
        held_by_another_ = errno == EWOULDBLOCK;
        if (!held_by_another_) throw_io_error(folder, "lock", errno);
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

void FolderLock::remove_locked(const fs::path& folder) noexcept {
    DIR* const entries = fd_ < 0 ? nullptr : ::fdopendir(fd_);
    while (const dirent* const entry = entries == nullptr ? nullptr : ::readdir(entries))
        ::unlinkat(fd_, entry->d_name, 0);
    std::error_code ignored;
    if (system_calls().rmdir(folder.c_str()) != 0) fs::remove_all(folder, ignored);
    // Unlocked last: from then on another run may build at that path.
    if (entries != nullptr) ::closedir(entries);
    if (entries == nullptr && fd_ >= 0) ::close(fd_);
    fd_ = -1;
}

StagingFolder::StagingFolder(fs::path folder, const fs::path& target, std::vector<std::string>& notes) {
    constexpr int kMostTries = 100;  // each means that another run came and went in between
    for (int attempt = 0; attempt < kMostTries; ++attempt) {
        const bool created = system_calls().mkdir(folder.c_str(), 0777) == 0;
        if (!created && errno != EEXIST)
            throw_io_error(target, "create the hidden folder " + in_quotes(folder.filename().native()), errno);
        if (!lock_new(folder, target, created)) continue;
        if (!created) {
            empty(folder);
            notes.push_back("removed what an interrupted run had left in " + printable(folder.native()));
        }
        path_ = std::move(folder);
        return;
    }
    throw Error(ErrorCode::kIo, printable(target.native()), "other runs of octet keep writing it; wait for them");
}

/// A folder that was `created` for this run goes away again when it cannot be locked, unless another run was quicker to lock it.
bool StagingFolder::lock_new(const fs::path& folder, const fs::path& target, bool created) {
    try {
        return lock_.acquire(folder, target);
    } catch (...) {
        if (created && !lock_.is_held_by_another()) system_calls().rmdir(folder.c_str());
        throw;
    }
}

StagingFolder::~StagingFolder() {
    if (!path_.empty()) lock_.remove_locked(path_);
}

fs::path sibling_staging_path(const fs::path& target) {
    return target.parent_path() / ("." + target.filename().native() + ".octet-building");
}

bool remove_flat_folder(const fs::path& folder) {
    std::error_code error;
    int first_error = 0;
    const auto note = [&](int result) {
        if (result != 0 && errno != ENOENT && first_error == 0) first_error = errno;
    };
    for (const std::string& name : folder_names(folder, error)) note(system_calls().unlink((folder / name).c_str()));
    if (error) first_error = error.value();
    const int result = system_calls().rmdir(folder.c_str());
    if (result == 0) return true;  // whatever was in the way before
    note(result);
    errno = first_error;
    return first_error == 0;
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
