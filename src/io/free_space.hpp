// Whether what a run is about to write can fit, asked before its first byte. The system's answer is
// a hint (other programs write too, some file systems compress, quotas are not in it), so it only
// ever refuses what is hopeless; files are reserved in full all the same.
#pragma once

#include <cstdint>
#include <filesystem>

#include "io/directory.hpp"

namespace octet::io {

/// Throws kIo, naming `target`, when the file system of `folder` says that it has less than
/// `byte_count` bytes free for this user. One that cannot say, or says that it has no blocks at
/// all, is believed to have room.
void check_free_space(const Directory& folder, const std::filesystem::path& target,
                      std::uint64_t byte_count);

}  // namespace octet::io
