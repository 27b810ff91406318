// The journal of a run that writes: which hidden folder it made, which files it puts there, which
// it moves. It is the claim to a target, too: a file made in one step and locked while the run
// lives, so that a second run is refused and what a killed run left is known by the free lock.
// Nothing that lies about is adopted or removed unless the journal names it by inode, which nobody
// who plants files can foretell (not by device, whose number may be another one after the system
// has started anew).
//
//   octet-journal 1
//   build NAME                a hidden folder is about to be made
//   file NAME                 a file that may be created in it
//   built INODE               it was made
//   save NAME                 the same of the folder that takes the old files while new ones are
//                             moved in
//   saved INODE
//   replace INODE             the folder that is about to be exchanged with the one that was built
//   old INODE NAME            a file of the old set
//   new INODE NAME            a file that is about to be moved out of the hidden folder
//   file-below FOLDER NAME    the same three of a file in a subfolder, the folders on the way to it
//                             before its
//   old-below ...             name; the folders themselves follow from that (subfolders.hpp)
//   new-below ...
//
// One line a record, bytes of names beyond printable ASCII as %XX. Lines are only ever added; a
// last one without its end does not count.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/directory.hpp"

namespace octet::io {

/// A file by its name, relative to its folder, and by what it is.
struct NamedFile {
    std::string name;
    std::uint64_t inode = 0;
};

std::vector<std::string> names_of(const std::vector<NamedFile>& files);

/// What a run has noted so far.
struct JournalRecords {
    std::string build_name;
    std::optional<std::uint64_t> build;  ///< inode
    std::vector<std::string> built_files;
    std::string save_name;
    std::optional<std::uint64_t> save;
    std::optional<std::uint64_t> replaced;
    std::vector<NamedFile> old_files;
    std::vector<NamedFile> new_files;  ///< the one that makes the output valid is the last

    bool empty() const { return build_name.empty(); }
};

class Journal {
  public:
    /// Claims `target`: makes the journal `name` in `place`, or takes over the one that a killed
    /// run left there. Held by another run, or no journal of this user: kIo; kIo.
    Journal(const Directory& place, std::string name, const std::filesystem::path& target);
    Journal(const Journal&) = delete;
    Journal& operator=(const Journal&) = delete;
    ~Journal();  ///< removes the journal, as far as that goes, unless it is kept

    /// Removes the journal: the run has come to its end. kIo.
    void end();

    /// True where a killed run had left its journal.
    bool is_taken_over() const noexcept { return taken_over_; }

    /// What a killed run had noted; empty where there was none.
    const JournalRecords& left() const noexcept { return left_; }

    /// Begins anew, once everything that left() names is mended. kIo.
    void begin();

    /// From now on the journal stays when this goes away: the next run needs it.
    void keep() noexcept { kept_ = true; }

    void note_build(const std::string& name);
    void note_built(std::uint64_t inode);
    void note_file(const std::string& name);
    void note_save(const std::string& name);
    void note_saved(std::uint64_t inode);
    void note_replaced(std::uint64_t inode);
    void note_old(const NamedFile& file);
    void note_new(const NamedFile& file);

    /// Waits until the notes are on the disk. kIo.
    void sync() const;

    /// What this run has noted, as the next one would read it.
    const JournalRecords& records() const noexcept { return records_; }

  private:
    bool create();
    bool take_over();
    void lock();
    void read();
    void add(const std::string& line);

    const Directory& place_;
    std::string name_;
    std::filesystem::path target_;
    File file_;
    std::uint64_t end_ = 0;
    JournalRecords left_;
    JournalRecords records_;
    bool kept_ = false;
    bool taken_over_ = false;
};

/// What the journal `name` in `folder` says, whoever holds it; nothing where there is none that is
/// this user's. kIo.
std::optional<JournalRecords> read_journal(const Directory& folder, const std::string& name);

}  // namespace octet::io
