// Keys are copied under the names that config.json has, one function an architecture, and the
// tokenizer's arrays become the texts of vocab.json, merges.txt and spiece.model, so that their own
// readers check all of it.
#include "model/gguf_model.hpp"

#include <array>
#include <cstring>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "formats/gguf/arrangement.hpp"
#include "formats/gguf/read_values.hpp"
#include "octet/error.hpp"

namespace octet::model {
namespace {

using gguf::GgufSource;
using nlohmann::json;

const std::string& name_of(const GgufSource& source) {
    return source.files().front().name();
}

[[noreturn]] void refuse(const GgufSource& source, const std::string& what) {
    throw Error(ErrorCode::kBadInput, printable(name_of(source)), what);
}

/// Keys of one architecture by what follows its name, copied into a config.
class Keys {
  public:
    explicit Keys(const GgufSource& source)
        : source_(source),
          architecture_(gguf::text_of(gguf::find_key(source.keys(), "general.architecture"))) {}

    const std::string& architecture() const { return architecture_; }

    const gguf::ReadKey* find(std::string_view name) const {
        return gguf::find_key(source_.keys(), architecture_ + "." + std::string(name));
    }

    std::uint64_t number(std::string_view name) const {
        const std::optional<std::uint64_t> value = gguf::whole_number(find(name));
        if (!value)
            refuse(source_, fmt::format("has no key \"{}.{}\" with a number; fetch it again",
                                        architecture_, name));
        return *value;
    }

    std::uint64_t number_or(std::string_view name, std::uint64_t otherwise) const {
        return find(name) == nullptr ? otherwise : number(name);
    }

    double real(std::string_view name) const {
        const std::optional<double> value = gguf::number_of(find(name));
        if (!value)
            refuse(source_, fmt::format("has no key \"{}.{}\" with a number; fetch it again",
                                        architecture_, name));
        return *value;
    }

    /// `tokenizer.ggml.NAME`
    std::uint64_t token_or(std::string_view name, std::uint64_t otherwise) const {
        const std::string key = "tokenizer.ggml." + std::string(name);
        return gguf::whole_number(gguf::find_key(source_.keys(), key)).value_or(otherwise);
    }

  private:
    const GgufSource& source_;
    std::string architecture_;
};

std::uint64_t rows_of(const GgufSource& source, std::string_view embedding) {
    const std::optional<std::size_t> found = source.find(embedding);
    if (!found || source.tensors()[*found].shape.size() != 2)
        refuse(source,
               fmt::format("has no embedding {}; a file of several parts is named by its first",
                           in_quotes("token_embd.weight")));
    return source.tensors()[*found].shape.front();
}

bool has_head(const GgufSource& source) {
    return source.find("lm_head.weight").has_value();
}

json gpt2_config(const GgufSource& source, const Keys& keys) {
    return {{"model_type", "gpt2"},
            {"vocab_size", rows_of(source, "wte.weight")},
            {"n_embd", keys.number("embedding_length")},
            {"n_head", keys.number("attention.head_count")},
            {"n_layer", keys.number("block_count")},
            {"n_positions", keys.number("context_length")},
            {"n_inner", keys.number("feed_forward_length")},
            {"layer_norm_epsilon", keys.real("attention.layer_norm_epsilon")},
            {"eos_token_id", keys.token_or("eos_token_id", 50256)},
            {"tie_word_embeddings", !has_head(source)}};
}

/// Octet notes with which factor it scaled the norm before the head, and reading undoes it; of
/// other files a head that is the embedding has one.
bool scales_head(const GgufSource& source) {
    const gguf::ReadKey* const noted = gguf::find_key(source.keys(), gguf::kFoldedFactorKey);
    return noted == nullptr ? !has_head(source) : gguf::number_of(noted).value_or(1) != 1;
}

json t5_config(const GgufSource& source, const Keys& keys) {
    const bool is_gated =
        source.find("encoder.block.0.layer.1.DenseReluDense.wi_0.weight").has_value();
    return {
        {"model_type", "t5"},
        {"vocab_size", rows_of(source, "shared.weight")},
        {"d_model", keys.number("embedding_length")},
        {"num_heads", keys.number("attention.head_count")},
        {"d_kv", keys.number("attention.key_length")},
        {"d_ff", keys.number("feed_forward_length")},
        {"num_layers", keys.number("block_count")},
        {"num_decoder_layers", keys.number_or("decoder_block_count", keys.number("block_count"))},
        {"relative_attention_num_buckets", keys.number("attention.relative_buckets_count")},
        {"layer_norm_epsilon", keys.real("attention.layer_norm_rms_epsilon")},
        {"feed_forward_proj", is_gated ? "gated-gelu" : "relu"},
        {"tie_word_embeddings", !has_head(source)},
        {"scale_decoder_outputs", scales_head(source)},
        {"decoder_start_token_id", keys.number_or("decoder_start_token_id", 0)},
        {"eos_token_id", keys.token_or("eos_token_id", 1)}};
}

const gguf::ReadKey& need_array(const GgufSource& source, std::string_view name) {
    const gguf::ReadKey* const key =
        gguf::find_key(source.keys(), "tokenizer.ggml." + std::string(name));
    if (key == nullptr || key->type != gguf::ValueType::kArray)
        refuse(
            source,
            fmt::format("has no key \"tokenizer.ggml.{}\", so no tokenizer; give token ids", name));
    return *key;
}

std::vector<std::string> texts_of(const GgufSource& source, std::string_view name) {
    std::vector<std::string> texts;
    if (!gguf::for_each_text(source.files().front(), need_array(source, name),
                             [&](std::string&& text) { texts.push_back(std::move(text)); }))
        refuse(source,
               fmt::format("key \"tokenizer.ggml.{}\" is no array of strings; fetch the file again",
                           name));
    return texts;
}

std::vector<double> numbers_of(const GgufSource& source, std::string_view name,
                               std::uint64_t count) {
    std::optional<std::vector<double>> numbers =
        gguf::numbers_of(source.files().front(), need_array(source, name), count);
    if (!numbers || numbers->size() != count)
        refuse(
            source,
            fmt::format(
                "key \"tokenizer.ggml.{}\" has not a number for each of {} tokens; fetch the file "
                "again",
                name, with_commas(count)));
    return std::move(*numbers);
}

/// As vocab.json and merges.txt have it.
std::unique_ptr<tokenize::Tokenizer> byte_level_bpe(const GgufSource& source) {
    const std::string_view pre = gguf::text_of(gguf::find_key(source.keys(), "tokenizer.ggml.pre"));
    if (pre != "gpt-2")
        refuse(source,
               fmt::format(
                   "its tokenizer cuts text as {} does, and octet as \"gpt-2\"; give token ids",
                   in_quotes(pre)));
    const std::vector<std::string> tokens = texts_of(source, "tokens");
    std::string vocabulary = "{";
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        if (!is_utf8(tokens[i]))
            refuse(source, fmt::format("token {} is no UTF-8; fetch the file again", i));
        vocabulary += fmt::format("{}{}: {}", i > 0 ? ", " : "", json(tokens[i]).dump(), i);
    }
    vocabulary += "}";
    std::string merges = "#version: 0.2\n";
    for (const std::string& merge : texts_of(source, "merges")) merges += merge + "\n";
    return tokenize::make_byte_level_bpe(
        tokenize::parse_vocab_and_merges(vocabulary, name_of(source), merges, name_of(source)));
}

/// A message of protocol buffers as it grows.
class Message {
  public:
    void number(unsigned field, std::uint64_t value) {
        add_varint(field << 3U);
        add_varint(value);
    }
    void real(unsigned field, float value) {
        std::array<char, sizeof(float)> bytes{};
        std::memcpy(bytes.data(), &value, sizeof(float));
        add_varint(field << 3U | 5U);
        text_.append(bytes.data(), bytes.size());
    }
    void bytes(unsigned field, std::string_view value) {
        add_varint(field << 3U | 2U);
        add_varint(value.size());
        text_ += value;
    }
    const std::string& text() const noexcept { return text_; }

  private:
    void add_varint(std::uint64_t value) {
        for (; value >= 0x80; value >>= 7U) text_ += static_cast<char>(value | 0x80U);
        text_ += static_cast<char>(value);
    }

    std::string text_;
};

/// As spiece.model has it (tokenize/piece_model.hpp).
std::unique_ptr<tokenize::Tokenizer> sentence_pieces(const GgufSource& source) {
    constexpr double kUnused = 5;
    constexpr std::uint64_t kMostRules = 16U << 20U;
    const std::vector<std::string> tokens = texts_of(source, "tokens");
    const std::vector<double> scores = numbers_of(source, "scores", tokens.size());
    const std::vector<double> kinds = numbers_of(source, "token_type", tokens.size());
    Message model;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        if (kinds[i] == kUnused && tokens[i].starts_with("[PAD"))
            break;  // rows of the embedding without a piece
        Message piece;
        piece.bytes(1, tokens[i]);
        piece.real(2, static_cast<float>(scores[i]));
        piece.number(3, static_cast<std::uint64_t>(std::max(kinds[i], 0.0)));
        model.bytes(1, piece.text());
    }
    Message trainer;
    trainer.number(3, 1);  // unigram
    model.bytes(2, trainer.text());
    const auto flag_or = [&](std::string_view name) {
        return gguf::flag_of(gguf::find_key(source.keys(), "tokenizer.ggml." + std::string(name)))
            .value_or(true);
    };
    Message normalizer;
    if (const auto* const key =
            gguf::find_key(source.keys(), "tokenizer.ggml.precompiled_charsmap")) {
        std::string rules;
        const auto numbers = gguf::numbers_of(source.files().front(), *key, kMostRules);
        for (const double number : numbers.value_or(std::vector<double>()))
            rules += static_cast<char>(static_cast<int>(number));
        normalizer.bytes(2, rules);
    }
    normalizer.number(3, flag_or("add_space_prefix") ? 1 : 0);
    normalizer.number(4, flag_or("remove_extra_whitespaces") ? 1 : 0);
    model.bytes(3, normalizer.text());
    return tokenize::make_sentence_pieces(model.text(), name_of(source));
}

}  // namespace

Config config_of(const GgufSource& source) {
    const Keys keys(source);
    if (keys.architecture() == "gpt2")
        return parse_config(gpt2_config(source, keys).dump(), name_of(source));
    if (keys.architecture() == "t5")
        return parse_config(t5_config(source, keys).dump(), name_of(source));
    refuse(source, fmt::format("\"general.architecture\" is {}; octet runs \"gpt2\" and \"t5\"",
                               in_quotes(keys.architecture())));
}

std::unique_ptr<tokenize::Tokenizer> tokenizer_of(const GgufSource& source) {
    const std::string_view kind =
        gguf::text_of(gguf::find_key(source.keys(), "tokenizer.ggml.model"));
    if (kind == "gpt2") return byte_level_bpe(source);
    if (kind == "t5") return sentence_pieces(source);
    refuse(source,
           kind.empty() || kind == "none" || kind == "no_vocab"
               ? "has no tokenizer; give token ids"
               : fmt::format(
                     "has a tokenizer of the kind {}, which octet does not have; give token ids",
                     in_quotes(kind)));
}

}  // namespace octet::model
