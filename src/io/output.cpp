// Output from the claim to the last removal, in the order in which a run goes through it: the
// constructor claims and examines, begin() mends, build() makes the hidden folder, publish_*()
// makes it visible.
#include "io/output.hpp"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fmt/format.h>

#include "base/text.hpp"
#include "io/replacement.hpp"
#include "io/subfolders.hpp"
#include "octet/error.hpp"

namespace octet::io {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kJournal = "journal";
constexpr std::string_view kBuilding = "building";
constexpr std::string_view kSaved = "saved";

/// ".octet-WHAT" in the target itself, ".NAME.octet-WHAT" beside it.
std::string hidden_name_of(std::string_view target_name, bool inside, std::string_view what) {
    return inside ? fmt::format(".octet-{}", what) : fmt::format(".{}.octet-{}", target_name, what);
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

/// True where one folder cannot be exchanged with another: the kernel, the file system (overlayfs:
/// a lower layer) or both lack it.
bool is_no_exchange(int error_number) {
    return error_number == EINVAL || error_number == ENOSYS || error_number == ENOTSUP ||
           error_number == EXDEV;
}

}  // namespace

bool is_half_replaced(const fs::path& folder) {
    std::error_code error;
    const fs::path real = fs::canonical(folder, error);
    if (error) throw_io_error(folder, "examine", error.value());
    const Directory target = Directory::open_to_look(real);
    const auto is_unfinished = [&](const Directory& place, const std::string& journal) {
        const auto records = read_journal(place, journal);
        return records && !records->new_files.empty() && !is_complete(target, *records);
    };
    if (is_unfinished(target, hidden_name_of("", true, kJournal))) return true;
    const std::string beside = hidden_name_of(real.filename().native(), false, kJournal);
    return io::exists(real.parent_path() / beside) &&
           is_unfinished(Directory::open_to_look(real.parent_path()), beside);
}

Output::Output(const fs::path& target, Kind kind, std::string last_file, bool sync,
               std::vector<std::string>& notes)
    : target_(target),
      kind_(kind),
      last_file_(std::move(last_file)),
      sync_(sync),
      notes_(notes),
      parent_(Directory::open(target.parent_path())) {
    if (kind_ == Kind::kFolder && target_.has_filename())
        folder_ = parent_.find_folder(target_.filename().native());
    if (!target_.has_filename()) folder_ = Directory::open(target_);  // the root folder
    inside_ = folder_ && must_stay_inside();
    if (inside_) check_may_change_folder();
    if (!inside_ && parent_.only_takes_new())
        throw Error(ErrorCode::kIo, printable(parent_.path().native()),
                    "takes new files only (it is append-only or immutable), so that nothing can be "
                    "moved into place "
                    "there; choose another target");
    journal_.emplace(hidden(), hidden_name(kJournal), target_);
    examine();
}

Output::~Output() {
    if (!build_ || published_) return;
    try {
        remove_unpublished();
    } catch (const Error&) {
        journal_->keep();  // the next run removes the rest
    }
}

std::string Output::hidden_name(std::string_view what) const {
    return hidden_name_of(target_.filename().native(), inside_, what);
}

/// A hidden name that nothing has, and that nobody can foretell.
std::string Output::free_name(std::string_view what) const {
    while (true) {
        std::uint32_t number = 0;
        if (::getrandom(&number, sizeof(number), 0) != sizeof(number)) continue;
        std::string name = fmt::format("{}-{:08x}", hidden_name(what), number);
        if (!hidden().look_at(name)) return name;
    }
}

/// Where the folder itself cannot be exchanged for another one.
bool Output::must_stay_inside() const {
    if (!target_.has_filename() || folder_->is_mounted_apart_from(parent_)) return true;
    if (!parent_.is_writable() || parent_.only_takes_new()) return true;
    const uid_t user = ::geteuid();
    if (parent_.is_sticky() && user != 0 && user != parent_.owner() && user != folder_->owner())
        return true;
    return folder_->look_at(hidden_name_of("", true, kJournal))
        .has_value();  // of a run for which that was so
}

/// Names in the target that are not of octet's own hidden things.
std::vector<std::string> Output::names_now(const JournalRecords& records) const {
    std::vector<std::string> names = folder_->names();
    if (!inside_) return names;
    // Of a folder that was made just before the kill the journal does not know yet what it is: it
    // is empty.
    const auto is_own_folder = [&](const std::string& name, std::optional<std::uint64_t> inode) {
        const auto entry = folder_->look_at(name);
        if (!entry || entry->kind != DirectoryEntry::Kind::kFolder) return false;
        return inode ? entry->is_folder(*inode) : folder_->find_folder(name)->names().empty();
    };
    std::erase_if(names, [&](const std::string& name) {
        return name == hidden_name(kJournal) ||
               (name == records.build_name && is_own_folder(name, records.build)) ||
               (name == records.save_name && is_own_folder(name, records.save));
    });
    return names;
}

/// New files of a killed run that stand in the target: begin() removes them.
std::vector<std::string> Output::names_of_left() const {
    std::vector<std::string> names;
    for (const NamedFile& file : journal_->left().new_files) {
        const auto entry = look_at_path(*folder_, file.name);
        if (entry && entry->identity.inode == file.inode) names.push_back(file.name);
    }
    return names;
}

void Output::examine() {
    if (!folder_) return;
    const JournalRecords& left = journal_->left();
    standing_.names = names_now(left);
    if (left.new_files.empty() || is_complete(*folder_, left)) return;
    std::vector<std::string> old;
    for (const NamedFile& file : left.old_files) old.push_back(file.name);
    for (const std::string& name : names_of_left()) std::erase(standing_.names, name);
    // Folders that were made for the new files, or emptied of the old ones; what else lies in them
    // strangers() finds.
    for (const std::string& folder : folders_of(names_of(left.new_files)))
        std::erase(standing_.names, folder);
    for (const std::string& name : old) {
        const std::string top = parts_of_name(name).front();
        if (!contains(standing_.names, top)) standing_.names.push_back(top);
    }
    std::sort(standing_.names.begin(), standing_.names.end());
    if (!old.empty()) standing_.half_replaced = std::move(old);
}

[[noreturn]] void Output::refuse_owner(const fs::path& path, uid_t owner) const {
    throw Error(ErrorCode::kIo, printable(path.native()),
                fmt::format("belongs to {}, and you may not replace it; choose another target",
                            user_text(owner)));
}

/// Files can be made and removed in the target.
void Output::check_may_change_folder() const {
    if (folder_->only_takes_new())
        throw Error(ErrorCode::kIo, printable(target_.native()),
                    "takes new files only (it is append-only or immutable); choose another target");
    if (folder_->is_writable()) return;
    if (folder_->owner() != ::geteuid()) refuse_owner(target_, folder_->owner());
    throw_io_error(target_, "write to", EACCES);
}

/// Refuses before anything is built what could not be replaced in the end.
void Output::check_may_replace() const {
    if (!folder_ || (standing_.names.empty() && !folder_->only_takes_new())) return;
    check_may_change_folder();
    const uid_t user = ::geteuid();
    if (!folder_->is_sticky() || user == 0 || user == folder_->owner()) return;
    for (const std::string& name : standing_.names) {
        const auto entry = folder_->look_at(name);
        if (entry && entry->owner != user) refuse_owner(target_ / name, entry->owner);
    }
}

void Output::mend_left() {
    const JournalRecords& left = journal_->left();
    std::vector<std::string> kept;
    const Mended mended = mend({hidden(), folder_ ? &*folder_ : nullptr, sync_}, left, kept);
    const std::string name = printable(target_.native());
    if (mended == Mended::kPutBack)
        notes_.push_back("put back the old set in " + name +
                         ", which an interrupted run was replacing");
    if (mended != Mended::kPutBack && journal_->is_taken_over())
        notes_.push_back("removed what an interrupted run had left in " +
                         printable(hidden().path().native()) + " for " + name);
    for (const std::string& folder : kept)
        notes_.push_back(
            folder + " is of an interrupted run and holds something else, too; it was left alone");
    journal_->begin();
    for (const std::string& other : hidden().names()) {
        const std::string prefix = hidden_name(kBuilding);
        if (!inside_ && other.starts_with(prefix) &&
            !contains(kept, printable((hidden().path() / other).native())))
            notes_.push_back(
                printable((hidden().path() / other).native()) +
                " is not known as octet's own, as no journal names it; it was left alone");
    }
}

void Output::begin() {
    check_may_replace();
    mend_left();
}

/// After a power cut the journal knows whatever can lie in the hidden folder: it is on the disk
/// before the first file.
void Output::build(const std::vector<std::string>& names) {
    build_name_ = free_name(kBuilding);
    journal_->note_build(build_name_);
    for (const std::string& name : names) journal_->note_file(name);
    build_ = hidden().make_folder(build_name_);
    journal_->note_built(build_->identity().inode);
    if (!sync_) return;
    journal_->sync();
    hidden().sync();
}

File Output::create(const std::string& name, std::uint64_t byte_count) {
    if (!contains(journal_->records().built_files, name))
        throw Error(ErrorCode::kInternal, printable(name),
                    "is not among the files that were to be built");
    return create_file_at(*build_, name, byte_count);
}

File Output::open(const std::string& name) const {
    return open_file_at(*build_, name);
}

std::vector<std::string> Output::strangers(const std::vector<std::string>& own) const {
    if (!folder_) return {};
    std::vector<std::string> known = own;
    for (std::string& name : names_of_left()) known.push_back(std::move(name));
    std::vector<std::string> found =
        io::strangers(*folder_, known, names_of(journal_->left().new_files));
    const std::vector<std::string> names =
        names_now(journal_->records().empty() ? journal_->left() : journal_->records());
    std::erase_if(found, [&](const std::string& name) {  // octet's own hidden things
        return name.find('/') == name.npos && !contains(names, name);
    });
    return found;
}

/// The folder that was examined still has the name of the target.
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
