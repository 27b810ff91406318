// Sorted, so that no order of a file system shows.
#include "io/folder_names.hpp"

#include <algorithm>

#include "io/file.hpp"

namespace octet::io {

namespace fs = std::filesystem;

std::vector<std::string> folder_names(const fs::path& folder, std::error_code& error) {
    std::vector<std::string> names;
    do {  // a signal can interrupt it anywhere: then from the beginning
        names.clear();
        error.clear();
        for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
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
