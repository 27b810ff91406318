// Files in subfolders of an open directory. Their names are relative, plain names with '/' between
// them ("1_Pooling/config.json"); each folder on the way is opened relative to the one above it,
// links never followed, so that nothing below an open directory leads out of it. A folder is made
// when the first file in it is, and removed when it is empty: rmdir(2) never takes anything with
// it, so a folder needs no note of its own beside those of its files.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/directory.hpp"

namespace octet::io {

/// The most folders on the way to a file, and the file.
inline constexpr std::size_t kMostNameParts = 8;

/// True for a name of one entry of a folder: not empty, not "." or "..", without '/' and NUL.
bool is_plain_name(std::string_view name) noexcept;

/// True for plain names, at most kMostNameParts of them, with '/' in between.
bool is_relative_name(std::string_view name);

/// "a/b/c" as {"a", "b", "c"}, whatever the parts are.
std::vector<std::string> parts_of_name(std::string_view name);

/// The folders that the files of these names lie in: "a/b/c" gives "a" and "a/b". Sorted, each
/// once; those below come later.
std::vector<std::string> folders_of(const std::vector<std::string>& names);

/// Functions of Directory for relative names. What is missing on the way is missing; a link there:
/// kIo.
std::optional<DirectoryEntry> look_at_path(const Directory& root, const std::string& name);
File create_file_at(const Directory& root, const std::string& name,
                    std::uint64_t byte_count);  ///< makes its folders
File open_file_at(const Directory& root, const std::string& name);
void move_path(const Directory& from, const Directory& to, const std::string& name,
               MoveMode mode);  ///< makes folders

/// False and errno where the file is there and cannot be removed.
bool remove_file_at(const Directory& root, const std::string& name);

/// Removes the folders of these files, those below first, as far as they are empty. kIo.
void remove_folders_of(const Directory& root, const std::vector<std::string>& names);

/// Waits until the entries of the folders of these files are on the disk. kIo.
void sync_folders_of(const Directory& root, const std::vector<std::string>& names);

/// Everything in `root` that is neither one of `own` nor a folder of one, or of one of `more`: base
/// names, or relative ones below such a folder.
std::vector<std::string> strangers(const Directory& root, const std::vector<std::string>& own,
                                   const std::vector<std::string>& more = {});

}  // namespace octet::io
