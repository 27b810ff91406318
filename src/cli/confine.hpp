// The table of paths that a command line needs (io/sandbox.hpp). Whatever word of it names something that exists may be read; only the folder in
// which the output will stand may be written.
#pragma once

#include <string>
#include <vector>

#include "io/sandbox.hpp"

namespace octet::cli {

/// `words`: the command line without the program's name. `output`: what the command writes, or empty.
std::vector<io::AllowedPath> allowed_paths(const std::vector<std::string>& words, const std::string& output);

}  // namespace octet::cli
