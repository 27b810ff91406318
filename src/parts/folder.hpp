// The hidden folder in which the parts of an output lie until they are joined: data files in full
// size, the record of the run, and one sealed file for each part that is done. It stands beside the
// target under a fixed name, ".NAME.octet-parts", so that every machine finds it.
//
// It belongs to one user, is never a link, and everything in it is named relative to its
// descriptor. No lock is taken: a file of the parts' own appears whole by a rename, data files are
// made by whoever comes first, and nobody writes a byte that another part owns.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/directory.hpp"
#include "io/file.hpp"

namespace octet::parts {

class Folder {
  public:
    /// Opens the folder of parts of `target`, and makes it where there is none. kUsage (the
    /// target's own folder is not there), kIo.
    static Folder share(const std::filesystem::path& target);

    /// The same, or nothing where there is none.
    static std::optional<Folder> find(const std::filesystem::path& target);

    /// A data file of `byte_count` bytes, which is made where it is missing. kBadInput, kIo.
    io::File share_file(const std::string& name, std::uint64_t byte_count) const;

    /// The same where it is there already. kBadInput naming one that is missing or of another size.
    io::File data_file(const std::string& name, std::uint64_t byte_count) const;

    /// The text of one of the parts' own files; nothing where there is none. kIo.
    std::optional<std::string> read(const std::string& name) const;

    /// Puts a text there, whole or not at all, and on the disk if `sync`. With `replace` false one
    /// that stands there stays, and false is returned. kIo.
    bool write(const std::string& name, std::string_view text, bool replace, bool sync) const;

    /// From now on the parts are joined, and the folder can only be removed. kIo.
    void note_joined() const;

    /// Removes the folder and in it `names`, and the parts' own files. What else lies there stays,
    /// with the folder, and is named. kIo.
    std::vector<std::string> remove(const std::vector<std::string>& names) const;

    /// All files in it.
    std::vector<std::string> names() const { return folder_.names(); }

    const io::Directory& directory() const noexcept { return folder_; }
    const std::filesystem::path& path() const noexcept { return folder_.path(); }

  private:
    Folder(io::Directory parent, std::string name, io::Directory folder)
        : parent_(std::move(parent)), name_(std::move(name)), folder_(std::move(folder)) {}

    io::Directory parent_;
    std::string name_;
    io::Directory folder_;
};

/// The name of the file of part `number` of `count`: "part-3-of-8".
std::string part_file_name(std::uint32_t number, std::uint32_t count);

/// The file that says of what run the parts are.
inline constexpr std::string_view kRunFile = "run";

/// What it is called once the parts are joined.
inline constexpr std::string_view kJoinedFile = "joined";

}  // namespace octet::parts
