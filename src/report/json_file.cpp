// --report FILE.json: the bytes that --json prints.
#include "report/file_formats.hpp"

namespace octet::report {

void write_json_file(const Document& document, const TextSink& sink) {
    sink(document.json(sink));
}

}  // namespace octet::report
