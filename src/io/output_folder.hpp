// Output that becomes visible whole or not at all (docs/format.md, "How it becomes visible").
//
// The usual road: the files are built in a hidden sibling of the target, synced, and the folder is renamed into place; an old set is
// exchanged with the new one in one step and then removed. Where the target is a mount point, its parent is not writable, or the
// file system cannot exchange, the files are built in a hidden folder inside the target and moved (folder_swap.hpp).
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/staging_folder.hpp"

namespace octet::io {

/// A whole folder as output: a quantized set, or a restored checkpoint in a new folder.
class OutputFolder {
  public:
    /// `target` is absent, empty, or (to be replaced) holds only files that may be removed. `last_file` is the one whose presence makes
    /// the folder valid; it must be the last to appear. Nothing is visible yet. kIo.
    OutputFolder(const std::filesystem::path& target, std::string last_file, bool sync,
                 std::vector<std::string>& notes);

    /// Where the files are built, and where `name` is.
    const std::filesystem::path& building() const { return staging_->path(); }
    std::filesystem::path place(std::string_view name) const { return staging_->path() / name; }

    /// Makes everything visible. Before the decisive rename a failure leaves all as it was; after it the new files are whole, and the
    /// error (kIo) says so, and what could not be tidied up.
    void commit();

  private:
    void commit_sibling();
    void commit_inside();
    void sync_parent();

    std::filesystem::path target_;
    std::string last_file_;
    bool sync_;
    bool inside_ = false;
    FolderLock target_lock_;  // of the inside road; of an old set, until it is removed
    std::unique_ptr<StagingFolder> staging_;
};

/// Files as output into a place where other files may stand: one file, or a folder that is not empty. Each is renamed into place
/// whole, the last one last.
class OutputFiles {
  public:
    /// `folder` exists; `label` is what messages and the lock are about.
    OutputFiles(const std::filesystem::path& folder, const std::filesystem::path& label, bool sync,
                std::vector<std::string>& notes);

    const std::filesystem::path& building() const { return staging_->path(); }
    std::filesystem::path place(std::string_view name) const { return staging_->path() / name; }

    /// Renames `names` into the folder in this order, replacing files of the same names.
    void commit(const std::vector<std::string>& names);

  private:
    std::filesystem::path folder_;
    bool sync_;
    std::unique_ptr<StagingFolder> staging_;
};

/// Mends what a killed run left unfinished in a folder (folder_swap.hpp), if anything, with a line in `notes`. kIo.
void mend_folder(const std::filesystem::path& target, std::string_view last_file, bool sync,
                 std::vector<std::string>& notes);

/// The path with links in its parent resolved, and the target itself when it exists. The parent not existing: kUsage.
std::filesystem::path resolved_target(const std::filesystem::path& path);

/// Names in a folder (empty if it does not exist), without octet's own hidden ones.
std::vector<std::string> visible_names(const std::filesystem::path& folder);

}  // namespace octet::io
