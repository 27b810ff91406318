// Names that stand in an index or a sidecar must not lead out of their folder.
#pragma once

#include <filesystem>
#include <string_view>

namespace octet::io {

/// True when `path`, links followed, lies in `folder` itself.
bool stays_in(const std::filesystem::path& folder, const std::filesystem::path& path);

/// Throws kBadInput, naming the file `named_by`, unless `name` is a plain file name without separators whose file in `folder`, if
/// there is one, is not behind a link out of it.
void check_plain_name(const std::filesystem::path& folder, std::string_view name, std::string_view named_by);

}  // namespace octet::io
