// The hidden folder in which output is built before it becomes visible. It is locked while it is in use, so that a second run on
// the same target is refused and what a killed run left behind is recognised by its free lock. Removed with everything in it when
// the object goes away, unless it was published.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace octet::io {

/// A lock on a folder, held by its descriptor and thus gone with the process.
class FolderLock {
  public:
    FolderLock() = default;
    FolderLock(FolderLock&& other) noexcept;
    FolderLock& operator=(FolderLock&& other) noexcept;
    ~FolderLock();

    /// Locks the folder. Held by another run: kIo naming `target`. Returns false if the folder vanished meanwhile.
    bool acquire(const std::filesystem::path& folder, const std::filesystem::path& target);

    /// Removes the files of the locked folder, which lies at `folder`, and the folder, as far as that goes; unlocks it. Needs no further
    /// descriptor, so that a run that failed for want of one can clean up.
    void remove_locked(const std::filesystem::path& folder) noexcept;

    /// True when acquire() threw because another run holds the lock.
    bool is_held_by_another() const noexcept { return held_by_another_; }

  private:
    int fd_ = -1;
    bool held_by_another_ = false;
};

class StagingFolder {
  public:
    /// Creates and locks `folder` for output that will become `target`. What a killed run left in it is removed, and a line about it
    /// is added to `notes`. kIo.
    StagingFolder(std::filesystem::path folder, const std::filesystem::path& target, std::vector<std::string>& notes);
    StagingFolder(StagingFolder&&) noexcept = default;
    StagingFolder& operator=(StagingFolder&&) = delete;
    ~StagingFolder();

    const std::filesystem::path& path() const noexcept { return path_; }

    /// From now on the folder is left alone: it has been renamed, or what lies at its path is not ours any more.
    void release() noexcept { path_.clear(); }

    /// From now on this is where it lies, and what is removed at the end.
    void moved_to(std::filesystem::path path) { path_ = std::move(path); }

  private:
    bool lock_new(const std::filesystem::path& folder, const std::filesystem::path& target, bool created);

    std::filesystem::path path_;
    FolderLock lock_;
};

/// ".NAME.octet-building" beside `target`: where output for it is built.
std::filesystem::path sibling_staging_path(const std::filesystem::path& target);

/// Removes the files of a flat folder and the folder; false (and errno) when something could not be removed. What is gone already,
/// or goes meanwhile, counts as removed.
bool remove_flat_folder(const std::filesystem::path& folder);

/// Waits until a folder's entries are on the disk. kIo.
void sync_folder(const std::filesystem::path& folder);

/// rename(2), or kIo.
void rename_or_throw(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace octet::io
