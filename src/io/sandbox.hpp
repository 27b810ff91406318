// What a program gives up before it parses a file from anywhere: from then on it opens nothing but
// what is in its table of paths, makes no connection and starts no program, whatever a hostile file
// makes it do. Landlock keeps it to the paths, seccomp keeps it from the calls; where the kernel
// has one of them or neither, the other or nothing happens. It holds for the calling thread and
// those it starts later.
//
// What it does not keep: it may still look at the names and attributes of any file (stat), read
// what is open already, and use time and memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace octet::io {

enum class Access : std::uint8_t {
    kRead,   ///< the file, or the folder and all below it
    kWrite,  ///< the same, and make, write, rename and remove files there
};

struct AllowedPath {
    std::filesystem::path path;  ///< links are followed now; nothing there: passed over
    Access access = Access::kRead;
};

/// What was put in place.
struct Sandbox {
    bool paths = false;  ///< by Landlock
    bool calls = false;  ///< by seccomp
};

/// Nothing but `allowed`, what loading a library of the system needs, and /dev/null. Cannot be
/// undone.
Sandbox enter_sandbox(const std::vector<AllowedPath>& allowed) noexcept;

}  // namespace octet::io
