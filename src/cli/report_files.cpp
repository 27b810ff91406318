// A report goes the way of every output (io/output.hpp): built in a hidden folder beside its place
// and renamed. What it may replace is an old report, and any file that the command line does not
// name and that does not lie in a folder which it names.
#include "cli/report_files.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "base/set_names.hpp"
#include "base/text.hpp"
#include "cli/confine.hpp"
#include "io/file.hpp"
#include "octet/error.hpp"
#include "report/file_formats.hpp"

namespace octet::cli {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const std::string& given, const std::string& what) {
    throw Error(ErrorCode::kUsage, "--report", fmt::format("{} {}", printable(given), what));
}

bool is_same_file(const fs::path& a, const fs::path& b) {
    std::error_code ignored;
    return fs::equivalent(a, b, ignored);
}

/// Paths of the command line that exist and are no reports.
std::vector<fs::path> other_paths(const std::vector<std::string>& words,
                                  const Arguments& arguments) {
    std::vector<std::string> reports = arguments.reports;
    std::vector<fs::path> others;
    std::error_code ignored;
    for (const std::string& word : words) {
        for (const fs::path& path : paths_in(word)) {
            const auto report = std::find(reports.begin(), reports.end(), path.native());
            if (report != reports.end()) {
                reports.erase(report);
            } else if (!path.empty() && fs::exists(path, ignored)) {
                others.push_back(path);
            }
        }
    }
    return others;
}

/// True where the file begins as a report of this format does.
bool is_old_report(const fs::path& target, const report::FileFormat& format) {
    const io::File file = io::File::open_for_reading(target);
    std::string beginning(std::min<std::uint64_t>(200, file.size()), '\0');
    file.read_at(std::as_writable_bytes(std::span(beginning)), 0);
    return beginning.find(format.mark) != beginning.npos;
}

void check_old(const std::string& given, const fs::path& target,
               const std::vector<fs::path>& others) {
    const io::EntryKind kind = io::kind_at(target);
    if (kind == io::EntryKind::kNothing) return;
    if (kind != io::EntryKind::kFile) refuse(given, "is no file; choose another name");
    for (const fs::path& other : others) {
        if (is_same_file(target, other))
            refuse(given, "is what the command reads or writes; choose another name");
        if (is_same_file(target.parent_path(), other) &&
            !is_old_report(target, *report::file_format_of(given)))
            refuse(given,
                   "would replace a file of that folder that is no report; choose another name");
    }
}

/// Folders whose content octet vouches for.
void check_folder(const Command& command, const std::string& given, const fs::path& target,
                  const Arguments& arguments) {
    const fs::path folder = target.parent_path();
    if (io::exists(folder / kSidecarName) || io::exists(folder / kFolderReportName))
        refuse(given,
               "lies in a folder that octet wrote, which holds nothing else; choose another place");
    if (is_octets_own(target.filename().native()))
        refuse(given, "is a name of octet's own; choose another one");
    if ((command.bit & kWriting) == 0) return;
    std::error_code ignored;
    const fs::path output = fs::weakly_canonical(fs::absolute(arguments.output, ignored), ignored);
    const fs::path written = output.has_filename() ? output : output.parent_path();
    for (fs::path above = target; above != above.parent_path(); above = above.parent_path()) {
        if (above == written)
            refuse(given, "lies in what the command writes; choose another place");
    }
}

}  // namespace

void check_report_places(const Command& command, const std::vector<std::string>& words,
                         const Arguments& arguments) {
    if (arguments.reports.empty()) return;
    const std::vector<fs::path> others = other_paths(words, arguments);
    std::vector<fs::path> targets;
    for (const std::string& given : arguments.reports) {
        const fs::path target = io::resolved_target(given);
        check_folder(command, given, target, arguments);
        check_old(given, target, others);
        if (std::find(targets.begin(), targets.end(), target) != targets.end())
            refuse(given, "is given twice");
        targets.push_back(target);
    }
}

struct ReportFiles::File {
    File(const std::string& path, bool sync)
        : target(io::resolved_target(path)),
          format(*report::file_format_of(path)),
          output(target, io::Output::Kind::kFile, target.filename().native(), sync, notes) {}

    fs::path target;
    const report::FileFormat& format;
    std::vector<std::string> notes;
    io::Output output;
};

ReportFiles::ReportFiles(Terminal& terminal, const Arguments& arguments)
    : terminal_(terminal), sync_(arguments.write.sync) {
    for (const std::string& path : arguments.reports)
        files_.push_back(std::make_unique<File>(path, sync_));
}

ReportFiles::~ReportFiles() = default;

void ReportFiles::write(const report::Document& document) {
    for (const std::unique_ptr<File>& file : files_) {
        try {
            const std::string name = file->target.filename().native();
            file->output.begin();
            file->output.build({name});
            for (const std::string& line : file->notes) terminal_.note(line);
            const io::File written = file->output.create(name, 0);
            std::uint64_t offset = 0;
            file->format.write(document, [&](std::string_view piece) {
                written.write_at(io::bytes_of(piece), offset);
                offset += piece.size();
            });
            if (sync_) written.sync();
            file->output.publish_files({name}, true);
        } catch (const Error& error) {
            throw Error(
                error.code(),
                fmt::format("the report was not written, all else is done: {}", error.what()));
        }
    }
}

}  // namespace octet::cli
