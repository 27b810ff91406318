// Names of files: which an index or a sidecar may give, as they must not lead out of their folder,
// and those of what lies in a folder.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "io/links.hpp"

namespace octet::io {

/// Throws kBadInput, naming the file `named_by`, unless `name` is a plain file name without
/// separators whose file in `folder`, if there is one, is not behind a link that may not be
/// followed (links.hpp).
void check_plain_name(const std::filesystem::path& folder, std::string_view name,
                      std::string_view named_by, Links links = Links::kOwn);

/// The same of a companion, which may lie in a subfolder: plain names with '/' between them, no
/// folder of which is a link.
void check_companion_name(const std::filesystem::path& folder, std::string_view name,
                          std::string_view named_by, Links links = Links::kOwn);

/// Base names of everything in the folder, hidden ones too, sorted. One that does not exist has
/// none. kIo.
std::vector<std::string> folder_names(const std::filesystem::path& folder);

/// The same, with `error` instead of a throw.
std::vector<std::string> folder_names(const std::filesystem::path& folder, std::error_code& error);

}  // namespace octet::io
