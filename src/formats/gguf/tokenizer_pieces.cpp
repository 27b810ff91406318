// SentencePiece: the unigram model of T5, and the BPE of Llama 1 and 2, Mistral, Phi-3 and Gemma,
// whose further tokens tokenizer.json lists.
#include <fmt/format.h>

#include "base/text.hpp"
#include "formats/gguf/tokenizer_keys.hpp"
#include "formats/gguf/tokenizer_text.hpp"
#include "io/file.hpp"
#include "octet/error.hpp"
#include "tokenize/piece_model.hpp"

namespace octet::gguf {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMostPieceFileBytes = 32U << 20U;
constexpr std::uint64_t kMostTokenizerBytes = 64U << 20U;

/// What llama.cpp's converter gives to rows of the embedding that are no piece, and to tokens that
/// were added.
constexpr float kScoreOfPadding = -10000.0F;
constexpr float kScoreOfAdded = -1000.0F;

/// The three arrays, a row of the embedding each.
class Pieces {
  public:
    Pieces(const TokenizerSource& source, const fs::path& file, const tokenize::PieceModel& model)
        : source_(source), file_(file) {
        if (model.pieces.size() > source.rows)
            refuse(fmt::format("has {} pieces, and the embedding has {} rows",
                               with_commas(model.pieces.size()), with_commas(source.rows)));
        for (const tokenize::Piece& piece : model.pieces) {
            tokens_.emplace_back(piece.text);
            scores_.push_back(piece.score);
            kinds_.push_back(static_cast<std::int32_t>(piece.kind));
        }
        for (std::uint64_t i = tokens_.size(); i < source.rows; ++i) {
            tokens_.push_back(padding_token(i));
            scores_.push_back(kScoreOfPadding);
            kinds_.push_back(static_cast<std::int32_t>(TokenKind::kUnused));
        }
    }

    /// Those of tokenizer.json, where there is one.
    void add_further() {
        const fs::path json = source_.folder / "tokenizer.json";
        if (!io::exists(json)) return;
        const TokenizerText text =
            parse_tokenizer(io::read_text_file(json, kMostTokenizerBytes), json.native());
        for (const AddedToken& one : text.added) {
            if (one.number >= tokens_.size())
                refuse(fmt::format(
                    "has a token {} with number {} beside it, and the embedding has {} rows",
                    in_quotes(one.text), with_commas(one.number), with_commas(tokens_.size())));
            if (tokens_[one.number] == one.text) continue;
            tokens_[one.number] = one.text;
            scores_[one.number] = kScoreOfAdded;
            const TokenKind kind = one.is_special ? TokenKind::kControl : TokenKind::kUserDefined;
            kinds_[one.number] = static_cast<std::int32_t>(kind);
        }
    }

    void add(std::string_view model, Keys& keys) {
        keys.push_back({"tokenizer.ggml.model", std::string(model)});
        keys.push_back(
            {"tokenizer.ggml.pre", source_.pre.empty() ? std::string("default") : source_.pre});
        add_special_keys(source_, tokens_, keys);
        keys.push_back({"tokenizer.ggml.tokens", std::move(tokens_)});
        keys.push_back({"tokenizer.ggml.scores", std::move(scores_)});
        keys.push_back({"tokenizer.ggml.token_type", std::move(kinds_)});
    }

  private:
    [[noreturn]] void refuse(const std::string& what) const {
        throw Error(ErrorCode::kBadInput, printable(file_.native()),
                    what + "; --arch none writes weights alone");
    }

    const TokenizerSource& source_;
    const fs::path& file_;
    std::vector<std::string> tokens_;
    std::vector<float> scores_;
    std::vector<std::int32_t> kinds_;
};

bool has_key(const Keys& keys, std::string_view name) {
    for (const Key& key : keys) {
        if (key.name == name) return true;
    }
    return false;
}

/// Unless the model's own files say it.
void add_if_missing(std::string name, Value value, Keys& keys) {
    if (!has_key(keys, name)) keys.push_back({std::move(name), std::move(value)});
}

}  // namespace

void add_unigram_keys(const TokenizerSource& source, const fs::path& file, Keys& keys) {
    const std::string bytes = io::read_text_file(file, kMostPieceFileBytes);
    const tokenize::PieceModel model = tokenize::parse_piece_model(bytes, file.native());
    Pieces(source, file, model).add("t5", keys);
    keys.push_back({"tokenizer.ggml.add_space_prefix", model.normalizer.has_dummy_prefix});
    keys.push_back(
        {"tokenizer.ggml.remove_extra_whitespaces", model.normalizer.removes_extra_spaces});
    const std::string_view rules = model.normalizer.rules;
    if (!rules.empty())
        keys.push_back({"tokenizer.ggml.precompiled_charsmap",
                        std::vector<std::uint8_t>(rules.begin(), rules.end())});
    add_if_missing("tokenizer.ggml.unknown_token_id", model.unknown, keys);
    add_if_missing("tokenizer.ggml.add_bos_token", false, keys);
    add_if_missing("tokenizer.ggml.add_eos_token", true, keys);
}

void add_piece_bpe_keys(const TokenizerSource& source, const fs::path& file, Keys& keys) {
    const std::string bytes = io::read_text_file(file, kMostPieceFileBytes);
    const tokenize::PieceModel model =
        tokenize::parse_piece_model(bytes, file.native(), tokenize::PieceAlgorithm::kBpe);
    Pieces pieces(source, file, model);
    pieces.add_further();
    pieces.add("llama", keys);
    keys.push_back({"tokenizer.ggml.add_space_prefix", model.normalizer.has_dummy_prefix});
    add_if_missing("tokenizer.ggml.unknown_token_id", model.unknown, keys);
    add_if_missing("tokenizer.ggml.add_bos_token", true, keys);
    add_if_missing("tokenizer.ggml.add_eos_token", false, keys);
}

}  // namespace octet::gguf
