// The table that --report looks up.
#include "report/file_formats.hpp"

#include <algorithm>

namespace octet::report {
namespace {

constexpr FileFormat kFormats[] = {
    {".html", "one page: charts, and a table to sort and filter", "content=\"octet ",
     write_html_file},
    {".md", "Markdown, for a pull request or a model card", "octet", write_markdown_file},
    {".xml", "JUnit: a test case for each gate and tensor", "\"octet ", write_junit_file},
    {".csv", "a row for each tensor", "tensor,kind,dtype,", write_csv_file},
    {".json", "what --json prints", "\"command\": \"", write_json_file},
};

}  // namespace

std::span<const FileFormat> file_formats() {
    return kFormats;
}

const FileFormat* file_format_of(std::string_view file_name) {
    const auto* const found =
        std::find_if(std::begin(kFormats), std::end(kFormats),
                     [&](const FileFormat& format) { return file_name.ends_with(format.ending); });
    return found == std::end(kFormats) ? nullptr : found;
}

}  // namespace octet::report
