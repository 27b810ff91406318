// Looks into `quantization_config` and its like, at the top and in `text_config`, and names the
// method that stands there.
#include "checkpoint/declared_method.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "arch/came_quantized.hpp"
#include "io/file.hpp"
#include "octet/error.hpp"

namespace octet::checkpoint {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMostConfigBytes = 1'000'000;
constexpr int kMostDepth = 32;

/// The object under that key, or one without members.
json member(const json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_object() ? *found : json::object();
}

std::string method_in(const json& config) {
    for (const char* const key : {"quantization_config", "compression_config"}) {
        const json declared = member(config, key);
        const auto method = declared.find("quant_method");
        if (method != declared.end() && method->is_string()) return method->get<std::string>();
    }
    return member(config, "quantization").contains("group_size") ? "mlx" : "";
}

std::string text_of(const std::filesystem::path& config) {
    if (config.empty()) return "";
    try {
        return io::read_text_file(config, kMostConfigBytes);
    } catch (const Error&) {
        return "";
    }
}

}  // namespace

std::string declared_method(std::string_view config) {
    bool too_deep = false;
    const auto watch = [&](int depth, json::parse_event_t, const json&) {
        too_deep = too_deep || depth > kMostDepth;
        return !too_deep;
    };
    const json parsed = json::parse(config, watch, false);
    if (too_deep || !parsed.is_object()) return "";
    const std::string method = method_in(parsed);
    return method.empty() ? method_in(member(parsed, "text_config")) : method;
}

std::filesystem::path config_of(const Checkpoint& checkpoint, io::Links links) {
    if (!checkpoint.is_folder) return {};
    const std::filesystem::path path = checkpoint.folder / "config.json";
    try {
        return io::may_follow(io::link_target(checkpoint.folder, path), links)
                   ? path
                   : std::filesystem::path();
    } catch (const Error&) {
        return {};
    }
}

std::string method_of(const Checkpoint& checkpoint, io::Links links) {
    return declared_method(text_of(config_of(checkpoint, links)));
}

void note_came_quantized(const std::vector<TensorReport>& tensors,
                         const std::filesystem::path& config, std::vector<std::string>& notes) {
    const auto is_state = [](const TensorReport& tensor) { return tensor.role == Role::kState; };
    if (std::none_of(tensors.begin(), tensors.end(), is_state)) return;
    notes.push_back(arch::came_quantized_note(tensors, declared_method(text_of(config))));
}

}  // namespace octet::checkpoint
