// Where an output will really stand: the parent's links are followed, and those of what is there
// already, so that a rename stays within one folder. A link that leads nowhere is refused.
#include <cerrno>
#include <system_error>

#include "base/text.hpp"
#include "io/file.hpp"
#include "io/output.hpp"
#include "octet/error.hpp"

namespace octet::io {

namespace fs = std::filesystem;

fs::path resolved_target(const fs::path& path) {
    std::error_code error;
    const fs::path absolute = fs::absolute(path, error).lexically_normal();
    const fs::path trimmed = absolute.has_filename() ? absolute : absolute.parent_path();
    if (kind_at(trimmed.parent_path()) != EntryKind::kFolder)
        throw Error(ErrorCode::kUsage, printable(path.native()),
                    "its parent folder does not exist; create it first");
    const fs::path parent = fs::canonical(trimmed.parent_path(), error);
    if (error) throw_io_error(path, "examine", error.value());
    if (kind_at(trimmed) == EntryKind::kNothing) {
        if (fs::is_symlink(fs::symlink_status(trimmed, error)))
            throw Error(ErrorCode::kUsage, printable(path.native()),
                        "is a link that leads nowhere; remove it");
        return parent / trimmed.filename();
    }
    const fs::path real = fs::canonical(trimmed, error);
    if (error) throw_io_error(path, "examine", error.value());
    return real;
}

}  // namespace octet::io
