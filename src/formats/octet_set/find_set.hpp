// Telling a set from a plain checkpoint at a path given by the user.
#pragma once

#include <filesystem>

namespace octet::octet_set {

/// The folder of the set at `path`: the folder itself, or that of its data file or index. No set there: kBadInput.
std::filesystem::path find_set_folder(const std::filesystem::path& path);

/// True when the path is a set, or a data file of one with its sidecar beside it.
bool is_set(const std::filesystem::path& path);

}  // namespace octet::octet_set
