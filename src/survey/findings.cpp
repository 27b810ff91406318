// Numbers come from files: each is held against the checkpoint.
#include "survey/findings.hpp"

#include <algorithm>

#include "octet/error.hpp"

namespace octet::survey {

void check_findings(const Findings& findings, std::size_t count) {
    const auto is_none = [&](std::uint32_t number) { return number >= count; };
    const bool is_wrong =
        (!findings.chosen.empty() && findings.chosen.size() != count) ||
        std::any_of(findings.kept.begin(), findings.kept.end(), is_none) ||
        std::any_of(findings.tied.begin(), findings.tied.end(),
                    [&](const auto& tie) { return is_none(tie.first) || is_none(tie.second); });
    if (is_wrong)
        throw Error(ErrorCode::kBadInput, "what was found out of the values",
                    "names tensors that the checkpoint lacks; it is of another one");
}

}  // namespace octet::survey
