// Output that becomes visible whole or not at all (docs/format.md, "How it becomes visible").
//
// The files are built in a hidden folder with a name that nobody can foretell, beside the target,
// and the folder is moved into place; an old set is exchanged with the new one in one step and then
// removed, file by file, by the names that its sidecar lists. Where the target is a mount point,
// its parent cannot be written, or the file system cannot exchange, the files are moved
// (replacement.hpp). A journal (journal.hpp) claims the target and lets the next run mend what a
// killed one left. Everything is done relative to open directories, no link is followed, and
// nothing is removed that this run, or the journal of a killed one, does not name.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/directory.hpp"
#include "io/journal.hpp"

namespace octet::io {

/// What lies at a target before anything is done to it.
struct Standing {
    std::vector<std::string>
        names;  ///< in the folder, sorted; without octet's journal and hidden folders
    /// The files of an old set, where an interrupted run has left it half replaced: begin() puts
    /// them back.
    std::optional<std::vector<std::string>> half_replaced;
};

class Output {
  public:
    enum class Kind { kFolder, kFile };

    /// Claims the target, whose parent exists, and looks at it; nothing is changed, and where the
    /// object goes away unused nothing is left. `last_file` is the one whose presence makes a
    /// folder valid. A line about what was mended or left alone is added to `notes`, which has to
    /// stay. Another run is writing there: kIo; kIo.
    Output(const std::filesystem::path& target, Kind kind, std::string last_file, bool sync,
           std::vector<std::string>& notes);
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;
    ~Output();  ///< removes what was built and is not published

    const Standing& standing() const noexcept { return standing_; }

    /// Mends what a killed run left. The target cannot be replaced by this user: kIo; kIo.
    void begin();

    /// Where the files will lie, for a look at its free space.
    const Directory& place() const { return hidden(); }

    /// After begin(): makes the hidden folder, in which no other files than `names` will be
    /// created. kIo.
    void build(const std::vector<std::string>& names);

    /// The hidden folder. Valid after build().
    const Directory& building() const { return *build_; }

    /// A new file of one of these names in it, which may be one in a subfolder
    /// ("1_Pooling/config.json"). kIo.
    File create(const std::string& name, std::uint64_t byte_count);

    /// A file of `from`, one of these names, becomes one in it: by a second name where the file
    /// system has that, else it is moved. kIo.
    void adopt(const Directory& from, const std::string& name);

    /// A file that create() made, for reading. kIo.
    File open(const std::string& name) const;

    /// What stands at the target and is neither one of `own` nor a folder of one; without octet's
    /// hidden things.
    std::vector<std::string> strangers(const std::vector<std::string>& own) const;

    /// Makes the folder visible. Of what stands at the target only `replaceable` files may go away;
    /// anything else there is kIo. Before the decisive step a failure leaves all as it was; after
    /// it the new files are whole, and the error (kIo) says so.
    void publish_folder(const std::vector<std::string>& replaceable);

    /// Moves each of `names` into the folder, or beside the file, that is the target, in this
    /// order. What has such a name is replaced, or with `replace` false an error. kIo.
    void publish_files(const std::vector<std::string>& names, bool replace);

  private:
    std::string hidden_name(std::string_view what) const;
    std::string free_name(std::string_view what) const;
    bool must_stay_inside() const;
    void examine();
    [[noreturn]] void refuse_owner(const std::filesystem::path& path, uid_t owner) const;
    void check_may_change_folder() const;
    void check_may_replace() const;
    void mend_left();
    void check_same_target() const;
    void look_again(MoveMode way_back);
    bool is_build(const std::string& name) const;
    void check_is_build(const std::string& name) const;
    std::vector<std::string> names_now(const JournalRecords& records) const;
    std::vector<std::string> names_of_left() const;
    void note_old_files(const std::vector<std::string>& replaceable);
    void sync_build() const;
    void exchange_or_replace();
    void replace_in_place();
    void remove_replaced();
    void remove_unpublished();
    void finish(const Directory& folder);

    /// Where the journal and the hidden folders lie.
    const Directory& hidden() const { return inside_ ? *folder_ : parent_; }

    std::filesystem::path target_;
    Kind kind_;
    std::string last_file_;
    bool sync_;
    std::vector<std::string>& notes_;
    Directory parent_;
    std::optional<Directory> folder_;  ///< the target, where it is a folder that exists
    bool inside_ = false;
    std::optional<Journal> journal_;
    Standing standing_;
    std::string build_name_;
    std::optional<Directory> build_;
    bool published_ = false;
};

/// The path with links in its parent resolved, and the target itself when it exists. The parent not
/// existing: kUsage.
std::filesystem::path resolved_target(const std::filesystem::path& path);

/// True where a killed run left the files of `folder` half replaced. kIo.
bool is_half_replaced(const std::filesystem::path& folder);

}  // namespace octet::io
