// A set is a folder with a sidecar, or a file of such a folder. Metadata of octet in a safetensors
// file without a sidecar tell that its codes are of no use alone.
#include "formats/octet_set/find_set.hpp"

#include "base/set_names.hpp"
#include "base/text.hpp"
#include "checkpoint/checkpoint.hpp"
#include "io/held_folder.hpp"
#include "io/output.hpp"
#include "octet/error.hpp"

namespace octet::octet_set {
namespace {

namespace fs = std::filesystem;

bool has_sidecar(const fs::path& folder) {
    return io::folder_has(folder, kSidecarName);
}

bool holds_codes(const fs::path& file) {
    return safetensors::has_octet_metadata(safetensors::read_header(io::File::open_for_reading(file)).metadata);
}

}  // namespace

fs::path find_set_folder(const fs::path& path) {
    if (io::kind_at(path) == io::EntryKind::kFolder && !has_sidecar(path)) {
        const bool unfinished = io::is_half_replaced(path);
        throw Error(ErrorCode::kBadInput, printable((path / kSidecarName).native()),
                    unfinished ? "not found: an interrupted run left the set half replaced; quantize to that folder "
                                 "again, with --force, to mend it"
                               : "not found; a folder without it is no set");
    }
    const checkpoint::Location location = checkpoint::locate(path);
    if (location.what == checkpoint::Location::What::kSet) return location.folder;
    if (location.what == checkpoint::Location::What::kFile && holds_codes(location.path)) return location.folder;
    throw Error(ErrorCode::kBadInput, printable(path.native()),
                "is not a quantized set; give a folder that octet quantize wrote");
}

bool is_set(const fs::path& path) {
    const checkpoint::Location location = checkpoint::locate(path);
    if (location.what == checkpoint::Location::What::kSet) return true;
    return location.what == checkpoint::Location::What::kFile && !location.is_folder && has_sidecar(location.folder) &&
           holds_codes(location.path);
}

}  // namespace octet::octet_set
