// statvfs of the folder that will hold the output.
#include "io/free_space.hpp"

#include <unistd.h>

#include <fmt/format.h>

#include "base/checked.hpp"
#include "base/text.hpp"
#include "io/system_calls.hpp"
#include "octet/error.hpp"

namespace octet::io {

void check_free_space(const Directory& folder, const std::filesystem::path& target,
                      std::uint64_t byte_count) {
    struct statvfs status {};
    if (system_calls().statvfs(folder.descriptor(), &status) != 0 || status.f_blocks == 0) return;
    // Blocks that are reserved for root are free for root.
    const std::uint64_t blocks = ::geteuid() == 0 ? status.f_bfree : status.f_bavail;
    const auto free_bytes = checked_multiply(blocks, status.f_frsize);
    if (!free_bytes || *free_bytes >= byte_count) return;
    throw Error(
        ErrorCode::kIo, printable(target.native()),
        fmt::format(
            "needs {}, and its file system has {} free; free some space or choose another target",
            full_size(byte_count), full_size(*free_bytes)));
}

}  // namespace octet::io
