// The new member is put before the last brace of a text that was parsed before.
#include "formats/compressed_tensors/config_text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "octet/error.hpp"

namespace octet::compressed_tensors {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kMostDepth = 32;
constexpr std::string_view kSpace = " \t\r\n";

Json parsed(std::string_view text) {
    bool too_deep = false;
    const auto watch = [&](int depth, Json::parse_event_t, const Json&) {
        too_deep = too_deep || depth > kMostDepth;
        return !too_deep;
    };
    Json config = Json::parse(text, watch, false);
    return too_deep || !config.is_object() ? Json() : config;
}

Json group_json(const ConfigGroup& group, Packing packing, bool by_name) {
    const Scheme& scheme = group.scheme;
    const bool has_groups = scheme.granularity == Granularity::kGroup;
    return {{"targets", by_name ? Json(group.modules) : Json::array({"Linear"})},
            {"weights",
             {{"num_bits", scheme.bits},
              {"type", "int"},
              {"symmetric", scheme.symmetric},
              {"strategy", has_groups ? "group" : "channel"},
              {"group_size", has_groups ? Json(scheme.group_size) : Json()},
              {"dynamic", false}}},
            {"input_activations", nullptr},
            {"output_activations", nullptr},
            {"format", packing_name(packing)}};
}

/// `text` with spaces in front of every line but the first.
std::string indented(std::string_view text, std::string_view spaces) {
    std::string out;
    for (const char c : text) {
        out += c;
        if (c == '\n') out += spaces;
    }
    return out;
}

}  // namespace

ModelConfig parse_config(std::string text, const std::string& name) {
    const Json config = parsed(text);
    if (!config.is_object()) throw Error(ErrorCode::kBadInput, name, "is no JSON object");
    for (const char* const key : {"quantization_config", "compression_config", "quantization"}) {
        if (config.contains(key))
            throw Error(
                ErrorCode::kBadInput, name,
                fmt::format(
                    "has a \"{}\" already: the model came quantized; give octet the original",
                    key));
    }
    const auto type = config.find("model_type");
    return {std::move(text),
            type != config.end() && type->is_string() ? type->get<std::string>() : ""};
}

bool are_one_group(const Scheme& a, const Scheme& b) noexcept {
    return a.bits == b.bits && a.symmetric == b.symmetric && a.granularity == b.granularity &&
           a.group_size == b.group_size;
}

std::string with_quantization(const ModelConfig& config, Packing packing,
                              const std::vector<ConfigGroup>& groups,
                              const std::vector<std::string>& ignore) {
    Json json_groups = Json::object();
    for (std::size_t i = 0; i < groups.size(); ++i)
        json_groups[fmt::format("group_{}", i)] = group_json(groups[i], packing, groups.size() > 1);
    const Json quantization = {{"quant_method", "compressed-tensors"},
                               {"format", packing_name(packing)},
                               {"quantization_status", "compressed"},
                               {"config_groups", std::move(json_groups)},
                               {"ignore", ignore},
                               {"kv_cache_scheme", nullptr},
                               {"global_compression_ratio", nullptr}};
    const std::size_t brace = config.text.rfind('}');
    const std::size_t last = config.text.find_last_not_of(kSpace, brace - 1);
    const bool is_empty = config.text[last] == '{';
    return fmt::format("{}{}\n  \"quantization_config\": {}\n{}",
                       std::string_view(config.text).substr(0, last + 1), is_empty ? "" : ",",
                       indented(quantization.dump(2), "  "),
                       std::string_view(config.text).substr(brace));
}

}  // namespace octet::compressed_tensors
