// Files of the parts' own are written under a name that nobody can foretell, then renamed.
#include "parts/folder.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "base/text.hpp"
#include "octet/error.hpp"

namespace octet::parts {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMostTextBytes = 1U << 30U;
constexpr std::string_view kUnfinished = "unfinished-";

std::string hidden_name(const fs::path& target) {
    if (!target.has_filename())
        throw Error(ErrorCode::kUsage, printable(target.native()),
                    "has no folder beside it for parts; name a folder in it");
    return fmt::format(".{}.octet-parts", target.filename().native());
}

/// True of the names that write() and parts give.
bool is_own_name(const std::string& name) {
    return name == kRunFile || name == kJoinedFile || name.starts_with(kUnfinished) ||
           name.starts_with("part-");
}

std::string unfinished_name() {
    std::uint64_t number = 0;
    while (::getrandom(&number, sizeof(number), 0) != sizeof(number)) continue;
    return fmt::format("{}{:016x}", kUnfinished, number);
}

}  // namespace

std::string part_file_name(std::uint32_t number, std::uint32_t count) {
    return fmt::format("part-{}-of-{}", number, count);
}

Folder Folder::share(const fs::path& target) {
    const std::string name = hidden_name(target);
    io::Directory parent = io::Directory::open(target.parent_path());
    io::Directory folder = parent.share_folder(name);
    return {std::move(parent), name, std::move(folder)};
}

std::optional<Folder> Folder::find(const fs::path& target) {
    const std::string name = hidden_name(target);
    io::Directory parent = io::Directory::open(target.parent_path());
    if (!parent.find_folder(name)) return std::nullopt;
    io::Directory folder = parent.share_folder(name);
    return Folder(std::move(parent), name, std::move(folder));
}

io::File Folder::share_file(const std::string& name, std::uint64_t byte_count) const {
    return io::File::share_in(folder_.descriptor(), name, path() / name, byte_count);
}

/// It may have a second name in an output that an interrupted join was making: the same bytes are
/// written to it again.
io::File Folder::data_file(const std::string& name, std::uint64_t byte_count) const {
    const auto refuse = [&](const std::string& what) {
        throw Error(ErrorCode::kBadInput, printable((path() / name).native()),
                    what + "; octet join --discard removes the rest");
    };
    const auto entry = folder_.look_at(name);
    if (!entry) refuse("is missing, with what parts wrote to it");
    if (entry->kind != io::DirectoryEntry::Kind::kFile) refuse("is no file");
    constexpr int kFlags = O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
    const int fd = io::system_calls().open(folder_.descriptor(), name.c_str(), kFlags, 0);
    if (fd < 0) io::throw_io_error(path() / name, "open", errno);
    io::File file = io::File::of_descriptor(fd, path() / name);
    if (file.size() != byte_count)
        refuse(fmt::format("has {} bytes instead of {}", with_commas(file.size()),
                           with_commas(byte_count)));
    return file;
}

std::optional<std::string> Folder::read(const std::string& name) const {
    if (!folder_.look_at(name)) return std::nullopt;
    return io::read_text_file(folder_.open_file(name), kMostTextBytes);
}

bool Folder::write(const std::string& name, std::string_view text, bool replace, bool sync) const {
    const std::string unfinished = unfinished_name();
    bool is_there = true;
    try {
        io::write_text(folder_.create_file(unfinished, text.size()), text, sync);
        if (replace) {
            folder_.move(unfinished, folder_, name, io::MoveMode::kReplace);
        } else {  // in one step also where the system cannot rename without replacing
            is_there = folder_.link(unfinished, folder_, name);
            if (!is_there && errno != EEXIST) {
                is_there = !folder_.look_at(name);
                if (is_there) folder_.move(unfinished, folder_, name, io::MoveMode::kKeepExisting);
            }
            folder_.remove_file(unfinished);
        }
    } catch (const Error&) {
        folder_.remove_file(unfinished);
        throw;
    }
    if (sync) folder_.sync();
    return is_there;
}

void Folder::note_joined() const {
    folder_.move(std::string(kRunFile), folder_, std::string(kJoinedFile), io::MoveMode::kReplace);
}

std::vector<std::string> Folder::remove(const std::vector<std::string>& names) const {
    std::vector<std::string> all = folder_.names();
    std::stable_partition(all.begin(), all.end(), [](const std::string& name) {
        return name != kRunFile && name != kJoinedFile;  // which name the others: they go last
    });
    std::vector<std::string> left;
    for (const std::string& name : all) {
        const bool is_known =
            is_own_name(name) || std::find(names.begin(), names.end(), name) != names.end();
        if (!is_known) {
            left.push_back((path() / name).native());
        } else if (!folder_.remove_file(name)) {
            io::throw_io_error(path() / name, "remove", errno);
        }
    }
    if (left.empty() && !parent_.remove_folder(name_)) io::throw_io_error(path(), "remove", errno);
    return left;
}

}  // namespace octet::parts
