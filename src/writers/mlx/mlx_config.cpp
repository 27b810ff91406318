// Keys are added to the text: all that the model's own config says stays as it is written there.
#include "writers/mlx/mlx_config.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include "base/json_text.hpp"
#include "base/text.hpp"
#include "formats/gguf/model_config.hpp"
#include "io/file.hpp"
#include "octet/error.hpp"

namespace octet::writers {
namespace {

constexpr std::uint64_t kMostConfigBytes = 16U << 20U;
constexpr std::array<std::string_view, 4> kNotInMlx = {"t5", "mt5", "umt5", "longt5"};
constexpr std::string_view kSpace = " \t\r\n";

std::string quantization_text(const MlxModule& usual, const std::vector<MlxModule>& modules) {
    std::string text;
    JsonWriter json(text);
    const auto members = [&](const MlxModule& one) {
        json.key("group_size").integer(one.group_size).key("bits").integer(one.bits);
    };
    json.begin_object();
    members(usual);
    json.key("mode").string("affine");
    for (const MlxModule& module : modules) {
        if (module.is_like(usual)) continue;
        json.key(module.name).begin_object();
        members(module);
        json.end_object();
    }
    json.end_object();
    return text;
}

}  // namespace

MlxConfig MlxConfig::read(const std::filesystem::path& path, const std::string& input) {
    if (path.empty() || !io::exists(path))
        throw Error(ErrorCode::kBadInput, printable(input),
                    "has no config.json, by which mlx-lm knows the model; name the model's folder, "
                    "with its config.json");
    MlxConfig config;
    config.text_ = io::read_text_file(path, kMostConfigBytes);
    const auto parsed = gguf::ModelConfig::parse(config.text_, printable(path.native()));
    const std::string type = parsed.text_or("model_type", "");
    if (std::find(kNotInMlx.begin(), kNotInMlx.end(), type) != kNotInMlx.end())
        parsed.refuse(fmt::format(
            "says {}, which mlx-lm does not run; choose --format quanto, or --type for llama.cpp",
            in_quotes(type)));
    for (const char* const key : {"quantization", "quantization_config"}) {
        if (parsed.has(key))
            parsed.refuse(fmt::format(
                "has {}: its weights came quantized already; start from the original model",
                in_quotes(key)));
    }
    config.says_tie_ = parsed.has("tie_word_embeddings");
    config.model_.is_gpt2 = type == "gpt2";
    if (config.model_.is_gpt2 && !parsed.flag_or("tie_word_embeddings", true))
        parsed.refuse(
            "says that the head is not the embedding, and mlx-lm runs GPT-2 with one only; choose "
            "--type");
    config.model_.has_tied_head =
        config.model_.is_gpt2 || parsed.flag_or("tie_word_embeddings", false);
    if (config.model_.is_gpt2 && !parsed.has("n_ctx"))
        config.context_ = fmt::format("{}", parsed.size_or("n_positions", 1024));
    return config;
}

std::string MlxConfig::text(const MlxModule& usual, const std::vector<MlxModule>& modules,
                            bool has_head) const {
    std::string added;
    const auto add = [&](std::string_view key, std::string_view value) {
        added += fmt::format("{}\n  \"{}\": {}", added.empty() ? "" : ",", key, value);
    };
    if (!context_.empty()) add("n_ctx", context_);
    if (has_head && !says_tie_)
        add("tie_word_embeddings", "false");  // mlx-lm's models take the other for granted
    const std::string quantization = quantization_text(usual, modules);
    add("quantization", quantization);
    add("quantization_config", quantization);
    const std::size_t brace = text_.find_last_of('}');
    const std::size_t last = text_.find_last_not_of(kSpace, brace - 1);
    std::string text = text_.substr(0, last + 1);
    text += text_[last] == '{' ? "" : ",";
    return text + added + "\n" + text_.substr(brace);
}

}  // namespace octet::writers
