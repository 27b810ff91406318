// Moving files in place of others, and mending from a journal. Both take the same records, so that
// a run that fails undoes its work as the next run would undo that of a killed one.
#include "io/replacement.hpp"

#include <algorithm>
#include <cerrno>

#include "base/text.hpp"
#include "io/subfolders.hpp"
#include "octet/error.hpp"

namespace octet::io {
namespace {

bool is_there(const Directory& folder, const NamedFile& file) {
    const auto entry = look_at_path(folder, file.name);
    return entry && entry->identity.inode == file.inode;
}

/// The hidden folder `name`, if it is still the one that the journal means.
std::optional<Directory> find_noted(const Directory& hidden, const std::string& name,
                                    std::optional<std::uint64_t> inode) {
    if (name.empty() || !inode) return std::nullopt;
    const auto entry = hidden.look_at(name);
    if (!entry || !entry->is_folder(*inode)) return std::nullopt;
    std::optional<Directory> folder = hidden.find_folder(name);
    if (!folder || folder->identity().inode != *inode) return std::nullopt;
    return folder;
}

void remove_or_throw(const Directory& folder, const std::string& name) {
    if (!remove_file_at(folder, name)) throw_io_error(folder.path() / name, "remove", errno);
}

/// Removes the folder unless something else lies in it.
void remove_emptied(const Directory& hidden, const std::string& name,
                    std::vector<std::string>& left) {
    if (hidden.remove_folder(name)) return;
    if (errno != ENOTEMPTY && errno != EEXIST)
        throw_io_error(hidden.path() / name, "remove", errno);
    left.push_back(printable((hidden.path() / name).native()));
}

bool remove_old_files(const Directory& hidden, const std::string& name,
                      std::optional<std::uint64_t> inode, const std::vector<NamedFile>& files,
                      std::vector<std::string>& left) {
    const std::optional<Directory> folder = find_noted(hidden, name, inode);
    if (!folder) return false;
    for (const NamedFile& file : files) {
        if (is_there(*folder, file)) remove_or_throw(*folder, file.name);
    }
    remove_folders_of(*folder, names_of(files));
    remove_emptied(hidden, name, left);
    return true;
}

/// A folder of which the journal has the name and not yet what it is: the run was killed just after
/// it was made, and it is empty.
bool remove_unnoted(const Directory& hidden, const std::string& name,
                    std::optional<std::uint64_t> inode) {
    if (name.empty() || inode) return false;
    const auto entry = hidden.look_at(name);
    return entry && entry->kind == DirectoryEntry::Kind::kFolder && hidden.remove_folder(name);
}

bool remove_build(const Directory& hidden, const JournalRecords& records,
                  std::vector<std::string>& left) {
    const std::optional<Directory> build = find_noted(hidden, records.build_name, records.build);
    if (!build) return false;
    for (const std::string& name : records.built_files) remove_or_throw(*build, name);
    remove_folders_of(*build, records.built_files);
    remove_emptied(hidden, records.build_name, left);
    return true;
}

/// The old files back from their hidden folder, the last file last. True if there were any.
bool put_back(const Places& places, const JournalRecords& records) {
    const std::optional<Directory> saved =
        find_noted(places.hidden, records.save_name, records.save);
    if (!saved) return false;
    const bool any = std::any_of(records.old_files.begin(), records.old_files.end(),
                                 [&](const NamedFile& file) { return is_there(*saved, file); });
    if (any && places.target == nullptr)
        throw Error(ErrorCode::kIo, printable(saved->path().native()),
                    "holds the files of a set that an interrupted run was replacing, and its "
                    "folder is gone; move them "
                    "away");
    for (auto file = records.old_files.rbegin(); file != records.old_files.rend(); ++file) {
        if (is_there(*saved, *file))
            move_path(*saved, *places.target, file->name, MoveMode::kKeepExisting);
    }
    return !records.old_files.empty();
}

/// Takes the new files that stand already out again, and puts the old ones back.
bool undo(const Places& places, const JournalRecords& records) {
    for (auto file = records.new_files.rbegin();
         places.target != nullptr && file != records.new_files.rend(); ++file) {
        if (is_there(*places.target, *file)) remove_or_throw(*places.target, file->name);
    }
    if (places.target != nullptr) remove_folders_of(*places.target, names_of(records.new_files));
    const bool is_put_back = put_back(places, records);
    if (places.sync && places.target != nullptr) {
        sync_folders_of(*places.target, names_of(records.old_files));
        places.target->sync();
    }
    return is_put_back;
}

}  // namespace

void throw_whole_but(const std::filesystem::path& target, std::string_view what) {
    throw Error(ErrorCode::kIo, printable(target.native()),
                "the new files are whole, but then: " + std::string(what));
}

bool is_complete(const Directory& target, const JournalRecords& records) {
    return !records.new_files.empty() && is_there(target, records.new_files.back());
}

Mended mend(const Places& places, const JournalRecords& records, std::vector<std::string>& left) {
    if (records.empty()) return Mended::kNothing;
    const bool moving = !records.save_name.empty() || !records.new_files.empty();
    const bool is_whole = places.target != nullptr && is_complete(*places.target, records);
    const bool is_put_back = moving && !is_whole && undo(places, records);
    bool removed = remove_unnoted(places.hidden, records.save_name, records.save);
    removed |= remove_unnoted(places.hidden, records.build_name, records.build);
    removed |=
        remove_old_files(places.hidden, records.save_name, records.save, records.old_files, left);
    removed |= remove_old_files(places.hidden, records.build_name, records.replaced,
                                records.old_files, left);
    removed |= remove_build(places.hidden, records, left);
    if (is_put_back) return Mended::kPutBack;
    return removed || moving ? Mended::kRemoved : Mended::kNothing;
}

void replace_files(const Places& places, const Directory& build, const std::string& save_name,
                   std::string_view last_file, Journal& journal) {
    std::vector<std::string> left;
    const auto mend_now = [&] { mend(places, journal.records(), left); };
    try {
        std::optional<Directory> saved;
        if (!journal.records().old_files.empty()) {
            journal.note_save(save_name);
            saved = places.hidden.make_folder(save_name);
            journal.note_saved(saved->identity().inode);
        }
        std::vector<std::string> names = journal.records().built_files;
        std::erase_if(names, [&](const std::string& name) {
            return !look_at_path(build, name);
        });  // never created
        std::stable_partition(names.begin(), names.end(),
                              [&](const std::string& name) { return name != last_file; });
        for (const std::string& name : names) {
            const auto entry = look_at_path(build, name);
            if (!entry) throw_io_error(build.path() / name, "find", ENOENT);
            journal.note_new({name, entry->identity.inode});
        }
        if (places.sync) journal.sync();
        const std::vector<std::string> old_names = names_of(journal.records().old_files);
        for (const std::string& name : old_names)
            move_path(*places.target, *saved, name, MoveMode::kKeepExisting);
        remove_folders_of(*places.target, old_names);
        if (saved && places.sync) sync_folders_of(*saved, old_names);
        if (saved && places.sync) saved->sync();
        for (const std::string& name : names)
            move_path(build, *places.target, name, MoveMode::kKeepExisting);
    } catch (...) {
        try {
            mend_now();
        } catch (
            const Error&) {  // the first error is the one to be told; the next run does the rest
            journal.keep();
        }
        throw;
    }
    try {
        remove_folders_of(build, journal.records().built_files);
        if (places.sync) sync_folders_of(*places.target, journal.records().built_files);
        if (places.sync) places.target->sync();
        mend_now();
    } catch (const Error& error) {
        journal.keep();
        throw_whole_but(places.target->path(), error.what());
    }
    if (!left.empty())
        throw_whole_but(places.target->path(),
                        left.front() + " holds something else, too; move it away");
}

}  // namespace octet::io
