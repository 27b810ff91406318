// Parts of the page that --report FILE.html is (html_file.cpp). Each writes a section of its own,
// or nothing where the document has nothing for it. Charts are SVG within the page, and what they
// show stands in a table, too.
#pragma once

#include <string_view>
#include <vector>

#include "report/document_parts.hpp"

namespace octet::report::html {

/// The one style sheet and the one script, and their hashes as a Content-Security-Policy has them.
extern const std::string_view kStyle;
extern const std::string_view kScript;
extern const std::string_view kPolicy;

/// Bytes before and after, by kind: bars and a table.
void add_sizes(Pieces& out, const Document& document);

/// SQNR against bits of the tensors in `order`.
void add_scatter(Pieces& out, const Document& document, const std::vector<std::size_t>& order);

/// What sizes can reach, with the chosen one marked.
void add_curve(Pieces& out, const Document& document);

/// Layers as a heat strip, and their SQNR by depth.
void add_layers(Pieces& out, const Document& document);

/// The table of the tensors in `order`.
void add_tensors(Pieces& out, const Document& document, const std::vector<std::size_t>& order);

}  // namespace octet::report::html
