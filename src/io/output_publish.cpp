// Output from the hidden folder to the last removal: publish_*() makes what was built visible.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fmt/format.h>

#include "base/text.hpp"
#include "io/output.hpp"
#include "io/replacement.hpp"
#include "io/subfolders.hpp"
#include "octet/error.hpp"

namespace octet::io {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSaved = "saved";

/// True where one folder cannot be exchanged with another: the kernel, the file system (overlayfs:
/// a lower layer) or both lack it.
bool is_no_exchange(int error_number) {
    return error_number == EINVAL || error_number == ENOSYS || error_number == ENOTSUP ||
           error_number == EXDEV;
}

}  // namespace

void Output::check_same_target() const {
    const auto now =
        target_.has_filename() ? parent_.look_at(target_.filename().native()) : std::nullopt;
    if (!target_.has_filename() || (now && now->is_folder(folder_->identity()))) return;
    throw Error(ErrorCode::kIo, printable(target_.native()),
                "was moved or exchanged for something else while octet worked; nothing was changed "
                "there, run again");
}

void Output::note_old_files(const std::vector<std::string>& replaceable) {
    const std::vector<std::string> others = strangers(replaceable);
    if (!others.empty())
        throw Error(ErrorCode::kIo, printable(target_.native()),
                    fmt::format("holds {} now, which is not part of the set there; nothing was "
                                "changed, move it away "
                                "and run again",
                                in_quotes(others.front())));
    std::vector<std::string> names = replaceable;
    std::sort(names.begin(), names.end());
    std::stable_partition(names.begin(), names.end(),
                          [&](const std::string& name) { return name == last_file_; });
    for (const std::string& name : names) {
        if (const auto entry = look_at_path(*folder_, name))
            journal_->note_old({name, entry->identity.inode});
    }
}

void Output::sync_build() const {
    if (!sync_) return;
    sync_folders_of(*build_, journal_->records().built_files);
    build_->sync();
}

void Output::publish_folder(const std::vector<std::string>& replaceable) {
    sync_build();
    if (folder_) {
        check_same_target();
        note_old_files(replaceable);
        if (inside_) return replace_in_place();
        if (!journal_->records().old_files.empty()) return exchange_or_replace();
    }
    build_->open_to_others();
    const std::string name = target_.filename().native();
    check_is_build(build_name_);
    // Onto a folder that is not empty any more the system moves none.
    parent_.move(build_name_, parent_, name,
                 folder_ ? MoveMode::kReplace : MoveMode::kKeepExisting);
    look_again(MoveMode::kReplace);
    finish(parent_);
}

/// After the decisive step: what stands at the target is the folder that was built, or it goes back
/// to where it came from.
void Output::look_again(MoveMode way_back) {
    const std::string name = target_.filename().native();
    published_ = true;
    try {
        if (is_build(name)) return;
    } catch (const Error& error) {
        throw_whole_but(target_, error.what());
    }
    published_ = false;
    system_calls().move(parent_.descriptor(), name.c_str(), parent_.descriptor(),
                        build_name_.c_str(), way_back);
    check_is_build(name);
}

bool Output::is_build(const std::string& name) const {
    const auto entry = parent_.look_at(name);
    return entry && entry->is_folder(build_->identity());
}

/// The system moves what has a name, not what this run holds open: whether that was the folder it
/// built shows before and after.
void Output::check_is_build(const std::string& name) const {
    if (is_build(name)) return;
    throw Error(ErrorCode::kIo, printable((parent_.path() / name).native()),
                "was exchanged for something else while octet worked; it was not made visible, "
                "find out by whom");
}

void Output::exchange_or_replace() {
    journal_->note_replaced(folder_->identity().inode);
    if (sync_) journal_->sync();
    build_->open_to_others();
    check_is_build(build_name_);
    const std::string name = target_.filename().native();
    const int parent = parent_.descriptor();
    if (system_calls().move(parent, build_name_.c_str(), parent, name.c_str(),
                            MoveMode::kExchange) != 0) {
        if (!is_no_exchange(errno)) throw_io_error(target_, "exchange with the new set", errno);
        return replace_in_place();
    }
    journal_->keep();  // until the old set is removed
    look_again(MoveMode::kExchange);
    try {
        if (sync_) parent_.sync();
        remove_replaced();
    } catch (const Error& error) {
        throw Error(ErrorCode::kIo, printable(target_.native()),
                    fmt::format("the new set is whole, but the old one could not be removed: {}",
                                error.what()));
    }
    finish(parent_);
}

/// The old set has the name of the hidden folder now: its files go, and what came to them since
/// stays.
void Output::remove_replaced() {
    std::vector<std::string> left;
    mend({parent_, nullptr, sync_}, journal_->records(), left);
    if (!left.empty())
        throw Error(ErrorCode::kIo, left.front(),
                    "holds something else, too; move it where you want it");
}

/// The output is visible: what is left is to be found by the next run, or not to be there.
void Output::finish(const Directory& folder) {
    try {
        if (sync_) folder.sync();
        if (!published_) remove_folders_of(*build_, journal_->records().built_files);
        if (!published_ && !hidden().remove_folder(build_name_))
            throw_io_error(hidden().path() / build_name_, "remove", errno);
        published_ = true;
        journal_->end();
    } catch (const Error& error) {
        published_ = true;
        journal_->keep();
        throw_whole_but(folder_ || kind_ == Kind::kFolder ? target_ : folder.path(), error.what());
    }
}

void Output::replace_in_place() {
    const std::string save_name = free_name(kSaved);
    published_ = true;  // replace_files() cleans up itself, or leaves what the next run needs
    replace_files({hidden(), &*folder_, sync_}, *build_, save_name, last_file_, *journal_);
    finish(*folder_);
}

void Output::publish_files(const std::vector<std::string>& names, bool replace) {
    sync_build();
    if (folder_) check_same_target();
    const Directory& into = folder_ ? *folder_ : parent_;
    for (const std::string& name : names) {
        const auto entry = look_at_path(into, name);
        if (entry && entry->kind == DirectoryEntry::Kind::kFolder)
            throw Error(ErrorCode::kIo, printable((into.path() / name).native()),
                        "is a folder where a file is to go; move it away");
    }
    for (const std::string& name : names)
        move_path(*build_, into, name, replace ? MoveMode::kReplace : MoveMode::kKeepExisting);
    if (sync_) sync_folders_of(into, names);
    finish(into);
}

void Output::remove_unpublished() {
    std::vector<std::string> left;
    mend({hidden(), nullptr, false}, journal_->records(), left);
}

}  // namespace octet::io
