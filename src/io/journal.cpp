// The journal as text: escaping, parsing what a killed run left, and the claim, which is to create
// the file in one step or to lock the one that is there. What is found is never written to before
// it is known as octet's own.
#include "io/journal.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "base/text.hpp"
#include "io/subfolders.hpp"
#include "octet/error.hpp"

namespace octet::io {
namespace {

constexpr std::string_view kFirstLine = "octet-journal 1\n";
constexpr std::uint64_t kMostBytes = 64U << 20U;  // some hundred thousand files

std::string escaped(std::string_view name) {
    std::string text;
    for (const char c : name) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = byte > 0x20 && byte < 0x7f && c != '%';
        text += plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
    }
    return text;
}

std::optional<std::string> unescaped(std::string_view text) {
    std::string name;
    while (!text.empty()) {
        unsigned byte = static_cast<unsigned char>(text.front());
        std::size_t length = 1;
        if (text.front() == '%') {
            length = 3;
            if (text.size() < length) return std::nullopt;
            const char* const end = text.data() + length;
            if (std::from_chars(text.data() + 1, end, byte, 16).ptr != end) return std::nullopt;
        }
        name += static_cast<char>(byte);
        text.remove_prefix(length);
    }
    return name;
}

/// The next word of a line, and the line without it.
std::string_view take_word(std::string_view& line) {
    const std::size_t size = std::min(line.find(' '), line.size());
    const std::string_view word = line.substr(0, size);
    line.remove_prefix(std::min(size + 1, line.size()));
    return word;
}

bool take_number(std::string_view& line, std::uint64_t& number) {
    const std::string_view word = take_word(line);
    const auto result = std::from_chars(word.data(), word.data() + word.size(), number);
    return !word.empty() && result.ec == std::errc() && result.ptr == word.data() + word.size();
}

/// The rest of a line: the folders on the way to a file, and the file.
std::optional<std::string> take_relative_name(std::string_view& line) {
    std::string name;
    while (!line.empty()) {
        const auto part = unescaped(take_word(line));
        if (!part || !is_plain_name(*part)) return std::nullopt;
        name += (name.empty() ? "" : "/") + *part;
    }
    return name;
}

/// Adds one line to `records`; false where it is no line of a journal.
bool add_line(std::string_view line, JournalRecords& records) {
    constexpr std::string_view kBelow = "-below";
    std::string_view key = take_word(line);
    const bool is_below = key.ends_with(kBelow);
    if (is_below) key.remove_suffix(kBelow.size());
    if (is_below && key != "file" && key != "old" && key != "new") return false;
    std::uint64_t inode = 0;
    const bool has_inode =
        key == "built" || key == "saved" || key == "replace" || key == "old" || key == "new";
    if (has_inode && !take_number(line, inode)) return false;
    const auto name = is_below ? take_relative_name(line) : unescaped(take_word(line));
    const bool has_name = key != "built" && key != "saved" && key != "replace";
    const bool is_name = name && (is_below ? is_relative_name(*name) : is_plain_name(*name));
    if (!name || has_name != is_name || !line.empty())
        return false;  // it never leads out of its folders
    if (key == "build") records.build_name = *name;
    if (key == "built") records.build = inode;
    if (key == "file") records.built_files.push_back(*name);
    if (key == "save") records.save_name = *name;
    if (key == "saved") records.save = inode;
    if (key == "replace") records.replaced = inode;
    if (key == "old") records.old_files.push_back({*name, inode});
    if (key == "new") records.new_files.push_back({*name, inode});
    return has_inode || key == "build" || key == "file" || key == "save";
}

/// The records of a journal's text, or nothing where it is none. A run that was killed at once left
/// an empty file.
std::optional<JournalRecords> parse(std::string_view text) {
    JournalRecords records;
    if (text.size() < kFirstLine.size())
        return kFirstLine.starts_with(text) ? std::optional(records) : std::nullopt;
    if (!text.starts_with(kFirstLine)) return std::nullopt;
    text.remove_prefix(kFirstLine.size());
    for (std::size_t end = text.find('\n'); end != text.npos; end = text.find('\n')) {
        if (!add_line(text.substr(0, end), records)) return std::nullopt;
        text.remove_prefix(end + 1);
    }
    return records;
}

std::string text_of(const File& file) {
    std::string text(file.size(), '\0');
    file.read_at(std::as_writable_bytes(std::span(text)), 0);
    return text;
}

/// The line of a file, which may lie in a subfolder. `inode` is empty, or a number with a space
/// behind it.
std::string file_text(std::string_view key, std::string_view inode, const std::string& name) {
    const std::vector<std::string> parts = parts_of_name(name);
    std::string text = fmt::format("{}{} {}", key, parts.size() > 1 ? "-below" : "", inode);
    for (const std::string& part : parts)
        text += escaped(part) + (&part == &parts.back() ? "" : " ");
    return text;
}

}  // namespace

std::vector<std::string> names_of(const std::vector<NamedFile>& files) {
    std::vector<std::string> names;
    for (const NamedFile& file : files) names.push_back(file.name);
    return names;
}

Journal::Journal(const Directory& place, std::string name, const std::filesystem::path& target)
    : place_(place), name_(std::move(name)), target_(target) {
    constexpr int kMostTries = 100;  // each means that another run came and went in between
    for (int attempt = 0; attempt < kMostTries; ++attempt) {
        if (create() || take_over()) return;
    }
    throw Error(ErrorCode::kIo, printable(target_.native()),
                "other runs of octet keep writing it; wait for them");
}

Journal::~Journal() {
    try {
        if (!kept_) end();
    } catch (const Error&) {
        return;
    }
}

void Journal::end() {
    if (file_.descriptor() < 0) return;
    const auto entry = place_.look_at(name_);
    const bool is_own =
        entry && entry->identity == file_.identity();  // nothing that took its place
    if (is_own && !place_.remove_file(name_))
        throw_io_error(place_.path() / name_, "remove", errno);
    file_ = File();
}

/// False where something has the name already, or where the new file was gone before it was locked.
bool Journal::create() {
    constexpr int kFlags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    const int fd = system_calls().open(place_.descriptor(), name_.c_str(), kFlags, 0600);
    if (fd < 0 && errno == EEXIST) return false;
    if (fd < 0) throw_io_error(target_, "create the hidden file " + in_quotes(name_), errno);
    try {
        file_ = File::of_descriptor(fd, place_.path() / name_);
        lock();
        const auto entry = place_.look_at(name_);
        if (!entry || entry->identity != file_.identity()) {
            file_ = File();
            return false;
        }
        file_.write_at(bytes_of(kFirstLine), 0);
    } catch (...) {
        if (!kept_) place_.remove_file(name_);
        throw;
    }
    end_ = kFirstLine.size();
    return true;
}

/// False where it is gone, so that a new one can be made.
bool Journal::take_over() {
    constexpr int kFlags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    const auto refuse = [&](std::string_view what) {
        throw Error(
            ErrorCode::kIo, printable((place_.path() / name_).native()),
            fmt::format("{}, where octet keeps a journal of what it writes; move it away", what));
    };
    const auto entry = place_.look_at(name_);
    if (!entry) return false;
    if (entry->kind != DirectoryEntry::Kind::kFile) refuse("is no regular file");
    if (entry->owner != ::geteuid()) refuse(fmt::format("belongs to {}", user_text(entry->owner)));
    if (entry->links != 1) refuse("has other names, too");
    const int fd = system_calls().open(place_.descriptor(), name_.c_str(), kFlags, 0);
    if (fd < 0 && errno == ENOENT) return false;
    if (fd < 0) throw_io_error(place_.path() / name_, "open", errno);
    file_ = File::of_descriptor(fd, place_.path() / name_);
    kept_ = true;  // until it is known as octet's own, and what it names is mended
    if (file_.identity() != entry->identity) refuse("was exchanged for something else");
    lock();
    const auto now = place_.look_at(name_);
    if (!now || now->identity != entry->identity) {  // the run that held it has come to its end
        file_ = File();
        return false;
    }
    if (file_.size() > kMostBytes) refuse("is larger than a journal can be");
    const auto records = parse(text_of(file_));
    if (!records) refuse("is no journal of octet's");
    left_ = *records;
    taken_over_ = true;
    return true;
}

void Journal::lock() {
    if (system_calls().lock(file_.descriptor()) == 0) return;
    if (errno != EWOULDBLOCK) throw_io_error(place_.path() / name_, "lock", errno);
    kept_ = true;
    throw Error(ErrorCode::kIo, printable(target_.native()),
                "another run of octet is writing it; wait for that run or choose another target");
}

void Journal::begin() {
    if (!taken_over_) return;
    end();
    kept_ = taken_over_ = false;
    left_ = {};
    if (!create())
        throw Error(
            ErrorCode::kIo, printable(target_.native()),
            "another run of octet is writing it; wait for that run or choose another target");
}

void Journal::add(const std::string& line) {
    file_.write_at(bytes_of(line + "\n"), end_);
    end_ += line.size() + 1;
    add_line(line, records_);
}

void Journal::note_build(const std::string& name) {
    add("build " + escaped(name));
}

void Journal::note_built(std::uint64_t inode) {
    add(fmt::format("built {}", inode));
}

void Journal::note_file(const std::string& name) {
    add(file_text("file", "", name));
}

void Journal::note_save(const std::string& name) {
    add("save " + escaped(name));
}

void Journal::note_saved(std::uint64_t inode) {
    add(fmt::format("saved {}", inode));
}

void Journal::note_replaced(std::uint64_t inode) {
    add(fmt::format("replace {}", inode));
}

void Journal::note_old(const NamedFile& file) {
    add(file_text("old", fmt::format("{} ", file.inode), file.name));
}

void Journal::note_new(const NamedFile& file) {
    add(file_text("new", fmt::format("{} ", file.inode), file.name));
}

void Journal::sync() const {
    file_.sync();
}

std::optional<JournalRecords> read_journal(const Directory& folder, const std::string& name) {
    const auto entry = folder.look_at(name);
    if (!entry || entry->kind != DirectoryEntry::Kind::kFile || entry->owner != ::geteuid())
        return std::nullopt;
    const File file = folder.open_file(name);
    return file.size() > kMostBytes ? std::nullopt : parse(text_of(file));
}

}  // namespace octet::io
