// The table of methods, and what their files share.
#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "formats/came_quantized/decoder.hpp"

namespace octet::came_quantized {

std::span<const Method> methods() {
    static constexpr std::array<Method, 1> kMethods = {{
        {"fp8", claim_fp8, make_fp8},
    }};
    return kMethods;
}

std::string prefix_of(std::string_view name) {
    const std::size_t dot = name.rfind('.');
    return dot == name.npos ? std::string() : std::string(name.substr(0, dot + 1));
}

Dtype dtype_of(const Declared& declared, Dtype scale) noexcept {
    if (declared.dtype) return *declared.dtype;
    return scale == Dtype::kF16 || scale == Dtype::kBF16 ? scale : Dtype::kF32;
}

std::uint64_t count_of(const Shape& shape) noexcept {
    return element_count(shape).value_or(0);
}

std::optional<std::uint32_t> first_of(const Stored& stored, std::span<const std::string> names) {
    for (const std::string& name : names) {
        if (const auto found = stored.find(name)) return found;
    }
    return std::nullopt;
}

std::uint32_t needed(const Stored& stored, std::uint32_t codes, const std::string& name) {
    const auto found = stored.find(name);
    if (!found)
        stored.refuse(codes, fmt::format("came quantized, and {}, without which it cannot be restored, is missing; "
                                         "fetch the whole checkpoint",
                                         in_quotes(name)));
    return *found;
}

}  // namespace octet::came_quantized
