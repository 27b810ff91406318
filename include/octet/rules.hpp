// Rules: which tensors get which scheme, by name or by kind. The first rule that matches a tensor
// decides, before any preset and any other option. Plain values.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "octet/scheme.hpp"

namespace octet {

/// One rule.
struct TensorRule {
    /// A glob over tensor names (*, ?, [a-z], [!a-z]); or `re:` and a regular expression
    /// (ECMAScript) for the whole name; or `kind:` and the name of a kind ("weight", "embedding",
    /// ...).
    std::string match;
    std::optional<Scheme> scheme;  ///< empty: keep; the bytes are copied
    std::string type = {};         ///< of GGUF, in lower case ("q6_k"), instead of a scheme

    friend bool operator==(const TensorRule&, const TensorRule&) = default;
};

/// "keep", or the scheme's name.
std::string rule_scheme_name(const TensorRule& rule);

/// "PATTERN=SCHEME".
std::string rule_text(const TensorRule& rule);

/// The rule of the text "PATTERN=SCHEME", divided at the last '='. Any other text, or an unknown
/// scheme, is kUsage, which names it.
TensorRule parse_rule(std::string_view text);

/// Reads a file of rules: a JSON array of objects with exactly the members "match" and "scheme",
/// both strings. Throws Error: kBadInput (not found, or other JSON), kUsage (an unknown scheme),
/// kIo.
std::vector<TensorRule> read_rules(const std::filesystem::path& path);

}  // namespace octet
