// pread and pwrite until everything is there; an end of file in between is an error, as the file
// shrank. The words for what a user can do about an errno are one table.
#include "io/file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/text.hpp"
#include "io/system_calls.hpp"
#include "octet/error.hpp"

namespace octet::io {
namespace {

std::string_view cure_for(int error_number) {
    switch (error_number) {
        case EACCES:
        case EPERM:
        case EROFS:
            return "check the permissions of the file and its folder";
        case ENOSPC:
        case EDQUOT:
            return "free some space or choose another target";
        case EMFILE:
        case ENFILE:
            return "raise the limit of open files (ulimit -n)";
        case EFBIG:
            return "raise the limit of file sizes (ulimit -f) or choose another file system";
        case ENAMETOOLONG:
            return "choose a shorter name";
        case EEXIST:
        case ENOTEMPTY:
            return "something else put it there meanwhile; move it away and try again";
        case ENOENT:
            return "check the path";
        default:
            return "check the disk and try again";
    }
}

/// False where nothing is there: the only two reasons for which stat(2) may fail.
bool find_status(const std::filesystem::path& path, struct stat& status) {
    if (::stat(path.c_str(), &status) == 0) return true;
    if (errno != ENOENT && errno != ENOTDIR) throw_io_error(path, "look for", errno);
    return false;
}

void check_size(const File& file, std::uint64_t most_bytes) {
    if (file.size() <= most_bytes) return;
    throw Error(
        ErrorCode::kBadInput, printable(file.name()),
        fmt::format(
            "has {} bytes, more than the {} that such a file may have; is it the right file?",
            with_commas(file.size()), with_commas(most_bytes)));
}

}  // namespace

void throw_io_error(const std::filesystem::path& path, std::string_view action, int error_number) {
    throw Error(
        ErrorCode::kIo, printable(path.native()),
        fmt::format("cannot {}: {}; {}", action, errno_text(error_number), cure_for(error_number)));
}

EntryKind kind_at(const std::filesystem::path& path) {
    struct stat status {};
    if (!find_status(path, status)) return EntryKind::kNothing;
    if (S_ISREG(status.st_mode)) return EntryKind::kFile;
    return S_ISDIR(status.st_mode) ? EntryKind::kFolder : EntryKind::kOther;
}

bool exists(const std::filesystem::path& path) {
    return kind_at(path) != EntryKind::kNothing;
}

File::File(File&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), size_(other.size_), name_(std::move(other.name_)) {}

File& File::operator=(File&& other) noexcept {
    if (this != &other) {
        if (fd_ >= 0) ::close(fd_);
        fd_ = std::exchange(other.fd_, -1);
        size_ = other.size_;
        name_ = std::move(other.name_);
    }
    return *this;
}

File::~File() {
    if (fd_ >= 0) ::close(fd_);
}

File File::of_descriptor(int fd, const std::filesystem::path& path) {
    File file(fd, 0, path.native());
    file.size_ = file.current_size();
    return file;
}

File File::of_opened(int fd, const std::filesystem::path& path) {
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
        throw Error(ErrorCode::kBadInput, printable(path.native()), "not found; check the path");
    }
    if (fd < 0) throw_io_error(path, "open", errno);
    File file(fd, 0, path.native());
    struct stat status {};
    if (::fstat(fd, &status) != 0) throw_io_error(path, "read the size of", errno);
    if (!S_ISREG(status.st_mode)) {
        throw Error(ErrorCode::kBadInput, printable(path.native()),
                    "is not a regular file; give a file or a folder");
    }
    file.size_ = static_cast<std::uint64_t>(status.st_size);
    return file;
}

// Non-blocking, so that a named pipe is refused instead of waiting for a writer.
constexpr int kOpenToRead = O_RDONLY | O_CLOEXEC | O_NONBLOCK;

File File::open_for_reading(const std::filesystem::path& path) {
    return of_opened(system_calls().open(AT_FDCWD, path.c_str(), kOpenToRead, 0), path);
}

File File::open_for_reading(int directory, const std::string& name,
                            const std::filesystem::path& path) {
    return of_opened(system_calls().open(directory, name.c_str(), kOpenToRead, 0), path);
}

File File::open_in(int directory, const std::string& name, const std::filesystem::path& path) {
    return of_opened(system_calls().open(directory, name.c_str(), kOpenToRead | O_NOFOLLOW, 0),
                     path);
}

File File::create(const std::filesystem::path& path, std::uint64_t byte_count) {
    return create_in(AT_FDCWD, path.native(), path, byte_count);
}

File File::create_in(int directory, const std::string& name, const std::filesystem::path& path,
                     std::uint64_t byte_count) {
    constexpr int kFlags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    const int fd = system_calls().open(directory, name.c_str(), kFlags, 0666);
    if (fd < 0) throw_io_error(path, "create", errno);
    File file(fd, byte_count, path.native());
    if (system_calls().allocate(fd, static_cast<off_t>(byte_count)) != 0) {
        throw_io_error(path, fmt::format("reserve {}", full_size(byte_count)), errno);
    }
    return file;
}

File File::share_in(int directory, const std::string& name, const std::filesystem::path& path,
                    std::uint64_t byte_count) {
    constexpr int kFlags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
    const int fd = system_calls().open(directory, name.c_str(), kFlags, 0666);
    if (fd < 0) throw_io_error(path, "open", errno);
    File file(fd, byte_count, path.native());
    struct stat status {};
    if (::fstat(fd, &status) != 0) throw_io_error(path, "examine", errno);
    if (!S_ISREG(status.st_mode) || status.st_nlink > 1)
        throw Error(ErrorCode::kBadInput, printable(path.native()),
                    "is a file of something else, too, as an interrupted octet join leaves it; run "
                    "octet join again, or octet join --discard");
    const std::uint64_t size = static_cast<std::uint64_t>(status.st_size);
    if (size == byte_count) return file;
    if (size != 0)
        throw Error(ErrorCode::kBadInput, printable(path.native()),
                    fmt::format("has {} bytes instead of {}; octet join --discard removes such "
                                "parts",
                                with_commas(size), with_commas(byte_count)));
    if (system_calls().allocate(fd, static_cast<off_t>(byte_count)) != 0)
        throw_io_error(path, fmt::format("reserve {}", full_size(byte_count)), errno);
    return file;
}

std::uint64_t File::current_size() const {
    struct stat status {};
    if (::fstat(fd_, &status) != 0) throw_io_error(name_, "read the size of", errno);
    return static_cast<std::uint64_t>(status.st_size);
}

FileIdentity File::identity() const {
    struct stat status {};
    if (::fstat(fd_, &status) != 0) throw_io_error(name_, "examine", errno);
    return {status.st_dev, status.st_ino};
}

void File::read_at(std::span<std::byte> buffer, std::uint64_t offset) const {
    std::size_t done = 0;
    while (done < buffer.size()) {
        const ssize_t got = system_calls().pread(fd_, buffer.data() + done, buffer.size() - done,
                                                 static_cast<off_t>(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throw_io_error(name_, "read", errno);
        if (got == 0) {
            throw Error(ErrorCode::kIo, printable(name_),
                        fmt::format("ended at byte {} of {} while it was read; let nothing write "
                                    "to it and try again",
                                    with_commas(offset + done), with_commas(size_)));
        }
        done += static_cast<std::size_t>(got);
    }
}

void File::will_be_read_in_order() const noexcept {
    ::posix_fadvise(fd_, 0, 0, POSIX_FADV_SEQUENTIAL);
}

// Reading, rather than asking for read-ahead, because only then the system reads further ahead
// meanwhile, in ever larger pages.
bool File::bring_in(std::uint64_t offset, std::uint64_t size) const noexcept {
    constexpr std::uint64_t kBlock = 64U << 10U;
    char block[kBlock];
    for (std::uint64_t done = 0; done < size;) {
        const ssize_t read =
            ::pread(fd_, block, std::min(kBlock, size - done), static_cast<off_t>(offset + done));
        if (read <= 0) return false;
        done += static_cast<std::uint64_t>(read);
    }
    return true;
}

void File::write_at(std::span<const std::byte> bytes, std::uint64_t offset) const {
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t put = system_calls().pwrite(fd_, bytes.data() + done, bytes.size() - done,
                                                  static_cast<off_t>(offset + done));
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) throw_io_error(name_, "write", errno);
        if (put == 0) throw_io_error(name_, "write", ENOSPC);
        done += static_cast<std::size_t>(put);
    }
}

void File::sync() const {
    while (system_calls().fsync(fd_) != 0) {
        if (errno != EINTR) throw_io_error(name_, "flush to the disk", errno);
    }
}

File open_text_file(const std::filesystem::path& path, std::uint64_t most_bytes) {
    File file = File::open_for_reading(path);
    check_size(file, most_bytes);
    return file;
}

std::string read_text_file(const std::filesystem::path& path, std::uint64_t most_bytes) {
    return read_text_file(File::open_for_reading(path), most_bytes);
}

std::string read_text_file(const File& file, std::uint64_t most_bytes) {
    check_size(file, most_bytes);
    std::string text(file.size(), '\0');
    file.read_at(std::as_writable_bytes(std::span(text)), 0);
    return text;
}

void write_text(const File& file, std::string_view text, bool sync) {
    file.write_at(bytes_of(text), 0);
    if (sync) file.sync();
}

void copy_bytes(const File& source, const File& target, bool sync) {
    std::vector<std::byte> buffer(std::min<std::uint64_t>(source.size(), 1U << 20U));
    for (std::uint64_t offset = 0; offset < source.size(); offset += buffer.size()) {
        const auto part =
            std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), source.size() - offset));
        source.read_at(part, offset);
        target.write_at(part, offset);
    }
    if (sync) target.sync();
}

bool find_identity(const std::filesystem::path& path, FileIdentity& identity) {
    struct stat status {};
    if (!find_status(path, status)) return false;
    identity = {status.st_dev, status.st_ino};
    return true;
}

}  // namespace octet::io
