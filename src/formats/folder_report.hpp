// The file `octet_report.json` in a folder of another engine's format: which files octet wrote
// there, and their checksums. It is written last. By it `verify FOLDER` holds every byte against
// what was written, and `--force` knows what may be replaced. Its last member is the checksum of
// all of its text before, as in a sidecar. Values; no files are held.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "io/held_folder.hpp"
#include "io/links.hpp"
#include "octet/report.hpp"

namespace octet::formats {

struct FolderReport {
    std::string generator;
    std::string format;                    ///< by its name in the table of formats
    std::uint64_t tensors = 0;             ///< of the source
    std::vector<FileReport> source_files;  ///< shard by shard
    std::vector<FileReport> files;         ///< data files, with checksums by pieces
    std::vector<FileReport> companions;    ///< all others but this one, with checksums as wholes
};

std::string folder_report_text(const FolderReport& report);

/// Not JSON, changed after it was written, a member missing or of the wrong type: kBadInput naming
/// `file_name`.
FolderReport parse_folder_report(std::string_view text, std::string_view file_name);

/// That of a folder, no name in which leads out of it. kBadInput, kIo.
FolderReport read_folder_report(const io::HeldFolder& folder, io::Links links = io::Links::kOwn);

/// Names of all the files, its own among them.
std::vector<std::string> file_names_of(const FolderReport& report);

}  // namespace octet::formats
