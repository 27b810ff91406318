// What lies in a folder.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace octet::io {

/// Base names of everything in the folder, hidden ones too, sorted. One that does not exist has none. kIo.
std::vector<std::string> folder_names(const std::filesystem::path& folder);

/// The same, with `error` instead of a throw.
std::vector<std::string> folder_names(const std::filesystem::path& folder, std::error_code& error);

}  // namespace octet::io
