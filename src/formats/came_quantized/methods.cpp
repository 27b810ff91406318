// The table of methods, and what their files share.
#include <algorithm>

#include <fmt/format.h>

#include "base/checked.hpp"
#include "base/text.hpp"
#include "formats/came_quantized/decoder.hpp"

namespace octet::came_quantized {

std::span<const Method> methods() {
    static constexpr std::array<Method, 10> kMethods = {{
        {"quanto", claim_quanto, make_quanto},
        {"mlx", claim_mlx, make_mlx},
        {"bitsandbytes", claim_nibbles, make_nibbles},
        {"bitsandbytes", claim_row_int8, make_row_int8},
        {"fp8", claim_fp8, make_fp8},
        {"compressed-tensors", claim_packed, make_packed},
        {"mxfp4", claim_fp4, make_fp4},
        {"compressed-tensors", claim_integers, make_integers},
        {"awq", claim_awq, make_awq},
        {"gptq", claim_gptq, make_gptq},
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
        stored.refuse(
            codes,
            fmt::format("came quantized, and {}, without which it cannot be restored, is missing; "
                        "fetch the whole checkpoint",
                        in_quotes(name)));
    return *found;
}

std::uint64_t group_size_of(const Declared& declared, std::uint64_t columns,
                            std::uint64_t groups) noexcept {
    if (groups == 0) return 0;
    if (groups == 1) return std::max<std::uint64_t>(columns, 1);
    for (const std::uint64_t size : declared.group_sizes) {
        if (divide_up(columns, size) == groups) return size;
    }
    return columns % groups == 0 ? columns / groups : 0;
}

void refuse_shape(const Stored& stored, std::uint32_t part, std::uint32_t codes) {
    stored.refuse(part, fmt::format("has the shape {}, which does not fit the codes {} of shape {}",
                                    shape_text(stored[part].shape), in_quotes(stored[codes].name),
                                    shape_text(stored[codes].shape)));
}

void check_floats(const Stored& stored, std::uint32_t part) {
    if (!FloatWindow::reads(stored[part].dtype))
        stored.refuse(part,
                      fmt::format("is {}, which no scale is", dtype_name(stored[part].dtype)));
}

void check_integers(const Stored& stored, std::uint32_t part) {
    if (!IntegerWindow::reads(stored[part].dtype))
        stored.refuse(part, fmt::format("is {}, not of integers", dtype_name(stored[part].dtype)));
}

void read_bit_string(const Stored& stored, std::uint32_t tensor, std::uint64_t base,
                     std::uint64_t first, std::uint64_t bits, std::span<std::uint8_t> codes) {
    constexpr std::uint64_t kCodes = 4096;
    std::array<std::byte, kCodes + 2> buffer;
    const auto mask = (1U << bits) - 1U;
    for (std::uint64_t done = 0; done < codes.size(); done += kCodes) {
        const std::uint64_t count = std::min<std::uint64_t>(kCodes, codes.size() - done);
        const std::uint64_t begin = (first + done) * bits;
        const std::uint64_t end = begin + count * bits;
        const std::uint64_t size = divide_up(end, 8) - begin / 8;
        stored.read(tensor, base + begin / 8, std::span(buffer).first(size));
        buffer[size] = std::byte{0};
        for (std::uint64_t i = 0, bit = begin % 8; i < count; ++i, bit += bits) {
            const auto low = std::to_integer<unsigned>(buffer[bit / 8]);
            const auto high = std::to_integer<unsigned>(buffer[bit / 8 + 1]);
            codes[done + i] = static_cast<std::uint8_t>(((low | high << 8U) >> bit % 8) & mask);
        }
    }
}

}  // namespace octet::came_quantized
