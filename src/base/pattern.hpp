// A pattern over tensor names: a glob (* any run, ? any character, [a-z] [!a-z] sets), or `re:` and
// a regular expression (ECMAScript) that must match the whole name.
#pragma once

#include <regex>
#include <string>
#include <string_view>
#include <variant>

namespace octet {

class Pattern {
  public:
    /// A regular expression that cannot be compiled: kUsage naming `option`.
    Pattern(std::string_view text, std::string_view option);

    /// A name too long for a regular expression (1,024 bytes) is kBadInput; globs take any.
    bool matches(std::string_view name) const;

  private:
    std::variant<std::string, std::regex> matcher_;
};

}  // namespace octet
