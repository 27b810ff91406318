// What a file is that was given as safetensors and is none, told from its first bytes, and what to
// do about it. Nothing of such a file is read beyond those.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "io/file.hpp"

namespace octet::safetensors {

/// "is a Git LFS pointer, ...; run git lfs pull" for a file that begins like this; nothing for what
/// is unknown, or safetensors.
std::optional<std::string> foreign_format(std::string_view beginning);

/// The same of a file. Whatever keeps it from being read: nothing.
std::optional<std::string> foreign_format(const io::File& file);

/// True of a GGUF file, which octet reads in other ways. Whatever keeps it from being read: false.
bool begins_like_gguf(const io::File& file);

/// Throws kBadInput where the file is of a known format other than safetensors.
void refuse_foreign(const io::File& file);

}  // namespace octet::safetensors
