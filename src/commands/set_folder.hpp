// Where a set may be written: a folder that is absent, empty, or holds a set that is to be replaced and nothing else.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "io/output.hpp"

namespace octet::commands {

/// `given`, in every message, is the path as the user gave it. kUsage where a file stands at `target`.
void check_is_no_file(const std::filesystem::path& target, const std::filesystem::path& given);

/// The files of the set that stands there and may go, if `force` says so. kUsage where it may not, or where anything else stands there.
std::vector<std::string> replaceable_files(const io::Standing& standing, const std::filesystem::path& target,
                                           const std::filesystem::path& given, bool force);

}  // namespace octet::commands
