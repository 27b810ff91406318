// Byte-level BPE. llama.cpp cuts text before merging by one of the ways that it has names for;
// which one is the model's follows from the expressions in tokenizer.json, held against a table,
// because another way gives other tokens without a word.
#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.hpp"
#include "formats/gguf/tokenizer_keys.hpp"
#include "formats/gguf/tokenizer_text.hpp"
#include "io/file.hpp"
#include "octet/error.hpp"

namespace octet::gguf {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMostTokenizerBytes = 64U << 20U;

/// A way to cut text: what tokenizer.json says, and llama.cpp's name for it.
struct Cut {
    std::string_view pattern;  ///< empty: GPT-2's own, which "ByteLevel" has built in
    bool splits_digits;
    std::string_view name;
};

constexpr Cut kCuts[] = {
    {"", false, "gpt-2"},
    {"", true, "smollm"},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     false, "llama-bpe"},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     false, "qwen2"},
};

class Bpe {
  public:
    explicit Bpe(const TokenizerSource& source) : source_(source) {
        const fs::path json = source.folder / "tokenizer.json";
        has_json_ = io::exists(json);
        name_ = has_json_ ? json : source.folder / "vocab.json";
        if (has_json_) {
            text_ = parse_tokenizer(io::read_text_file(json, kMostTokenizerBytes), json.native());
        } else {
            text_ = parse_vocabulary(
                io::read_text_file(name_, kMostTokenizerBytes), name_.native(),
                io::read_text_file(source.folder / "merges.txt", kMostTokenizerBytes));
        }
        const bool is_bpe = text_.model_type == "BPE" && !text_.has_byte_fallback;
        if (!is_bpe) refuse("is no byte-level BPE, which is what octet takes from such a file");
        if (text_.merges.empty()) refuse("has no merges");
    }

    void add(Keys& keys) {
        place_tokens();
        keys.push_back({"tokenizer.ggml.model", std::string("gpt2")});
        keys.push_back({"tokenizer.ggml.pre", cut_name()});
        add_special_keys(source_, tokens_, keys);
        keys.push_back({"tokenizer.ggml.tokens", std::move(tokens_)});
        keys.push_back({"tokenizer.ggml.token_type", std::move(kinds_)});
        keys.push_back({"tokenizer.ggml.merges", std::move(text_.merges)});
    }

  private:
    [[noreturn]] void refuse(std::string_view what) const {
        throw Error(ErrorCode::kBadInput, printable(name_.native()),
                    std::string(what) + "; --arch none writes weights alone");
    }

    void place(const std::string& token, std::uint64_t number, TokenKind kind) {
        if (number >= tokens_.size())
            refuse(fmt::format("has token {} with number {}, and the embedding has {} rows",
                               in_quotes(token), with_commas(number), with_commas(tokens_.size())));
        tokens_[number] = token;
        kinds_[number] = static_cast<std::int32_t>(kind);
    }

    void place_tokens() {
        tokens_.resize(source_.rows);
        kinds_.assign(source_.rows, static_cast<std::int32_t>(TokenKind::kUnused));
        for (const auto& [token, number] : text_.tokens) place(token, number, TokenKind::kNormal);
        for (const AddedToken& one : text_.added)
            place(one.text, one.number,
                  one.is_special ? TokenKind::kControl : TokenKind::kUserDefined);
        for (const char* const key : {"bos_token_id", "eos_token_id", "pad_token_id"}) {
            const std::int64_t number = source_.config.token_or(key, -1);
            const bool is_there =
                number >= 0 && static_cast<std::uint64_t>(number) < tokens_.size();
            if (is_there && !tokens_[static_cast<std::size_t>(number)].empty())
                kinds_[static_cast<std::size_t>(number)] =
                    static_cast<std::int32_t>(TokenKind::kControl);
        }
        for (std::size_t i = 0; i < tokens_.size(); ++i) {
            if (tokens_[i].empty()) tokens_[i] = padding_token(i);
        }
        text_.tokens = {};
    }

    /// llama.cpp's name for how text is cut.
    std::string cut_name() const {
        if (!source_.pre.empty()) return source_.pre;
        if (!has_json_) return std::string(source_.architecture.name == "gpt2" ? "gpt-2" : "qwen2");
        for (const Cut& cut : kCuts) {
            const bool is_plain = cut.pattern.empty();
            const bool fits =
                is_plain ? text_.patterns.empty()
                         : text_.patterns.size() == 1 && text_.patterns.front() == cut.pattern;
            if (fits && cut.splits_digits == text_.splits_digits && has_byte_level())
                return std::string(cut.name);
        }
        refuse(fmt::format(
            "cuts text by {}, which octet knows no name of llama.cpp for; --pre NAME says it",
            text_.patterns.empty() ? in_quotes(fmt::format("{}", fmt::join(text_.cutters, ", ")))
                                   : in_quotes(text_.patterns.front())));
    }

    bool has_byte_level() const {
        return std::find(text_.cutters.begin(), text_.cutters.end(), "ByteLevel") !=
               text_.cutters.end();
    }

    const TokenizerSource& source_;
    bool has_json_ = false;
    fs::path name_;
    TokenizerText text_;
    std::vector<std::string> tokens_;
    std::vector<std::int32_t> kinds_;
};

}  // namespace

void add_bpe_keys(const TokenizerSource& source, Keys& keys) {
    Bpe(source).add(keys);
}

}  // namespace octet::gguf
