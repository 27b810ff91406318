// From the words of a command line to Arguments, by the table of options. CLI11 does the splitting,
// and parse.cpp alone knows it.
#pragma once

#include <string>
#include <vector>

#include "cli/arguments.hpp"
#include "cli/command.hpp"

namespace octet::cli {

enum class Request { kRun, kHelp, kVersion };

/// The words behind the command's name, understood: `arguments` is filled in as far as they can be.
/// kUsage where they cannot, with the nearest right spelling; paths that CLI11 understood before
/// that are set.
Request parse(const Command& command, const std::vector<std::string>& words, Arguments& arguments);

}  // namespace octet::cli
