// The options of quantize as lines of text, and back: those that decide what is written, not those
// of the run (threads, progress, sync).
#pragma once

#include <string>
#include <string_view>

#include "octet/options.hpp"

namespace octet::parts {

/// "option NAME VALUE" lines, all of them, in a fixed order; values are single words. Paths are
/// absolute.
std::string option_lines(const QuantizeOptions& options);

/// Sets the option of such a line, of which "option " is taken; false where it is none.
bool set_option(QuantizeOptions& options, std::string_view line);

}  // namespace octet::parts
