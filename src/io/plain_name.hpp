// Names that stand in an index or a sidecar must not lead out of their folder.
#pragma once

#include <filesystem>
#include <string_view>

#include "io/links.hpp"

namespace octet::io {

/// Throws kBadInput, naming the file `named_by`, unless `name` is a plain file name without separators whose file in `folder`, if
/// there is one, is not behind a link that may not be followed (links.hpp).
void check_plain_name(const std::filesystem::path& folder, std::string_view name, std::string_view named_by,
                      Links links = Links::kOwn);

/// The same of a companion, which may lie in a subfolder: plain names with '/' between them, no folder of which is a link.
void check_companion_name(const std::filesystem::path& folder, std::string_view name, std::string_view named_by,
                          Links links = Links::kOwn);

}  // namespace octet::io
