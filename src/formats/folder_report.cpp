// A small document: nlohmann/json reads it, and its seal is checked before anything is believed.
#include "formats/folder_report.hpp"

#include <nlohmann/json.hpp>

#include "base/json_text.hpp"
#include "base/set_names.hpp"
#include "base/text.hpp"
#include "formats/octet_set/sidecar.hpp"
#include "io/names.hpp"
#include "octet/error.hpp"

namespace octet::formats {
namespace {

using nlohmann::json;
using octet_set::kChecksumKey;
using octet_set::kPieceChecksumKey;

[[noreturn]] void fail(std::string_view file_name, std::string_view what) {
    throw Error(ErrorCode::kBadInput, printable(file_name),
                std::string(what) + "; restore it or quantize again");
}

void write_files(JsonWriter& writer, const std::vector<FileReport>& files,
                 std::string_view checksum_key) {
    writer.begin_array();
    for (const FileReport& file : files) {
        writer.begin_object().key("name").string(file.name).key("bytes").integer(file.byte_count);
        if (file.checksum) writer.key(checksum_key).string(checksum_text(*file.checksum));
        if (!file.sha256.empty()) writer.key("sha256").string(file.sha256);
        writer.end_object();
    }
    writer.end_array();
}

/// Every file has a checksum of that key, unless it is empty.
std::vector<FileReport> files_of(const json& array, std::string_view checksum_key) {
    std::vector<FileReport> files;
    for (const json& one : array.get_ref<const json::array_t&>()) {
        FileReport file{one.at("name").get<std::string>(), one.at("bytes").get<std::uint64_t>()};
        if (!checksum_key.empty()) {
            file.checksum =
                parse_checksum(one.at(std::string(checksum_key)).get_ref<const std::string&>());
            if (!file.checksum) throw Error(ErrorCode::kBadInput, "a checksum is none");
        }
        file.sha256 = one.value("sha256", "");
        files.push_back(std::move(file));
    }
    return files;
}

FolderReport report_of(const json& top) {
    FolderReport report;
    report.generator = top.at("generator").get<std::string>();
    report.format = top.at("format").get<std::string>();
    report.tensors = top.at("tensors").get<std::uint64_t>();
    report.source_files = files_of(top.at("source_files"), "");
    report.files = files_of(top.at("files"), kPieceChecksumKey);
    report.companions = files_of(top.at("companions"), kChecksumKey);
    return report;
}

}  // namespace

std::string folder_report_text(const FolderReport& report) {
    std::string text;
    JsonWriter writer(text, JsonWriter::Style::kLines);
    writer.begin_object();
    writer.key("generator").string(report.generator);
    writer.key("format").string(report.format);
    writer.key("tensors").integer(report.tensors);
    writer.key("source_files");
    write_files(writer, report.source_files, "");
    writer.key("files");
    write_files(writer, report.files, kPieceChecksumKey);
    writer.key("companions");
    write_files(writer, report.companions, kChecksumKey);
    text += ",\n  ";
    return text + octet_set::seal_of(text);
}

FolderReport parse_folder_report(std::string_view text, std::string_view file_name) {
    if (!octet_set::is_sealed(text))
        fail(file_name, "does not match its own checksum: it was changed after it was written");
    try {
        return report_of(json::parse(text));
    } catch (const json::exception&) {
        fail(file_name, "is not what octet writes");
    } catch (const Error& error) {
        fail(file_name, error.what());
    }
}

FolderReport read_folder_report(const io::HeldFolder& folder, io::Links links) {
    constexpr std::uint64_t kMostBytes = 16U << 20U;
    const std::filesystem::path path = folder.path_of(kFolderReportName);
    if (!folder.has(kFolderReportName))
        throw Error(ErrorCode::kBadInput, printable(path.native()), "not found");
    FolderReport report =
        parse_folder_report(folder.read_text(kFolderReportName, kMostBytes), path.native());
    for (const FileReport& file : report.files)
        io::check_plain_name(folder.path(), file.name, path.native(), links);
    for (const FileReport& file : report.companions)
        io::check_companion_name(folder.path(), file.name, path.native(), links);
    return report;
}

std::vector<std::string> file_names_of(const FolderReport& report) {
    std::vector<std::string> names{std::string(kFolderReportName)};
    for (const FileReport& file : report.files) names.push_back(file.name);
    for (const FileReport& file : report.companions) names.push_back(file.name);
    return names;
}

}  // namespace octet::formats
