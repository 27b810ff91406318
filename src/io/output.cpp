// Output from the claim to the hidden folder: the constructor claims and examines, begin() mends,
// build() makes the hidden folder. What makes it visible is in output_publish.cpp.
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

/// ".octet-WHAT" in the target itself, ".NAME.octet-WHAT" beside it.
std::string hidden_name_of(std::string_view target_name, bool inside, std::string_view what) {
    return inside ? fmt::format(".octet-{}", what) : fmt::format(".{}.octet-{}", target_name, what);
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
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

void Output::adopt(const Directory& from, const std::string& name) {
    if (!contains(journal_->records().built_files, name))
        throw Error(ErrorCode::kInternal, printable(name),
                    "is not among the files that were to be built");
    if (from.link(name, *build_, name)) return;
    from.move(name, *build_, name, MoveMode::kKeepExisting);
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

}  // namespace octet::io
