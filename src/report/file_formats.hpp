// The formats of --report, one row each. To add one: a file NAME_file.cpp with its exporter, its
// declaration here, and a row in file_formats.cpp.
#pragma once

#include <span>
#include <string_view>

#include "report/document.hpp"

namespace octet::report {

/// Turns a document into the text of a file, in pieces.
using Exporter = void (*)(const Document& document, const TextSink& sink);

struct FileFormat {
    std::string_view ending;  ///< ".html", with which the file's name ends
    std::string_view help;    ///< what it is, a few words
    std::string_view mark;    ///< stands within the first 200 bytes of each such report
    Exporter write = nullptr;
};

std::span<const FileFormat> file_formats();

/// The format that the name of a file says, or null.
const FileFormat* file_format_of(std::string_view file_name);

void write_html_file(const Document& document, const TextSink& sink);
void write_markdown_file(const Document& document, const TextSink& sink);
void write_junit_file(const Document& document, const TextSink& sink);
void write_csv_file(const Document& document, const TextSink& sink);
void write_json_file(const Document& document, const TextSink& sink);

}  // namespace octet::report
