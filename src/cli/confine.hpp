// The table of paths that a command line needs (io/sandbox.hpp). Whatever word of it names
// something that exists may be read; only the folder in which the output will stand may be written.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "io/sandbox.hpp"

namespace octet::cli {

/// What of a word may be a path: the word, `PATH` of `--option=PATH` and of `-oPATH`.
std::vector<std::filesystem::path> paths_in(const std::string& word);

/// `words`: the command line without the program's name. `outputs`: what the command writes.
std::vector<io::AllowedPath> allowed_paths(const std::vector<std::string>& words,
                                           const std::vector<std::string>& outputs);

}  // namespace octet::cli
