// A pipeline of several models (checkpoint/components.hpp) given to a command that takes one: the
// command runs on each component, one after the other, in one call.
#pragma once

#include <string>
#include <vector>

#include "cli/command.hpp"

namespace octet::cli {

/// The components of the first path of the command line; none where it is no pipeline, or the
/// command takes one model only.
std::vector<std::string> components_given(const Command& command, const Arguments& arguments);

/// Runs the command on each of them; of those that write, after the files that belong to all. With
/// --json the reports are the array `components` of one object. Returns the largest exit code; an
/// error ends it, and components that are done stay.
int run_components(Terminal& terminal, const Command& command, const Arguments& arguments,
                   const std::vector<std::string>& components);

}  // namespace octet::cli
