// The report by its own seal, then the files that it lists.
#include "commands/verify_folder.hpp"

#include "base/set_names.hpp"
#include "base/text.hpp"
#include "commands/verify_files.hpp"
#include "formats/folder_report.hpp"
#include "formats/octet_set/totals.hpp"
#include "io/held_folder.hpp"
#include "octet/error.hpp"

namespace octet::commands {
namespace {

namespace fs = std::filesystem;

VerifyReport check(const io::HeldFolder& folder, const VerifyOptions& options) {
    VerifyReport report;
    report.input = folder.path().native();
    try {
        const formats::FolderReport listed =
            formats::read_folder_report(folder, io::links_of(options.follow_links));
        report.format = listed.format;
        octet_set::Sidecar files;
        files.files = listed.files;
        files.companions = listed.companions;
        FileChecks checks(folder, files, options, report.findings, kFolderReportName);
        checks.check_data_files(octet_set::total_bytes(listed.files));
        checks.check_companions();
        report.totals.tensors = listed.tensors;
        report.totals.source_bytes = octet_set::total_bytes(listed.source_files);
        report.totals.output_bytes = octet_set::total_bytes(listed.files);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::kBadInput) throw;
        const auto what = after_subject(error.what(), folder.path_of(kFolderReportName));
        report.findings.push_back(
            {std::string(kFolderReportName), "", what.value_or(error.what())});
    }
    return report;
}

}  // namespace

bool is_reported_folder(const fs::path& path) {
    return io::folder_has(path, kFolderReportName) && !io::folder_has(path, kSidecarName);
}

VerifyReport verify_folder(const fs::path& path, const VerifyOptions& options) {
    if (options.source)
        throw Error(ErrorCode::kUsage, "--source",
                    "is of sets; octet compare holds other folders against their source");
    return io::read_held(path, [&](const io::HeldFolder& folder) {
        VerifyReport report = check(folder, options);
        if (!report.findings.empty() && folder.is_replaced())  // its files are being removed
            throw Error(ErrorCode::kBadInput, printable(path.native()),
                        "was replaced while it was read; try again");
        return report;
    });
}

}  // namespace octet::commands
