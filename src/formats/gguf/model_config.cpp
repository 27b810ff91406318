// A member that is missing, or of another type than is asked for, is refused with the file's name
// and the key.
#include "formats/gguf/model_config.hpp"

#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "io/file.hpp"
#include "octet/error.hpp"

namespace octet::gguf {

using nlohmann::json;

struct ModelConfig::Node {
    json object;

    bool has(const char* key) const { return object.contains(key) && !object[key].is_null(); }
};

namespace {

constexpr std::uint64_t kMostConfigBytes = 16U << 20U;
constexpr std::int64_t kMostSize = std::numeric_limits<std::int32_t>::max();

std::string text_of(const json& value) {
    return in_quotes(value.dump(-1, ' ', false, json::error_handler_t::replace));
}

bool is_size(const json& value) {
    return value.is_number_unsigned() && value.get<std::uint64_t>() >= 1 &&
           value.get<std::uint64_t>() <= static_cast<std::uint64_t>(kMostSize);
}

}  // namespace

ModelConfig::ModelConfig(std::unique_ptr<Node> node, std::string name)
    : node_(std::move(node)), name_(std::move(name)) {}
ModelConfig::ModelConfig(ModelConfig&&) noexcept = default;
ModelConfig::~ModelConfig() = default;

ModelConfig ModelConfig::read(const std::filesystem::path& path) {
    if (!io::exists(path))
        throw Error(ErrorCode::kBadInput, printable(path.native()),
                    "not found; a GGUF file says what model it holds, so put the model's "
                    "config.json beside its "
                    "weights (--arch none writes weights alone)");
    return parse(io::read_text_file(path, kMostConfigBytes), path.native());
}

ModelConfig ModelConfig::parse(std::string_view text, std::string name) {
    auto node = std::make_unique<Node>(Node{json::parse(text, nullptr, false)});
    const bool is_object = node->object.is_object();
    ModelConfig config(std::move(node), std::move(name));
    if (!is_object) config.refuse("is not a JSON object; fetch it again");
    return config;
}

void ModelConfig::refuse(std::string_view what) const {
    throw Error(ErrorCode::kBadInput, printable(name_), std::string(what));
}

void ModelConfig::refuse_variant(const char* key, std::string_view computed) const {
    refuse(fmt::format(
        "\"{}\" is {}, which llama.cpp does not compute ({}); --arch none writes weights alone",
        key, shown(key), computed));
}

bool ModelConfig::has(const char* key) const {
    return node_->has(key);
}

std::string ModelConfig::shown(const char* key) const {
    return has(key) ? text_of(node_->object[key]) : "missing";
}

std::uint32_t ModelConfig::size(const char* key) const {
    if (!has(key)) refuse(fmt::format("has no \"{}\"; give the model's own config.json", key));
    const json& value = node_->object[key];
    if (!is_size(value))
        refuse(fmt::format("\"{}\" is {}, not a number from 1 to {}", key, text_of(value),
                           with_commas(kMostSize)));
    return value.get<std::uint32_t>();
}

std::uint32_t ModelConfig::size_or(const char* key, std::uint32_t otherwise) const {
    return has(key) ? size(key) : otherwise;
}

std::int64_t ModelConfig::token_or(const char* key, std::int64_t otherwise) const {
    if (!has(key)) return otherwise;
    const json& whole = node_->object[key];
    const json& value = whole.is_array() && !whole.empty() ? whole[0] : whole;
    if (!value.is_number_unsigned() ||
        value.get<std::uint64_t>() > static_cast<std::uint64_t>(kMostSize))
        refuse(fmt::format("\"{}\" is {}, not the number of a token", key, text_of(whole)));
    return value.get<std::int64_t>();
}

double ModelConfig::number_or(const char* key, double otherwise) const {
    if (!has(key)) return otherwise;
    const json& value = node_->object[key];
    if (!value.is_number() || !std::isfinite(value.get<double>()))
        refuse(fmt::format("\"{}\" is {}, not a number", key, text_of(value)));
    return value.get<double>();
}

bool ModelConfig::flag_or(const char* key, bool otherwise) const {
    if (!has(key)) return otherwise;
    const json& value = node_->object[key];
    if (!value.is_boolean())
        refuse(fmt::format("\"{}\" is {}, not true or false", key, text_of(value)));
    return value.get<bool>();
}

std::string ModelConfig::text_or(const char* key, std::string_view otherwise) const {
    if (!has(key)) return std::string(otherwise);
    const json& value = node_->object[key];
    if (!value.is_string()) refuse(fmt::format("\"{}\" is {}, not a string", key, text_of(value)));
    return value.get<std::string>();
}

bool ModelConfig::is_text(const char* key) const {
    return has(key) && node_->object[key].is_string();
}

ModelConfig ModelConfig::part(const char* key) const {
    auto node = std::make_unique<Node>(Node{json::object()});
    if (has(key)) node->object = node_->object[key];
    if (!node->object.is_object())
        refuse(fmt::format("\"{}\" is {}, not an object", key, shown(key)));
    return {std::move(node), name_};
}

std::vector<std::string> ModelConfig::texts(const char* key) const {
    std::vector<std::string> texts;
    if (!has(key)) return texts;
    const json& list = node_->object[key];
    if (!list.is_array()) refuse(fmt::format("\"{}\" is {}, not a list", key, text_of(list)));
    for (const json& one : list) {
        if (!one.is_string())
            refuse(fmt::format("\"{}\" holds {}, not a string", key, text_of(one)));
        texts.push_back(one.get<std::string>());
    }
    return texts;
}

}  // namespace octet::gguf
