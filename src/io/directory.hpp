// A directory held open by its descriptor. Everything under it is named relative to the descriptor
// and links are never followed, so that whoever exchanges a folder or plants a link meanwhile
// changes what a path leads to, not what octet touches.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/file.hpp"
#include "io/system_calls.hpp"

namespace octet::io {

/// What a name stands for, links not followed.
struct DirectoryEntry {
    enum class Kind { kFile, kFolder, kLink, kOther };
    Kind kind = Kind::kOther;
    FileIdentity identity;
    uid_t owner = 0;
    std::uint64_t links = 0;  ///< how many names the file has

    bool is_folder(const FileIdentity& id) const { return kind == Kind::kFolder && identity == id; }
    bool is_folder(std::uint64_t inode) const {
        return kind == Kind::kFolder && identity.inode == inode;
    }
};

class Directory {
  public:
    Directory() = default;
    Directory(Directory&& other) noexcept;
    Directory& operator=(Directory&& other) noexcept;
    ~Directory();

    /// Opens a folder at a path that the user named, links followed. Not found, or no folder:
    /// kUsage; kIo.
    static Directory open(const std::filesystem::path& path);

    /// The same, where only names in it are looked at and opened: it may be one that must not be
    /// listed.
    static Directory open_to_look(const std::filesystem::path& path);

    /// The folder of that name, or nothing where there is nothing of that name. A link or anything
    /// else: kIo, naming it.
    std::optional<Directory> find_folder(const std::string& name) const;

    /// Creates a folder, for this user alone until open_to() says otherwise, and opens it. kIo.
    Directory make_folder(const std::string& name) const;

    /// Opens the folder of that name, and makes it, for this user alone, where there is none:
    /// several processes may do that at once. Another user's, a link or anything else: kIo.
    Directory share_folder(const std::string& name) const;

    /// Creates a new file of `byte_count` reserved bytes; whatever has the name is an error. kIo.
    File create_file(const std::string& name, std::uint64_t byte_count) const;

    /// Opens a regular file for reading; a link is an error. kBadInput, kIo.
    File open_file(const std::string& name) const;

    /// What stands under `name`, or nothing. kIo.
    std::optional<DirectoryEntry> look_at(const std::string& name) const;

    /// All names, hidden ones too, sorted. kIo.
    std::vector<std::string> names() const;

    /// Gives a file of this folder another name, or another folder of the same file system. kIo
    /// naming `to_name`.
    void move(const std::string& name, const Directory& to, const std::string& to_name,
              MoveMode mode) const;

    /// Gives a file a second name in another folder; false, and errno, where that cannot be.
    bool link(const std::string& name, const Directory& to, const std::string& to_name) const;

    /// Removes a file or an empty folder; what is gone already counts as removed. False and errno
    /// where it cannot be done.
    bool remove_file(const std::string& name) const noexcept;
    bool remove_folder(const std::string& name) const noexcept;

    /// Waits until the folder's entries are on the disk. kIo.
    void sync() const;

    /// The mode that the umask asked for when make_folder() made it.
    void open_to_others() const;

    FileIdentity identity() const;
    uid_t owner() const;
    bool is_writable() const;  ///< by this user: files can be created and removed in it
    bool is_sticky() const;    ///< only owners remove files
    bool only_takes_new()
        const;  ///< append-only or immutable: nothing can be moved or removed in it
    bool is_mounted_apart_from(const Directory& above) const;  ///< the root of another mount

    int descriptor() const noexcept { return fd_; }
    const std::filesystem::path& path() const noexcept { return path_; }  ///< for messages
    explicit operator bool() const noexcept { return fd_ >= 0; }

  private:
    static Directory opened(const std::filesystem::path& path, int flags);
    Directory(int fd, std::filesystem::path path) : fd_(fd), path_(std::move(path)) {}

    int fd_ = -1;
    mode_t mode_ = 0;  ///< of a folder that make_folder() made: what open_to_others() gives it
    std::filesystem::path path_;
};

/// "alice (1001)", or the number alone where it has no name.
std::string user_text(uid_t user);

}  // namespace octet::io
