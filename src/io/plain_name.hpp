// Names that stand in an index or a sidecar must not lead out of their folder.
#pragma once

#include <filesystem>
#include <string_view>

namespace octet::io {

/// Of a name that `folder` lists: true when it is a regular file, or a link to one that lies in `folder` itself. False for a folder, a link out
/// of `folder` or one that leads nowhere. Whatever else keeps it from being told: kIo.
bool has_own_file(const std::filesystem::path& folder, std::string_view name);

/// Throws kBadInput, naming the file `named_by`, unless `name` is a plain file name without separators whose file in `folder`, if
/// there is one, is not behind a link out of it.
void check_plain_name(const std::filesystem::path& folder, std::string_view name, std::string_view named_by);

}  // namespace octet::io
