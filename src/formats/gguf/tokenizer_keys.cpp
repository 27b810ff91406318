// Tokens are put in the order of their numbers, with fillers where the embedding has more rows;
// kinds, merges or scores follow, and the special tokens last.
#include "formats/gguf/tokenizer_keys.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "io/file.hpp"

namespace octet::gguf {
namespace {

constexpr std::uint64_t kMostTemplateBytes = 1U << 20U;

/// What tokenizer_config.json and config.json say of tokens that are no text.
class Specials {
  public:
    Specials(const TokenizerSource& source, const std::vector<std::string>& tokens)
        : source_(source), tokens_(tokens), own_(own_config()) {}

    void add(Keys& keys) const {
        add_number("bos_token", "bos_token_id", "tokenizer.ggml.bos_token_id", keys);
        add_number("eos_token", "eos_token_id", "tokenizer.ggml.eos_token_id", keys);
        add_number("unk_token", "unk_token_id", "tokenizer.ggml.unknown_token_id", keys);
        add_number("pad_token", "pad_token_id", "tokenizer.ggml.padding_token_id", keys);
        if (own_.has("add_bos_token"))
            keys.push_back({"tokenizer.ggml.add_bos_token", own_.flag_or("add_bos_token", false)});
        if (own_.has("add_eos_token"))
            keys.push_back({"tokenizer.ggml.add_eos_token", own_.flag_or("add_eos_token", false)});
        const std::string chat = chat_template();
        if (!chat.empty()) keys.push_back({"tokenizer.chat_template", chat});
    }

  private:
    ModelConfig own_config() const {
        const std::filesystem::path path = source_.folder / "tokenizer_config.json";
        return io::exists(path) ? ModelConfig::read(path) : ModelConfig::parse("{}", path.native());
    }

    void add_number(const char* name, const char* number, const char* key, Keys& keys) const {
        std::int64_t found = source_.config.token_or(number, -1);
        if (own_.has(name)) {
            const std::string text = own_.is_text(name) ? own_.text_or(name, "")
                                                        : own_.part(name).text_or("content", "");
            const auto token = std::find(tokens_.begin(), tokens_.end(), text);
            if (token != tokens_.end()) found = token - tokens_.begin();
        }
        if (found >= 0 && static_cast<std::uint64_t>(found) < tokens_.size())
            keys.push_back({key, static_cast<std::uint32_t>(found)});
    }

    std::string chat_template() const {
        if (own_.is_text("chat_template")) return own_.text_or("chat_template", "");
        const std::filesystem::path path = source_.folder / "chat_template.jinja";
        return io::exists(path) ? io::read_text_file(path, kMostTemplateBytes) : "";
    }

    const TokenizerSource& source_;
    const std::vector<std::string>& tokens_;
    ModelConfig own_;
};

}  // namespace

std::string padding_token(std::uint64_t number) {
    return fmt::format("[PAD{}]", number);
}

void add_special_keys(const TokenizerSource& source, const std::vector<std::string>& tokens,
                      Keys& keys) {
    Specials(source, tokens).add(keys);
}

void add_tokenizer_keys(const TokenizerSource& source, Keys& keys,
                        std::vector<std::string>& notes) {
    const auto is_there = [&](const char* name) { return io::exists(source.folder / name); };
    const bool is_t5 = source.architecture.name == "t5";
    if (is_t5 && is_there("spiece.model"))
        return add_unigram_keys(source, source.folder / "spiece.model", keys);
    if (!is_t5 && is_there("tokenizer.model"))
        return add_piece_bpe_keys(source, source.folder / "tokenizer.model", keys);
    if (!is_t5 &&
        (is_there("tokenizer.json") || (is_there("vocab.json") && is_there("merges.txt"))))
        return add_bpe_keys(source, keys);
    keys.push_back({"tokenizer.ggml.model", std::string("none")});
    const std::string key = std::string(source.architecture.name) + ".vocab_size";
    keys.push_back({key, static_cast<std::uint32_t>(source.rows)});
    notes.push_back(
        fmt::format("{}: no tokenizer of {} in it; the GGUF file runs on numbers of tokens alone",
                    printable(source.folder.native()), source.architecture.name));
}

}  // namespace octet::gguf
