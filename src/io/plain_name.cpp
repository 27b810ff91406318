#include "io/plain_name.hpp"

#include <system_error>

#include <fmt/format.h>

#include "base/text.hpp"
#include "octet/error.hpp"

namespace octet::io {

bool stays_in(const std::filesystem::path& folder, const std::filesystem::path& path) {
    std::error_code error;
    const std::filesystem::path real_folder = std::filesystem::canonical(folder, error);
    const std::filesystem::path real_path = std::filesystem::canonical(path, error);
    return !error && real_path.parent_path() == real_folder;
}

void check_plain_name(const std::filesystem::path& folder, std::string_view name, std::string_view named_by) {
    const bool plain =
        !name.empty() && name != "." && name != ".." && name.find('/') == name.npos && name.find('\0') == name.npos;
    if (!plain) {
        throw Error(
            ErrorCode::kBadInput, printable(named_by),
            fmt::format("names the file {}, which is not a plain name; files must lie beside it", in_quotes(name)));
    }
    constexpr std::size_t kMostNameBytes = 255;  // of every file system that octet is likely to meet
    if (name.size() > kMostNameBytes) {
        throw Error(ErrorCode::kBadInput, printable(named_by),
                    fmt::format("names the file {}, whose name has {} bytes; {} are the most that a file can have",
                                in_quotes(name), with_commas(name.size()), kMostNameBytes));
    }
    std::error_code ignored;
    if (std::filesystem::is_symlink(std::filesystem::symlink_status(folder / name, ignored)) &&
        !stays_in(folder, folder / name)) {
        throw Error(ErrorCode::kBadInput, printable(named_by),
                    fmt::format("names the file {}, a link out of its folder; copy the file there", in_quotes(name)));
    }
}

}  // namespace octet::io
