// Globs are matched here, in linear time for each star; regular expressions are left to std::regex,
// which recurses for every character, so that long names are refused for it.
#include "base/pattern.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "octet/error.hpp"

namespace octet {
namespace {

/// std::regex recurses for every character: a name of some 100,000 bytes would end on the stack's
/// guard page.
constexpr std::size_t kMostRegexBytes = 1024;

/// Matches one set such as "[a-z]" at the start of `glob` against `c`; `length` becomes the set's
/// length, 0 if it does not end.
bool in_set(std::string_view glob, char c, std::size_t& length) {
    const bool inverted = glob.size() > 1 && glob[1] == '!';
    const std::size_t first = inverted ? 2 : 1;
    bool found = false;
    for (std::size_t i = first; i < glob.size(); ++i) {
        if (glob[i] == ']' && i > first) {
            length = i + 1;
            return found != inverted;
        }
        const bool range = i + 2 < glob.size() && glob[i + 1] == '-' && glob[i + 2] != ']';
        found = found || (range ? glob[i] <= c && c <= glob[i + 2] : glob[i] == c);
        if (range) i += 2;
    }
    length = 0;
    return false;
}

/// Linear in glob times name: on a mismatch only the last star is tried again.
bool glob_matches(std::string_view glob, std::string_view name) {
    std::size_t g = 0;
    std::size_t n = 0;
    std::size_t star = glob.npos;
    std::size_t star_name = 0;
    while (n < name.size()) {
        std::size_t length = 1;
        bool same = false;
        if (g < glob.size() && glob[g] == '*') {
            star = g++;
            star_name = n;
            continue;
        }
        if (g < glob.size() && glob[g] == '[') {
            same = in_set(glob.substr(g), name[n], length);
            if (length == 0) {
                same = name[n] == '[';
                length = 1;
            }
        } else if (g < glob.size()) {
            same = glob[g] == '?' || glob[g] == name[n];
        }
        if (same) {
            g += length;
            ++n;
        } else if (star != glob.npos) {
            g = star + 1;
            n = ++star_name;
        } else {
            return false;
        }
    }
    while (g < glob.size() && glob[g] == '*') ++g;
    return g == glob.size();
}

}  // namespace

Pattern::Pattern(std::string_view text, std::string_view option) : matcher_(std::string(text)) {
    if (!text.starts_with("re:")) return;
    try {
        matcher_ =
            std::regex(std::string(text.substr(3)), std::regex::ECMAScript | std::regex::optimize);
    } catch (const std::regex_error& error) {
        throw Error(ErrorCode::kUsage, option,
                    in_quotes(text) + " is not a regular expression: " + error.what() +
                        "; mend it, or give a glob");
    }
}

bool Pattern::matches(std::string_view name) const {
    if (const auto* glob = std::get_if<std::string>(&matcher_)) return glob_matches(*glob, name);
    if (name.size() > kMostRegexBytes) {
        throw Error(ErrorCode::kBadInput, "tensor " + in_quotes(name),
                    fmt::format("its name has {} bytes, more than the {} that a regular expression "
                                "is tried on; use a glob",
                                with_commas(name.size()), with_commas(kMostRegexBytes)));
    }
    return std::regex_match(name.begin(), name.end(), std::get<std::regex>(matcher_));
}

}  // namespace octet
