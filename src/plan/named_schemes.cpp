// The schemes that `octet plan --list-schemes` shows, best known ones of each number of bits. Axes
// are left out, as they follow from the tensor.
#include <array>
#include <string_view>

#include "octet/plan.hpp"

namespace octet {

std::vector<Scheme> named_schemes() {
    // Without axes, which follow from the tensor.
    static constexpr std::array<std::string_view, 52> kNames = {
        "u8-group32-f16",
        "u8-group64",
        "u8-group64-mse-f16",
        "u8-group64-f16",
        "u8-group18-mse-two",
        "u8-group18-two",
        "u8-group32-mse-two",
        "u8-group64-intzp-f16",
        "s8-group64-f16",
        "u8-group64-mse-two",
        "u8-channel",
        "s8-channel",
        "u8-mse",
        "s8-mse",
        "u8",
        "u8-trunc",
        "s8",
        "u6-group16-mse-two",
        "u6-group64-mse-f16",
        "u6-group64-f16",
        "u6-group18-mse-two",
        "u6-group32-mse-two",
        "u6-group64-mse-two",
        "u5-group64-mse-f16",
        "u5-group18-mse-two",
        "u5-group32-mse-two",
        "u5-group64-mse-two",
        "u4-group32-mse-f16",
        "u4-group32-f16",
        "u4-group64-mse-f16",
        "u4-group64-f16",
        "s4-group32-mse-f16",
        "u4-group18-mse-two",
        "u4-group18-two",
        "u4-group24-mse-two",
        "u4-group32-mse-two",
        "u4-group32-two",
        "u4-group64-intzp-mse-f16",
        "u4-group64-intzp-f16",
        "u4-group64-mse-two",
        "s4-group32-mse-two",
        "u4-channel",
        "u4-channel-mse-f16",
        "s4-channel-mse-f16",
        "u4-mse",
        "s4-mse",
        "u3-group64-mse-f16",
        "u3-group18-mse-two",
        "u3-group32-mse-two",
        "u3-group64-mse-two",
        "u2-group64-mse-f16",
        "u2-group18-mse-two",
    };
    std::vector<Scheme> schemes;
    for (const std::string_view name : kNames) schemes.push_back(*parse_scheme(name));
    return schemes;
}

}  // namespace octet
