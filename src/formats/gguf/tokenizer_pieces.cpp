// SentencePiece's unigram model, as T5 has it.
#include <fmt/format.h>

#include "base/text.hpp"
#include "formats/gguf/tokenizer_keys.hpp"
#include "io/file.hpp"
#include "octet/error.hpp"
#include "tokenize/piece_model.hpp"

namespace octet::gguf {
namespace {

constexpr std::uint64_t kMostPieceFileBytes = 32U << 20U;

/// What llama.cpp's converter gives to rows of the embedding that are no piece.
constexpr float kScoreOfPadding = -10000.0F;

}  // namespace

void add_piece_keys(const TokenizerSource& source, const std::filesystem::path& file, Keys& keys) {
    const std::string bytes = io::read_text_file(file, kMostPieceFileBytes);
    const tokenize::PieceModel model = tokenize::parse_piece_model(bytes, file.native());
    if (model.pieces.size() > source.rows)
        throw Error(ErrorCode::kBadInput, printable(file.native()),
                    fmt::format("has {} pieces, and the embedding has {} rows; --arch none writes weights alone",
                                with_commas(model.pieces.size()), with_commas(source.rows)));
    std::vector<std::string> tokens;
    std::vector<float> scores;
    std::vector<std::int32_t> kinds;
    for (const tokenize::Piece& piece : model.pieces) {
        tokens.emplace_back(piece.text);
        scores.push_back(piece.score);
        kinds.push_back(static_cast<std::int32_t>(piece.kind));
    }
    for (std::uint64_t i = tokens.size(); i < source.rows; ++i) {
        tokens.push_back(padding_token(i));
        scores.push_back(kScoreOfPadding);
        kinds.push_back(static_cast<std::int32_t>(TokenKind::kUnused));
    }
    keys.push_back({"tokenizer.ggml.model", std::string("t5")});
    keys.push_back({"tokenizer.ggml.pre", source.pre.empty() ? std::string("default") : source.pre});
    keys.push_back({"tokenizer.ggml.tokens", std::move(tokens)});
    keys.push_back({"tokenizer.ggml.scores", std::move(scores)});
    keys.push_back({"tokenizer.ggml.token_type", std::move(kinds)});
    keys.push_back({"tokenizer.ggml.add_space_prefix", model.normalizer.has_dummy_prefix});
    keys.push_back({"tokenizer.ggml.remove_extra_whitespaces", model.normalizer.removes_extra_spaces});
    const std::string_view rules = model.normalizer.rules;
    if (!rules.empty())
        keys.push_back({"tokenizer.ggml.precompiled_charsmap", std::vector<std::uint8_t>(rules.begin(), rules.end())});
    add_token_numbers(source.config, source.rows, keys);
    const bool has_unknown = source.config.token_or("unk_token_id", -1) >= 0;
    if (!has_unknown) keys.push_back({"tokenizer.ggml.unknown_token_id", model.unknown});
    keys.push_back({"tokenizer.ggml.add_bos_token", false});
    keys.push_back({"tokenizer.ggml.add_eos_token", true});
}

}  // namespace octet::gguf
