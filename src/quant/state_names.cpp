// The names of all tensors are looked through once, only those that could collide are kept.
#include "quant/state_names.hpp"

#include <algorithm>
#include <array>

namespace octet::quant {
namespace {

bool could_be_state(std::string_view name) {
    static constexpr std::array<std::string_view, 4> kSuffixes = {
        ".scale", ".zero_point", ".super_scale", ".super_zero_point"};
    while (name.ends_with('_')) name.remove_suffix(1);
    return std::any_of(kSuffixes.begin(), kSuffixes.end(),
                       [&](std::string_view s) { return name.ends_with(s); });
}

}  // namespace

StateNames::StateNames(std::size_t tensors,
                       const std::function<const std::string&(std::size_t)>& name_of) {
    for (std::size_t i = 0; i < tensors; ++i) {
        if (could_be_state(name_of(i))) taken_.insert(name_of(i));
    }
}

std::string StateNames::name_of(std::string_view tensor, std::string_view suffix) const {
    std::string name(tensor);
    name += suffix;
    while (!suffix.empty() && taken_.contains(name)) name += '_';
    return name;
}

}  // namespace octet::quant
