// A file that is read or written at known offsets. Owns its descriptor; movable; reads and writes
// at different offsets are safe from several threads at once. Every failure is octet::Error with
// the file's name in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace octet::io {

/// Device and inode: what makes two paths the same file.
struct FileIdentity {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;

    friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

class File {
  public:
    File() = default;
    File(File&& other) noexcept;
    File& operator=(File&& other) noexcept;
    ~File();

    /// Opens an existing regular file for reading. Not found or not a regular file: kBadInput;
    /// other failures: kIo.
    static File open_for_reading(const std::filesystem::path& path);

    /// The same of the name `name` in an open directory, links followed. `path`: the file in
    /// messages.
    static File open_for_reading(int directory, const std::string& name,
                                 const std::filesystem::path& path);

    /// The same, where a link is an error.
    static File open_in(int directory, const std::string& name, const std::filesystem::path& path);

    /// Creates a new file (0666 & ~umask) and reserves `byte_count` bytes for it; an existing one
    /// is an error. kIo.
    static File create(const std::filesystem::path& path, std::uint64_t byte_count);

    /// The same under the name `name` in an open directory.
    static File create_in(int directory, const std::string& name, const std::filesystem::path& path,
                          std::uint64_t byte_count);

    /// Opens the file `name` in an open directory for reading and writing, and makes it, with
    /// `byte_count` reserved bytes, where there is none: several processes may do that at once. A
    /// link, a file of another length, or one with several names: kBadInput; kIo.
    static File share_in(int directory, const std::string& name, const std::filesystem::path& path,
                         std::uint64_t byte_count);

    /// Takes over the descriptor of a regular file. kIo.
    static File of_descriptor(int fd, const std::filesystem::path& path);

    std::uint64_t size() const noexcept { return size_; }
    const std::string& name() const noexcept {
        return name_;
    }  ///< the path as it was given, for messages
    int descriptor() const noexcept { return fd_; }
    std::uint64_t current_size()
        const;  ///< asked anew: less than size() once somebody cut the file. kIo
    FileIdentity identity() const;

    /// Fills `buffer` from `offset`; the file having become shorter than `offset + buffer.size()`
    /// is kIo.
    void read_at(std::span<std::byte> buffer, std::uint64_t offset) const;

    /// Tells the system that bring_in() will be called for one range after the other.
    void will_be_read_in_order() const noexcept;

    /// Has that range read into the page cache, and nothing else. False where it cannot be read.
    bool bring_in(std::uint64_t offset, std::uint64_t size) const noexcept;

    /// Writes all of `bytes` at `offset`. kIo.
    void write_at(std::span<const std::byte> bytes, std::uint64_t offset) const;

    /// Waits until the file's bytes are on the disk. kIo.
    void sync() const;

  private:
    File(int fd, std::uint64_t size, std::string name)
        : fd_(fd), size_(size), name_(std::move(name)) {}

    static File of_opened(int fd, const std::filesystem::path& path);

    int fd_ = -1;
    std::uint64_t size_ = 0;
    std::string name_;
};

/// What lies at a path.
enum class EntryKind : std::uint8_t { kNothing, kFile, kFolder, kOther };

/// The same, links followed. kIo where that cannot be told, as in a folder that may not be
/// searched.
EntryKind kind_at(const std::filesystem::path& path);

/// Whether something is there, links followed. kIo as of kind_at().
bool exists(const std::filesystem::path& path);

/// As File::open_for_reading(); larger than `most_bytes`: kBadInput.
File open_text_file(const std::filesystem::path& path, std::uint64_t most_bytes);

/// The whole of a small file as text; larger than `most_bytes`: kBadInput.
std::string read_text_file(const std::filesystem::path& path, std::uint64_t most_bytes);

/// The same of an open file.
std::string read_text_file(const File& file, std::uint64_t most_bytes);

/// Fills a new file with `text`, on the disk when `sync`.
void write_text(const File& file, std::string_view text, bool sync);

/// Fills `target`, a new file of the same size, with the bytes of `source`, on the disk when
/// `sync`.
void copy_bytes(const File& source, const File& target, bool sync);

/// Device and inode of a path (links followed). False if nothing is there; kIo where that cannot be
/// told.
bool find_identity(const std::filesystem::path& path, FileIdentity& identity);

/// Throws kIo: "PATH: cannot ACTION: reason of errno; cure".
[[noreturn]] void throw_io_error(const std::filesystem::path& path, std::string_view action,
                                 int error_number);

/// The span of bytes of a text.
inline std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}

}  // namespace octet::io
