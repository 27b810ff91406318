#include "io/output_folder.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/text.hpp"
#include "io/file.hpp"
#include "io/folder_names.hpp"
#include "io/folder_swap.hpp"
#include "io/system_calls.hpp"
#include "octet/error.hpp"

namespace octet::io {
namespace {

namespace fs = std::filesystem;

bool is_folder(const fs::path& path) {
    std::error_code ignored;
    return fs::is_directory(path, ignored);
}

/// True when `target` is the root of another mount than its parent lies in: nothing can be renamed onto it.
bool is_mount_point(const fs::path& target) {
    struct statx own {};
    struct statx above {};
    const bool known = ::statx(AT_FDCWD, target.c_str(), 0, STATX_MNT_ID, &own) == 0 &&
                       ::statx(AT_FDCWD, target.parent_path().c_str(), 0, STATX_MNT_ID, &above) == 0;
    return known && own.stx_mnt_id != above.stx_mnt_id;
}

bool is_writable(const fs::path& folder) {
    return ::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) == 0;
}

}  // namespace

fs::path resolved_target(const fs::path& path) {
    std::error_code error;
    const auto canonical = [&](const fs::path& existing) {
        const fs::path real = fs::canonical(existing, error);
        if (error) throw_io_error(existing, "follow the links of", error.value());
        return real;
    };
    const fs::path absolute = fs::absolute(path, error).lexically_normal();
    if (error) throw_io_error(path, "tell the full path of", error.value());
    const fs::path trimmed = absolute.has_filename() ? absolute : absolute.parent_path();
    if (io::exists(trimmed)) return canonical(trimmed);
    const fs::file_status own_status = fs::symlink_status(trimmed, error);
    if (!fs::status_known(own_status)) throw_io_error(trimmed, "look for", error.value());
    if (fs::is_symlink(own_status))
        throw Error(ErrorCode::kUsage, printable(path.native()), "is a link that leads nowhere; remove it");
    if (kind_at(trimmed.parent_path()) != EntryKind::kFolder)
        throw Error(ErrorCode::kUsage, printable(path.native()), "its parent folder does not exist; create it first");
    return canonical(trimmed.parent_path()) / trimmed.filename();
}

std::vector<std::string> visible_names(const fs::path& folder) {
    std::vector<std::string> names = folder_names(folder);
    std::erase_if(names, is_swap_name);
    return names;
}

void mend_folder(const fs::path& target, std::string_view last_file, bool sync, std::vector<std::string>& notes) {
    if (!is_folder(target) || !is_swap_unfinished(target)) return;
    FolderLock lock;
    lock.acquire(target, target);
    mend_swap(target, last_file, sync, notes);
}

OutputFolder::OutputFolder(const fs::path& target, std::string last_file, bool sync, std::vector<std::string>& notes)
    : target_(target), last_file_(std::move(last_file)), sync_(sync) {
    mend_folder(target_, last_file_, sync_, notes);
    inside_ = is_folder(target_) && (is_mount_point(target_) || !is_writable(target_.parent_path()));
    if (inside_) target_lock_.acquire(target_, target_);
    staging_ = std::make_unique<StagingFolder>(inside_ ? target_ / kBuildingName : sibling_staging_path(target_),
                                               target_, notes);
}

void OutputFolder::commit() {
    if (sync_) sync_folder(staging_->path());
    if (inside_) {
        commit_inside();
    } else {
        commit_sibling();
    }
}

void OutputFolder::commit_sibling() {
    const bool replaces = !visible_names(target_).empty();
    if (!replaces) {
        rename_or_throw(staging_->path(), target_);
        staging_->release();
        return sync_parent();
    }
    // Also the old set's lock: after the exchange it lies where the next run builds, which must not begin before it is removed.
    target_lock_.acquire(target_, target_);
    if (system_calls().exchange(staging_->path().c_str(), target_.c_str()) != 0) {
        if (errno != EINVAL && errno != ENOSYS && errno != ENOTSUP)
            throw_io_error(target_, "exchange with the new set", errno);
        return commit_inside();
    }
    const fs::path old_set = staging_->path();
    staging_->release();
    sync_parent();
    if (!remove_flat_folder(old_set)) {
        throw Error(ErrorCode::kIo, printable(target_.native()),
                    "the new set is whole, but the old one could not be removed from " + printable(old_set.native()) +
                        ": " + errno_text(errno) + "; remove it by hand");
    }
}

void OutputFolder::commit_inside() {
    const fs::path fresh = target_ / kNewName;
    rename_or_throw(staging_->path(), fresh);
    staging_->moved_to(fresh);
    if (sync_) sync_folder(target_);
    staging_->release();  // swap_in() cleans up itself, or leaves what the next run needs
    swap_in(target_, last_file_, sync_);
}

/// Makes the decisive step last. It has been taken: failing now does not undo it.
void OutputFolder::sync_parent() {
    try {
        if (sync_) sync_folder(target_.parent_path());
    } catch (const Error& error) {
        throw_whole_but(target_, error.what());
    }
}

OutputFiles::OutputFiles(const fs::path& folder, const fs::path& label, bool sync, std::vector<std::string>& notes)
    : folder_(folder),
      sync_(sync),
      staging_(std::make_unique<StagingFolder>(folder / ("." + label.filename().native() + ".octet-building"), label,
                                               notes)) {}

void OutputFiles::commit(const std::vector<std::string>& names) {
    if (sync_) sync_folder(staging_->path());
    for (const std::string& name : names) rename_or_throw(staging_->path() / name, folder_ / name);
    if (system_calls().rmdir(staging_->path().c_str()) == 0) staging_->release();
    try {
        if (sync_) sync_folder(folder_);
    } catch (const Error& error) {
        throw_whole_but(folder_, error.what());
    }
}

}  // namespace octet::io
