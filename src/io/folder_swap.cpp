#include "io/folder_swap.hpp"

#include <algorithm>
#include <cerrno>

#include "base/text.hpp"
#include "io/file.hpp"
#include "io/folder_names.hpp"
#include "io/staging_folder.hpp"
#include "io/system_calls.hpp"
#include "octet/error.hpp"

namespace octet::io {
namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& path) {
    std::error_code ignored;
    return fs::exists(fs::symlink_status(path, ignored));
}

/// The names in `folder` without the swap's own, `last_file` at the front or at the back.
enum class LastFile { kFirst, kLast };

std::vector<std::string> names_in(const fs::path& folder, std::string_view last_file, LastFile order) {
    std::vector<std::string> names;
    bool has_last = false;
    for (std::string& name : folder_names(folder)) {
        if (is_swap_name(name)) continue;
        if (name == last_file) {
            has_last = true;
        } else {
            names.push_back(std::move(name));
        }
    }
    if (has_last) names.insert(order == LastFile::kFirst ? names.begin() : names.end(), std::string(last_file));
    return names;
}

void move_all(const fs::path& from, const fs::path& to, const std::vector<std::string>& names) {
    for (const std::string& name : names) rename_or_throw(from / name, to / name);
}

void remove_hidden(const fs::path& folder) {
    if (is_there(folder) && !remove_flat_folder(folder)) throw_io_error(folder, "remove", errno);
}

/// All new files stand in the target.
void tidy_up(const fs::path& target, bool sync) {
    if (sync) sync_folder(target);
    remove_hidden(target / kNewName);
    remove_hidden(target / kOldName);
}

void put_back(const fs::path& target, std::string_view last_file, bool sync) {
    const fs::path saving = target / kSavingName;
    move_all(saving, target, names_in(saving, last_file, LastFile::kLast));
    if (sync) sync_folder(target);
    remove_hidden(saving);
}

/// Back to the old set after a failure, as far as that goes: what fails here too is left for mend_swap(), so that the first error is
/// the one to be told. `new_names` are the files of .octet-new in the order in which they leave it.
void undo(const fs::path& target, std::string_view last_file, const std::vector<std::string>& new_names) {
    try {
        const fs::path fresh = target / kNewName;
        for (auto name = new_names.rbegin(); name != new_names.rend(); ++name) {
            if (!is_there(fresh / *name)) rename_or_throw(target / *name, fresh / *name);
        }
        if (is_there(target / kOldName)) rename_or_throw(target / kOldName, target / kSavingName);
        if (is_there(target / kSavingName)) put_back(target, last_file, false);
        remove_hidden(fresh);
    } catch (const Error&) {
        return;
    }
}

}  // namespace

void throw_whole_but(const fs::path& target, std::string_view what) {
    throw Error(ErrorCode::kIo, printable(target.native()), "the new files are whole, but then: " + std::string(what));
}

bool is_swap_name(std::string_view name) noexcept {
    return name == kBuildingName || name == kSavingName || name == kNewName || name == kOldName;
}

bool is_swap_unfinished(const fs::path& target) {
    return is_there(target / kBuildingName) || is_there(target / kSavingName) || is_there(target / kNewName) ||
           is_there(target / kOldName);
}

void mend_swap(const fs::path& target, std::string_view last_file, bool sync, std::vector<std::string>& notes) {
    if (!is_swap_unfinished(target)) return;
    const std::string name = printable(target.native());
    if (is_there(target / kSavingName)) {
        put_back(target, last_file, sync);
        notes.push_back("put back the old set in " + name + ", which an interrupted run was replacing");
    } else if (is_there(target / kNewName) && !is_there(target / last_file)) {
        move_all(target / kNewName, target, names_in(target / kNewName, last_file, LastFile::kLast));
        tidy_up(target, sync);
        notes.push_back("completed the new files in " + name + ", which an interrupted run had built");
    } else if (is_there(target / kOldName / last_file) && !is_there(target / last_file)) {
        rename_or_throw(target / kOldName, target / kSavingName);
        put_back(target, last_file, sync);
        notes.push_back("put back the old set in " + name + ", which an interrupted run was replacing");
    } else {
        notes.push_back("removed what an interrupted run had left in " + name);
    }
    remove_hidden(target / kBuildingName);
    remove_hidden(target / kNewName);
    remove_hidden(target / kOldName);
}

void swap_in(const fs::path& target, std::string_view last_file, bool sync) {
    const fs::path fresh = target / kNewName;
    const fs::path saving = target / kSavingName;
    std::vector<std::string> new_names;
    try {
        const std::vector<std::string> old_names = names_in(target, last_file, LastFile::kFirst);
        new_names = names_in(fresh, last_file, LastFile::kLast);
        if (!old_names.empty()) {
            if (system_calls().mkdir(saving.c_str(), 0777) != 0) throw_io_error(saving, "create the folder", errno);
            move_all(target, saving, old_names);
            if (sync) sync_folder(saving);
            rename_or_throw(saving, target / kOldName);
        }
        move_all(fresh, target, new_names);
    } catch (...) {
        undo(target, last_file, new_names);
        throw;
    }
    try {
        tidy_up(target, sync);
    } catch (const Error& error) {
        throw_whole_but(target, error.what());
    }
}

}  // namespace octet::io
