// --report FILE.csv: a row a tensor, as RFC 4180 has it: commas, lines that end in CR LF, quotes
// where they are needed. A text that a spreadsheet would take for a formula gets an apostrophe in
// front.
#include <fmt/format.h>

#include "base/text.hpp"
#include "report/document_parts.hpp"
#include "report/file_formats.hpp"

namespace octet::report {
namespace {

constexpr std::string_view kColumns =
    "tensor,kind,dtype,shape,scheme,parameters,source_bytes,output_bytes,bits_each,sqnr_db,rmse,"
    "max_abs_error,bound,cosine,clipped,note";

std::string cell(std::string_view text) {
    std::string shown = visible(text);
    if (!shown.empty() && std::string_view("=+-@").find(shown.front()) != std::string_view::npos)
        shown.insert(0, 1, '\'');
    if (shown.find_first_of("\",") == shown.npos) return shown;
    std::string quoted = "\"";
    for (const char c : shown) quoted += c == '"' ? "\"\"" : std::string(1, c);
    return quoted + '"';
}

std::string number(const std::optional<double>& value) {
    return value ? statistic_text(*value) : "";
}

std::string dimensions(const Shape& shape) {
    return fmt::format("{}", fmt::join(shape, " x "));
}

}  // namespace

void write_csv_file(const Document& document, const TextSink& sink) {
    Pieces out(sink);
    out << kColumns << "\r\n";
    for (std::size_t i = 0; i < document.tensors; ++i) {
        const TensorRow t = document.tensor(i);
        out << fmt::format("{},{},{},{},{},{},{},{},", cell(t.name), t.kind, t.dtype,
                           dimensions(t.shape), cell(t.scheme), t.parameters, t.source_bytes,
                           t.output_bytes);
        out << fmt::format("{},{},{},{},{},{},{},{}\r\n", statistic_text(bits_each(t)),
                           number(t.sqnr_db), number(t.rmse), number(t.max_abs_error),
                           number(t.bound), number(t.cosine),
                           t.clipped ? fmt::format("{}", *t.clipped) : "", cell(t.note));
    }
    out.flush();
}

}  // namespace octet::report
