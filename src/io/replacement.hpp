// Files moved into a folder in place of others, for where one folder cannot be exchanged with
// another: the root of a file system, a parent that cannot be written, a file system without that
// call. And the mending of what a run had begun when it was killed or failed, on any road, from its
// journal.
//
// The old files go to a folder of their own, the last file (the sidecar) first; then the new ones
// come, the last file last. So the last file never stands beside others that are not its own. Until
// the new last file stands, the old set can be put back, and is.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "io/directory.hpp"
#include "io/journal.hpp"

namespace octet::io {

/// Where a run works.
struct Places {
    const Directory& hidden;  ///< holds the journal and the hidden folders
    const Directory* target;  ///< the folder for the files; null where there is none
    bool sync = true;
};

enum class Mended { kNothing, kRemoved, kPutBack };

/// Puts the old files back unless all new ones stand, and removes what the journal names and the
/// run left: files by name and identity, folders once they are empty. What else lies in those
/// folders stays; such a folder is added to `left`. kIo.
Mended mend(const Places& places, const JournalRecords& records, std::vector<std::string>& left);

/// True where all new files stand in the target.
bool is_complete(const Directory& target, const JournalRecords& records);

/// Moves the files of `build` to the target. `old_files`, noted in the journal, make room before,
/// into a hidden folder `save_name`. A failure before the last new file stands undoes everything;
/// one after it says that the new files are whole. kIo.
void replace_files(const Places& places, const Directory& build, const std::string& save_name,
                   std::string_view last_file, Journal& journal);

/// Throws kIo saying that what was to be written stands in `target` all the same. `what`: the
/// message of the error.
[[noreturn]] void throw_whole_but(const std::filesystem::path& target, std::string_view what);

}  // namespace octet::io
