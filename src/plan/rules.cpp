// PATTERN=SCHEME, cut at the last `=`. A pattern is one of names (base/pattern) or `kind:NAME`; the
// first rule that matches a tensor decides, and a rule that decides nothing is an error.
#include "plan/rules.hpp"

#include <fmt/format.h>

#include "base/pattern.hpp"
#include "base/text.hpp"
#include "octet/error.hpp"
#include "quant/ggml/types.hpp"

namespace octet {
namespace {

constexpr std::string_view kKeep = "keep";

}  // namespace

std::string rule_scheme_name(const TensorRule& rule) {
    if (!rule.type.empty()) return rule.type;
    return rule.scheme ? scheme_name(*rule.scheme) : std::string(kKeep);
}

std::string rule_text(const TensorRule& rule) {
    return rule.match + "=" + rule_scheme_name(rule);
}

TensorRule parse_rule(std::string_view text) {
    const std::size_t equals = text.rfind('=');
    if (equals == text.npos || equals == 0)
        throw Error(ErrorCode::kUsage, "--rule",
                    in_quotes(text) + " is not of the form PATTERN=SCHEME");
    const std::string_view name = text.substr(equals + 1);
    TensorRule rule{std::string(text.substr(0, equals)), parse_scheme(name), ""};
    if (rule.scheme || name == kKeep) return rule;
    const ggml::TypeTraits* const type = ggml::find_type(name);
    if (type != nullptr && type->writable) {
        rule.type = type->name;
        return rule;
    }
    throw Error(
        ErrorCode::kUsage, "rule " + in_quotes(text),
        in_quotes(name) + " is no scheme; octet plan --list-schemes names some, keep copies");
}

}  // namespace octet

namespace octet::plan {
namespace {

constexpr std::string_view kKindPrefix = "kind:";

Kind kind_named(std::string_view name, const std::string& subject) {
    std::vector<std::string> names;
    for (int i = 0; i < kKindCount; ++i) {
        names.emplace_back(kind_name(static_cast<Kind>(i)));
        if (names.back() == name) return static_cast<Kind>(i);
    }
    const auto nearest = nearest_spelling(std::string(name), names);
    throw Error(ErrorCode::kUsage, subject,
                fmt::format("{} is not one of {}{}", in_quotes(name), fmt::join(names, ", "),
                            nearest ? "; did you mean " + *nearest + "?" : ""));
}

/// A rule's left side, understood.
class Matcher {
  public:
    Matcher(std::string_view match, const std::string& subject)
        : pattern_(match.starts_with(kKindPrefix) ? "*" : match, subject) {
        if (match.starts_with(kKindPrefix))
            kind_ = kind_named(match.substr(kKindPrefix.size()), subject);
    }

    bool matches(const TensorReport& tensor, std::string_view other_name) const {
        if (kind_) return tensor.kind == *kind_;
        return pattern_.matches(tensor.name) ||
               (!other_name.empty() && pattern_.matches(other_name));
    }

  private:
    Pattern pattern_;
    std::optional<Kind> kind_;
};

}  // namespace

std::vector<std::optional<std::size_t>> assign_rules(const std::vector<TensorRule>& rules,
                                                     const std::vector<TensorReport>& tensors,
                                                     const std::vector<std::string>& other_names) {
    std::vector<std::optional<std::size_t>> assigned(tensors.size());
    for (std::size_t number = 0; number < rules.size(); ++number) {
        const std::string subject = "rule " + in_quotes(rule_text(rules[number]));
        const Matcher matcher(rules[number].match, subject);
        std::size_t matched = 0;
        std::size_t decided = 0;
        for (std::size_t i = 0; i < tensors.size(); ++i) {
            if (!matcher.matches(tensors[i], other_names.empty() ? "" : other_names[i])) continue;
            ++matched;
            if (assigned[i]) continue;
            ++decided;
            assigned[i] = number;
        }
        if (matched == 0)
            throw Error(ErrorCode::kUsage, subject,
                        "matches no tensor; octet inspect INPUT lists their names");
        if (decided == 0)
            throw Error(ErrorCode::kUsage, subject,
                        fmt::format("matches {}, all of which earlier rules decide; put it before "
                                    "them or leave it out",
                                    counted(matched, "tensor")));
    }
    return assigned;
}

}  // namespace octet::plan
