// Text inside of markup.
#pragma once

#include <string>
#include <string_view>

namespace octet::report {

/// `text` for content and quoted attributes of HTML and XML: visible(), and & < > " ' as
/// references.
std::string markup(std::string_view text);

}  // namespace octet::report
