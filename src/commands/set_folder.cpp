// A folder may be replaced when its sidecar lists every file in it, so that nothing that octet did
// not write is ever removed.
#include "commands/set_folder.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/set_names.hpp"
#include "base/text.hpp"
#include "formats/octet_set/quantized_set.hpp"
#include "octet/error.hpp"

namespace octet::commands {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse_out_dir(const fs::path& given, const std::string& what) {
    throw Error(ErrorCode::kUsage, printable(given.native()), what);
}

/// The files of the set at `target`, by its sidecar. kUsage where that is broken.
std::vector<std::string> files_of_old_set(const fs::path& target, const fs::path& given) {
    try {
        return octet_set::file_names_of(octet_set::read_sidecar(target));
    } catch (const Error& error) {
        if (error.code() != ErrorCode::kBadInput) throw;
        // What of it is the set's, nobody can say.
        refuse_out_dir(given, "holds a set whose sidecar is broken (octet verify says how); move it away first");
    }
}

}  // namespace

void check_is_no_file(const fs::path& target, const fs::path& given) {
    const io::EntryKind kind = io::kind_at(target);
    if (kind != io::EntryKind::kNothing && kind != io::EntryKind::kFolder)
        refuse_out_dir(given, "is a file; name a new or empty folder for the set");
}

std::vector<std::string> replaceable_files(const io::Output& output, const fs::path& target, const fs::path& given,
                                           bool force) {
    const io::Standing& standing = output.standing();
    const std::vector<std::string>& names = standing.names;
    if (names.empty()) return {};
    if (!std::binary_search(names.begin(), names.end(), kSidecarName))
        refuse_out_dir(given, fmt::format("is not empty ({}) and holds no set; name a new or empty folder",
                                          printable(names.front())));
    if (!force && standing.half_replaced)
        refuse_out_dir(given, "holds a set that an interrupted run left half replaced; --force replaces it");
    if (!force) refuse_out_dir(given, "holds a set already; --force replaces it");
    std::vector<std::string> own = standing.half_replaced ? *standing.half_replaced : files_of_old_set(target, given);
    const std::vector<std::string> others = output.strangers(own);
    if (!others.empty())
        refuse_out_dir(given, fmt::format("holds {}, which is not part of the set there; move it away first",
                                          in_quotes(others.front())));
    return own;
}

}  // namespace octet::commands
