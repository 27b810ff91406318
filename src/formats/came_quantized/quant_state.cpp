// Every member is looked at before it is taken: the text comes from the file.
#include "formats/came_quantized/quant_state.hpp"

#include <cmath>

#include <nlohmann/json.hpp>

namespace octet::came_quantized {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMostBytes = 64U << 10U;
constexpr std::uint64_t kMostBlock = 1U << 30U;
constexpr std::uint64_t kMostDimensions = 8;
constexpr double kMostOffset = 1e30;

json parsed(const Stored& stored, std::uint32_t tensor) {
    const checkpoint::Tensor& given = stored[tensor];
    if (given.dtype != Dtype::kU8 || given.byte_count > kMostBytes)
        stored.refuse(tensor, "is no JSON text in U8, as quant_state is");
    std::string text(given.byte_count, '\0');
    stored.read(tensor, 0, std::as_writable_bytes(std::span(text)));
    const auto is_shallow = [](int depth, json::parse_event_t, const json&) { return depth <= 8; };
    json value = json::parse(text, is_shallow, false);
    if (!value.is_object()) stored.refuse(tensor, "is no JSON object, as quant_state is");
    return value;
}

/// A positive integer of at most `most`; absent or of another kind: 0.
std::uint64_t positive_in(const json& object, const char* key, std::uint64_t most) {
    const auto found = object.find(key);
    if (found == object.end() || !found->is_number_unsigned()) return 0;
    const auto number = found->get<std::uint64_t>();
    return number <= most ? number : 0;
}

std::string text_in(const json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Dtype dtype_named(const std::string& name) {
    if (name == "float16") return Dtype::kF16;
    return name == "bfloat16" ? Dtype::kBF16 : Dtype::kF32;
}

Shape shape_of(const Stored& stored, std::uint32_t tensor, const json& object) {
    const auto found = object.find("shape");
    Shape shape;
    bool fits = found != object.end() && found->is_array() && found->size() <= kMostDimensions;
    if (fits) {
        for (const json& dimension : *found) {
            fits = fits && dimension.is_number_unsigned();
            if (fits) shape.push_back(dimension.get<std::uint64_t>());
        }
    }
    if (!fits || !element_count(shape)) stored.refuse(tensor, "says no shape that a weight has");
    return shape;
}

}  // namespace

QuantState read_quant_state(const Stored& stored, std::uint32_t tensor) {
    const json object = parsed(stored, tensor);
    QuantState state;
    state.type = text_in(object, "quant_type");
    if (state.type != "nf4" && state.type != "fp4")
        stored.refuse(tensor, "says a quant_type that is neither nf4 nor fp4");
    state.block = positive_in(object, "blocksize", kMostBlock);
    if (state.block == 0) stored.refuse(tensor, "says no blocksize that a weight has");
    state.shape = shape_of(stored, tensor, object);
    state.dtype = dtype_named(text_in(object, "dtype"));
    if (!object.contains("nested_blocksize")) return state;
    state.nested_block = positive_in(object, "nested_blocksize", kMostBlock);
    const auto offset = object.find("nested_offset");
    const bool has_offset = offset != object.end() && offset->is_number() &&
                            std::abs(offset->get<double>()) <= kMostOffset;
    if (state.nested_block == 0 || !has_offset)
        stored.refuse(tensor, "says no nested_blocksize or nested_offset that scales have");
    state.nested_offset = static_cast<float>(offset->get<double>());
    return state;
}

}  // namespace octet::came_quantized
