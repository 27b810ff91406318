// Numbers are taken only where they are small positive integers; all else declares nothing.
#include "formats/came_quantized/declared.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>

#include <nlohmann/json.hpp>

#include "checkpoint/declared_method.hpp"
#include "io/file.hpp"
#include "octet/error.hpp"

namespace octet::came_quantized {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMostConfigBytes = 16U << 20U;
constexpr std::uint64_t kMostNumber = 1U << 30U;
constexpr int kMostDepth = 64;

json parsed(std::string_view text) {
    bool too_deep = false;
    const auto watch = [&](int depth, json::parse_event_t, const json&) {
        too_deep = too_deep || depth > kMostDepth;
        return !too_deep;
    };
    json value = json::parse(text, watch, false);
    return too_deep || !value.is_object() ? json::object() : value;
}

json member(const json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_object() ? *found : json::object();
}

std::string text_in(const json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::optional<std::uint64_t> number_of(const json& value) {
    if (!value.is_number_unsigned() && !value.is_number_integer()) return std::nullopt;
    const auto number = value.get<std::int64_t>();
    if (number <= 0 || static_cast<std::uint64_t>(number) > kMostNumber) return std::nullopt;
    return static_cast<std::uint64_t>(number);
}

std::optional<std::uint64_t> number_in(const json& object, const char* key) {
    const auto found = object.find(key);
    return found == object.end() ? std::nullopt : number_of(*found);
}

void add_once(std::optional<std::uint64_t> number, std::vector<std::uint64_t>& numbers) {
    if (number && std::find(numbers.begin(), numbers.end(), *number) == numbers.end())
        numbers.push_back(*number);
}

std::optional<Dtype> dtype_named(std::string name) {
    if (name.starts_with("torch.")) name = name.substr(6);
    if (name == "float32" || name == "float") return Dtype::kF32;
    if (name == "float16" || name == "half") return Dtype::kF16;
    if (name == "bfloat16") return Dtype::kBF16;
    return std::nullopt;
}

std::optional<Dtype> dtype_in(const json& config) {
    for (const char* const key : {"torch_dtype", "dtype"}) {
        if (const auto dtype = dtype_named(text_in(config, key))) return dtype;
    }
    return std::nullopt;
}

void take_groups(const json& groups, Declared& declared) {
    for (const json& group : groups) {
        if (!group.is_object()) continue;
        const json weights = member(group, "weights");
        add_once(number_in(weights, "num_bits"), declared.bits);
        add_once(number_in(weights, "group_size"), declared.group_sizes);
        const auto block = weights.find("block_structure");
        if (block == weights.end() || !block->is_array() || block->size() != 2 ||
            !declared.block.empty())
            continue;
        const auto rows = number_of((*block)[0]);
        const auto columns = number_of((*block)[1]);
        if (rows && columns) declared.block = {*rows, *columns};
    }
}

/// "M": {"bits": 8, "group_size": 32} of MLX.
void take_modules(const json& object, Declared& declared) {
    for (const auto& [name, value] : object.items()) {
        if (!value.is_object()) continue;
        const auto bits = number_in(value, "bits");
        const auto group_size = number_in(value, "group_size");
        if (bits && group_size)
            declared.modules.try_emplace(name, QuantizedModule{*bits, *group_size});
    }
}

std::uint64_t first_number(const json& config, std::initializer_list<const char*> keys) {
    for (const char* const key : keys) {
        if (const auto number = number_in(config, key)) return *number;
    }
    return 0;
}

void take_sizes(const json& config, ModelSizes& sizes) {
    if (sizes.hidden != 0) return;
    sizes.hidden = first_number(config, {"d_model", "hidden_size", "n_embd"});
    sizes.feed_forward = first_number(config, {"d_ff", "intermediate_size", "n_inner"});
    const std::uint64_t heads = first_number(config, {"num_heads", "num_attention_heads"});
    const std::uint64_t of_each = first_number(config, {"d_kv", "head_dim"});
    sizes.heads = heads == 0 || of_each == 0 ? sizes.hidden : heads * of_each;
}

void take_object(const json& object, Declared& declared) {
    if (declared.format.empty())
        declared.format =
            text_in(object, object.contains("checkpoint_format") ? "checkpoint_format" : "format");
    add_once(number_in(object, "bits"), declared.bits);
    add_once(number_in(object, "w_bit"), declared.bits);
    add_once(number_in(object, "group_size"), declared.group_sizes);
    add_once(number_in(object, "q_group_size"), declared.group_sizes);
    const auto block = object.find("weight_block_size");
    if (block != object.end() && block->is_array() && block->size() == 2 &&
        declared.block.empty()) {
        const auto rows = number_of((*block)[0]);
        const auto columns = number_of((*block)[1]);
        if (rows && columns) declared.block = {*rows, *columns};
    }
    take_groups(member(object, "config_groups"), declared);
    take_modules(object, declared);
}

std::string text_of(const std::filesystem::path& path) {
    if (path.empty()) return "";
    try {
        return io::read_text_file(path, kMostConfigBytes);
    } catch (const Error&) {
        return "";
    }
}

}  // namespace

bool is_conv1d_of_gpt2(std::string_view name) {
    const std::array<std::string_view, 4> modules = {".attn.c_attn.weight", ".attn.c_proj.weight",
                                                     ".mlp.c_fc.weight", ".mlp.c_proj.weight"};
    return std::any_of(modules.begin(), modules.end(),
                       [&](std::string_view module) { return name.ends_with(module); });
}

Declared parse_declared(std::string_view config) {
    const json whole = parsed(config);
    Declared declared;
    declared.method = checkpoint::declared_method(config);
    declared.model_type = text_in(whole, "model_type");
    for (const json& model : {whole, member(whole, "text_config")}) {
        for (const char* const key : {"quantization_config", "compression_config", "quantization"})
            take_object(member(model, key), declared);
        if (!declared.dtype) declared.dtype = dtype_in(model);
        take_sizes(model, declared.sizes);
    }
    return declared;
}

Declared read_declared(const std::filesystem::path& config, const std::filesystem::path& beside) {
    Declared declared = parse_declared(text_of(config));
    take_object(parsed(text_of(beside)), declared);
    return declared;
}

}  // namespace octet::came_quantized
