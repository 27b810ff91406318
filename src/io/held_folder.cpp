// Everything is opened relative to the descriptor. Whether the folder was replaced meanwhile is
// told by its identity at the path; a reader that finds that begins again with the new one.
#include "io/held_folder.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/text.hpp"

namespace octet::io {
namespace {

/// Only its names are asked for, so no right to read it is needed.
int open_folder(const std::filesystem::path& path) {
    int fd = -1;
    do {
        fd = ::open(path.empty() ? "." : path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

bool is_absent(int error_number) {
    return error_number == ENOENT || error_number == ENOTDIR;
}

FileIdentity identity_of(int fd, const std::filesystem::path& path) {
    struct stat status {};
    if (::fstat(fd, &status) != 0) throw_io_error(path, "examine", errno);
    return {status.st_dev, status.st_ino};
}

}  // namespace

class HeldFolder::Descriptor {
  public:
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() { ::close(fd_); }

    int operator*() const noexcept { return fd_; }

  private:
    int fd_;
};

HeldFolder::HeldFolder(std::filesystem::path path) : path_(std::move(path)) {
    const int fd = open_folder(path_);
    if (fd < 0 && is_absent(errno))
        throw Error(ErrorCode::kBadInput, printable(path_.native()),
                    "not found, or no folder; check the path");
    if (fd < 0) throw_io_error(path_, "open", errno);
    descriptor_ = std::make_shared<const Descriptor>(fd);
}

bool HeldFolder::has(std::string_view name) const {
    FileIdentity ignored;
    return find_identity(name, ignored);
}

File HeldFolder::open(std::string_view name) const {
    return File::open_for_reading(**descriptor_, std::string(name), path_of(name));
}

std::string HeldFolder::read_text(std::string_view name, std::uint64_t most_bytes) const {
    return read_text_file(open(name), most_bytes);
}

bool HeldFolder::find_identity(std::string_view name, FileIdentity& identity) const {
    struct stat status {};
    if (::fstatat(**descriptor_, std::string(name).c_str(), &status, 0) != 0) {
        if (!is_absent(errno)) throw_io_error(path_of(name), "look for", errno);
        return false;
    }
    identity = {status.st_dev, status.st_ino};
    return true;
}

bool HeldFolder::is_replaced() const {
    FileIdentity now;
    return !io::find_identity(path_.empty() ? "." : path_, now) ||
           now != identity_of(**descriptor_, path_);
}

bool folder_has(const std::filesystem::path& path, std::string_view name) {
    while (kind_at(path.empty() ? "." : path) == EntryKind::kFolder) {
        const HeldFolder folder(path);
        if (folder.has(name)) return true;
        if (!folder.is_replaced()) return false;
    }
    return false;
}

}  // namespace octet::io
