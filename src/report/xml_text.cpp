// Numeric references for quotes: HTML of any age and XML know them.
#include "report/xml_text.hpp"

#include "report/document_parts.hpp"

namespace octet::report {

std::string markup(std::string_view text) {
    std::string out;
    for (const char c : visible(text)) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&#34;";
                break;
            case '\'':
                out += "&#39;";
                break;
            default:
                out += c;
        }
    }
    return out;
}

}  // namespace octet::report
