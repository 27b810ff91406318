#include "io/folder_swap.hpp"

#include <algorithm>
#include <cerrno>

#include "base/text.hpp"
#include "io/file.hpp"
#include "io/staging_folder.hpp"
#include "io/system_calls.hpp"

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
    for (const auto& entry : fs::directory_iterator(folder)) {
        std::string name = entry.path().filename().native();
        if (is_swap_name(name)) continue;
        if (name == last_file) {
            has_last = true;
        } else {
            names.push_back(std::move(name));
        }
    }
    std::sort(names.begin(), names.end());
    if (has_last) names.insert(order == LastFile::kFirst ? names.begin() : names.end(), std::string(last_file));
    return names;
}

void move_all(const fs::path& from, const fs::path& to, const std::vector<std::string>& names) {
    for (const std::string& name : names) rename_or_throw(from / name, to / name);
}

void remove_hidden(const fs::path& folder) {
    if (is_there(folder) && !remove_flat_folder(folder)) throw_io_error(folder, "remove", errno);
}

/// The new files are complete in .octet-new and no old ones stand in the way any more.
void finish(const fs::path& target, std::string_view last_file, bool sync) {
    const fs::path fresh = target / kNewName;
    move_all(fresh, target, names_in(fresh, last_file, LastFile::kLast));
    if (sync) sync_folder(target);
    remove_hidden(fresh);
    remove_hidden(target / kOldName);
}

void put_back(const fs::path& target, std::string_view last_file, bool sync) {
    const fs::path saving = target / kSavingName;
    move_all(saving, target, names_in(saving, last_file, LastFile::kLast));
    if (sync) sync_folder(target);
    remove_hidden(saving);
}

}  // namespace

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
        finish(target, last_file, sync);
        notes.push_back("completed the new set in " + name + ", which an interrupted run had built");
    } else {
        notes.push_back("removed what an interrupted run had left in " + name);
    }
    remove_hidden(target / kBuildingName);
    remove_hidden(target / kNewName);
    remove_hidden(target / kOldName);
}

void swap_in(const fs::path& target, std::string_view last_file, bool sync) {
    const fs::path saving = target / kSavingName;
    const std::vector<std::string> old_names = names_in(target, last_file, LastFile::kFirst);
    if (!old_names.empty()) {
        if (system_calls().mkdir(saving.c_str(), 0777) != 0) throw_io_error(saving, "create the folder", errno);
        try {
            move_all(target, saving, old_names);
            if (sync) sync_folder(saving);
            rename_or_throw(saving, target / kOldName);
        } catch (...) {
            put_back(target, last_file, false);
            throw;
        }
    }
    finish(target, last_file, sync);
}

}  // namespace octet::io
