// A name is one component, or several with '/' between them, none of which is empty, `.`, `..` or
// too long; what it leads to may not be a link out of the folder. Lists are sorted, so that no
// order of a file system shows.
#include "io/names.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "base/text.hpp"
#include "io/file.hpp"
#include "io/subfolders.hpp"
#include "octet/error.hpp"

namespace octet::io {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(std::string_view named_by, std::string_view name,
                         const std::string& what) {
    throw Error(ErrorCode::kBadInput, printable(named_by),
                fmt::format("names the file {}, {}", in_quotes(name), what));
}

void check_length(std::string_view part, std::string_view name, std::string_view named_by) {
    constexpr std::size_t kMostNameBytes =
        255;  // of every file system that octet is likely to meet
    if (part.size() <= kMostNameBytes) return;
    refuse(named_by, name,
           fmt::format("whose name has {} bytes; {} are the most that a file can have",
                       with_commas(part.size()), kMostNameBytes));
}

void check_link(const fs::path& root, const fs::path& path, std::string_view name,
                std::string_view named_by, Links links) {
    const LinkTarget target = link_target(root, path);
    if (may_follow(target, links)) return;
    refuse(named_by, name,
           target == LinkTarget::kNowhere ? "a link that leads nowhere; fetch the file again"
                                          : "a link out of its folder; copy the file there");
}

}  // namespace

void check_plain_name(const fs::path& folder, std::string_view name, std::string_view named_by,
                      Links links) {
    if (!is_plain_name(name))
        refuse(named_by, name, "which is not a plain name; files must lie beside it");
    check_length(name, name, named_by);
    check_link(folder, folder / name, name, named_by, links);
}

void check_companion_name(const fs::path& folder, std::string_view name, std::string_view named_by,
                          Links links) {
    const std::vector<std::string> parts = parts_of_name(name);
    if (parts.size() < 2) return check_plain_name(folder, name, named_by, links);
    const auto is_hidden = [](const std::string& part) { return part.starts_with('.'); };
    if (parts.size() > kMostNameParts || !std::all_of(parts.begin(), parts.end(), is_plain_name) ||
        std::any_of(parts.begin(), parts.end(), is_hidden))
        refuse(named_by, name,
               "which is not a plain name in a subfolder; files must lie beside it or below");
    fs::path path = folder;
    for (const std::string& part : parts) {
        check_length(part, name, named_by);
        path /= part;
        if (&part != &parts.back() && link_target(folder, path) != LinkTarget::kNone)
            refuse(named_by, name, "whose subfolder is a link; copy the folder there");
    }
    check_link(folder, path, name, named_by, links);
}

std::vector<std::string> folder_names(const fs::path& folder, std::error_code& error) {
    std::vector<std::string> names;
    do {  // a signal can interrupt it anywhere: then from the beginning
        names.clear();
        error.clear();
        for (fs::directory_iterator it(folder, error), end; !error && it != end;
             it.increment(error))
            names.push_back(it->path().filename().native());
    } while (error == std::errc::interrupted);
    if (error == std::errc::no_such_file_or_directory) error.clear();
    std::sort(names.begin(), names.end());
    return names;
}

std::vector<std::string> folder_names(const fs::path& folder) {
    std::error_code error;
    std::vector<std::string> names = folder_names(folder, error);
    if (error) throw_io_error(folder, "list", error.value());
    return names;
}

}  // namespace octet::io
