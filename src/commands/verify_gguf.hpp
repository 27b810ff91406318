// verify() of a GGUF file: its structure always, and of one that octet wrote every byte.
#pragma once

#include <filesystem>

#include "octet/verify.hpp"

namespace octet::commands {

/// As verify(); there is a GGUF file at `path`.
VerifyReport verify_gguf(const std::filesystem::path& path, const VerifyOptions& options);

}  // namespace octet::commands
