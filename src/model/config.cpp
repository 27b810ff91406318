// Members are read one by one with their bounds; what a network here does not do (another
// activation, a scaling of attention) is refused by name instead of being computed wrongly.
#include "model/config.hpp"

#include <cmath>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/set_names.hpp"
#include "base/text.hpp"
#include "io/file.hpp"
#include "octet/error.hpp"

namespace octet::model {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMostConfigBytes = 16U << 20U;
constexpr std::uint64_t kMostSize =
    1U << 24U;  ///< of any one dimension: beyond every model, and no product of two overflows

/// Reads members one by one, with the file's name and the key in every message.
class Reader {
  public:
    Reader(const json& object, std::string_view file_name)
        : object_(object), file_name_(file_name) {}

    [[noreturn]] void fail(std::string_view what) const {
        throw Error(ErrorCode::kBadInput, printable(file_name_), what);
    }

    bool has(const char* key) const { return object_.contains(key) && !object_[key].is_null(); }

    std::uint64_t size(const char* key) const {
        if (!has(key)) fail(fmt::format("has no \"{}\"; give the model's own config.json", key));
        const json& value = object_[key];
        if (!value.is_number_unsigned() || value.get<std::uint64_t>() < 1 ||
            value.get<std::uint64_t>() > kMostSize)
            fail(fmt::format("\"{}\" is {}, not a number from 1 to {}", key, shown(value),
                             with_commas(kMostSize)));
        return value.get<std::uint64_t>();
    }

    std::uint64_t size_or(const char* key, std::uint64_t otherwise) const {
        return has(key) ? size(key) : otherwise;
    }

    /// A token's number; a list (as generation_config has it) counts with its first.
    std::uint32_t token_or(const char* key, std::uint32_t otherwise) const {
        if (!has(key)) return otherwise;
        const json& value =
            object_[key].is_array() && !object_[key].empty() ? object_[key][0] : object_[key];
        if (!value.is_number_unsigned() || value.get<std::uint64_t>() > kMostSize)
            fail(fmt::format("\"{}\" is {}, not the number of a token", key, shown(value)));
        return static_cast<std::uint32_t>(value.get<std::uint64_t>());
    }

    float epsilon_or(const char* key, double otherwise) const {
        if (!has(key)) return static_cast<float>(otherwise);
        const json& value = object_[key];
        const float epsilon = value.is_number() ? static_cast<float>(value.get<double>()) : 0.0F;
        if (!(epsilon > 0) || !(epsilon < 1))
            fail(fmt::format("\"{}\" is {}, not a number between 0 and 1", key, shown(value)));
        return epsilon;
    }

    std::string text_or(const char* key, const std::string& otherwise) const {
        if (!has(key)) return otherwise;
        if (!object_[key].is_string())
            fail(fmt::format("\"{}\" is {}, not a string", key, shown(object_[key])));
        return object_[key].get<std::string>();
    }

    bool flag_or(const char* key, bool otherwise) const {
        if (!has(key)) return otherwise;
        if (!object_[key].is_boolean())
            fail(fmt::format("\"{}\" is {}, not true or false", key, shown(object_[key])));
        return object_[key].get<bool>();
    }

    /// A variant that changes the computation and that octet does not have.
    void refuse_unless(const char* key, bool supported) const {
        if (flag_or(key, supported) != supported)
            fail(fmt::format("\"{}\" is {}; octet runs models where it is {}", key, !supported,
                             supported));
    }

  private:
    static std::string shown(const json& value) {
        return in_quotes(value.dump(-1, ' ', false, json::error_handler_t::replace));
    }

    const json& object_;
    std::string_view file_name_;
};

Config gpt2_config(const Reader& reader) {
    Config config;
    config.family = checkpoint::Family::kGpt2;
    config.vocabulary = reader.size("vocab_size");
    config.width = reader.size("n_embd");
    config.heads = reader.size("n_head");
    config.layers = reader.size("n_layer");
    config.positions = reader.size("n_positions");
    config.inner = reader.size_or("n_inner", 4 * config.width);
    config.epsilon = reader.epsilon_or("layer_norm_epsilon", 1e-5);
    config.end_token = reader.token_or("eos_token_id", 50256);
    config.tied_head = reader.flag_or("tie_word_embeddings", true);
    if (config.width % config.heads != 0)
        reader.fail(fmt::format("\"n_embd\" {} is no multiple of \"n_head\" {}", config.width,
                                config.heads));
    config.head_width = config.width / config.heads;
    const std::string activation = reader.text_or("activation_function", "gelu_new");
    if (activation != "gelu_new" && activation != "gelu_pytorch_tanh") {
        reader.fail(fmt::format(
            "\"activation_function\" {} is not supported; octet runs GPT-2 with \"gelu_new\"",
            in_quotes(activation)));
    }
    reader.refuse_unless("scale_attn_weights", true);
    reader.refuse_unless("scale_attn_by_inverse_layer_idx", false);
    reader.refuse_unless("add_cross_attention", false);
    return config;
}

Config t5_config(const Reader& reader) {
    Config config;
    config.family = checkpoint::Family::kT5;
    config.vocabulary = reader.size("vocab_size");
    config.width = reader.size("d_model");
    config.heads = reader.size("num_heads");
    config.head_width = reader.size("d_kv");
    config.inner = reader.size("d_ff");
    config.layers = reader.size("num_layers");
    config.decoder_layers = reader.size_or("num_decoder_layers", config.layers);
    config.buckets = reader.size_or("relative_attention_num_buckets", 32);
    config.max_distance = reader.size_or("relative_attention_max_distance", 128);
    config.epsilon = reader.epsilon_or("layer_norm_epsilon", 1e-6);
    config.tied_head = reader.flag_or("tie_word_embeddings", true);
    config.head_by_file =
        reader.has("scale_decoder_outputs");  // as transformers 5 saves what was untied
    config.scaled_head = reader.flag_or("scale_decoder_outputs", config.tied_head);
    config.end_token = reader.token_or("eos_token_id", 1);
    config.start_token = reader.token_or("decoder_start_token_id", 0);
    if (config.start_token >= config.vocabulary) {
        reader.fail(fmt::format("\"decoder_start_token_id\" {} is beyond \"vocab_size\" {}",
                                config.start_token, config.vocabulary));
    }
    // Half of the buckets are for each direction, half of those for single distances (t5.cpp).
    if (config.buckets % 4 != 0 || config.max_distance <= config.buckets / 2) {
        reader.fail(fmt::format(
            "{} relative attention buckets up to distance {} are not supported; the number has to "
            "be a multiple of 4 and less than twice the distance",
            config.buckets, config.max_distance));
    }
    const std::string forward = reader.text_or("feed_forward_proj", "relu");
    if (forward == "relu") {
        config.activation = Activation::kRelu;
    } else if (forward == "gated-gelu") {
        config.activation = Activation::kGatedGelu;
    } else {
        reader.fail(
            fmt::format("\"feed_forward_proj\" {} is not supported; octet runs T5 with \"relu\" or "
                        "\"gated-gelu\"",
                        in_quotes(forward)));
    }
    return config;
}

}  // namespace

Config parse_config(std::string_view text, std::string_view file_name) {
    const json object = json::parse(text, nullptr, false);
    const Reader reader(object, file_name);
    if (!object.is_object()) reader.fail("is not a JSON object; fetch it again");
    if (!reader.has("model_type"))
        reader.fail("has no \"model_type\"; give the model's own config.json");
    const std::string type = reader.text_or("model_type", "");
    if (type == "gpt2") return gpt2_config(reader);
    if (type == "t5") return t5_config(reader);
    reader.fail(
        fmt::format("\"model_type\" is {}; octet runs \"gpt2\" and \"t5\"", in_quotes(type)));
}

Config read_config(const std::filesystem::path& folder) {
    const std::filesystem::path path = folder / "config.json";
    if (!io::exists(path)) {
        if (io::exists(folder / kSidecarName))
            throw Error(
                ErrorCode::kBadInput, printable(path.native()),
                fmt::format(
                    "not found: the set was made from a single file, or without its companions; "
                    "copy "
                    "config.json and the tokenizer of the original (vocab.json and merges.txt, or "
                    "tokenizer.json; of T5 spiece.model) into {}",
                    printable(folder.native())));
        throw Error(ErrorCode::kBadInput, printable(path.native()),
                    "not found; to run a model octet needs the config.json that belongs to it");
    }
    return parse_config(io::read_text_file(path, kMostConfigBytes), path.native());
}

}  // namespace octet::model
