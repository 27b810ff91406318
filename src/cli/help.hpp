// --help, made from the tables, for a terminal of 80 columns.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/command.hpp"

namespace octet::cli {

/// "-o, --output FILE".
std::string signature(const Option& option);

/// "INPUT OUT_DIR", those that are not required in brackets.
std::string paths_of(const Command& command);

/// The words of `text` in lines of at most `width` characters, where none is longer. White space
/// counts as one blank.
std::vector<std::string> wrapped(std::string_view text, std::size_t width);

/// What `octet COMMAND --help` prints; of the program, `octet --help`.
std::string help(const Command& command);

/// What `octet` alone prints: the commands that matter most.
std::string overview();

}  // namespace octet::cli
