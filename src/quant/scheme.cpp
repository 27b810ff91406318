#include "octet/scheme.hpp"

namespace octet {

std::string scheme_name(const Scheme& scheme) {
    return scheme.rounding == Rounding::kTruncate ? "u8-trunc" : "u8";
}

std::optional<Scheme> parse_scheme(std::string_view name) {
    for (const Rounding rounding : {Rounding::kNearest, Rounding::kTruncate}) {
        const Scheme scheme{rounding};
        if (scheme_name(scheme) == name) return scheme;
    }
    return std::nullopt;
}

}  // namespace octet
