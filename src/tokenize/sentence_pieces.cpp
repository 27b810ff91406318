// T5's tokenizer: SentencePiece's unigram model (T. Kudo, "Subword regularization", 2018). Of all
// ways to write the normalized text as pieces, encode takes the one with the largest sum of scores
// (Viterbi); a character that is no piece costs 10 more than the worst piece. Sums are float and
// candidates double, compared in the order of SentencePiece 0.2.0, so equal scores are decided as
// there. Time is in proportion to the text, kMostPieceBytes steps a byte at most.
#include <algorithm>
#include <limits>
#include <vector>

#include "base/text.hpp"
#include "io/file.hpp"
#include "octet/error.hpp"
#include "tokenize/piece_model.hpp"
#include "tokenize/piece_trie.hpp"
#include "tokenize/text_normalizer.hpp"
#include "tokenize/tokenizer.hpp"

namespace octet::tokenize {
namespace {

constexpr std::uint64_t kMostFileBytes = 32U
                                         << 20U;  ///< T5's has 0.8 MB, a model of 250,000 pieces 5
constexpr std::string_view kSpace = "\xE2\x96\x81";  // U+2581
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr float kUnknownPenalty = 10.0F;

/// The ids, in order, of pieces that a text can have and that are of the kinds that `is_wanted`
/// takes.
template <typename IsWanted>
std::vector<std::uint32_t> ids_of(const PieceModel& model, IsWanted is_wanted) {
    std::vector<std::uint32_t> ids;
    for (const std::uint32_t id : model.order)
        if (is_wanted(model.pieces[id].kind)) ids.push_back(id);
    return ids;
}

bool is_text(PieceKind kind) {
    return kind == PieceKind::kNormal || kind == PieceKind::kUserDefined ||
           kind == PieceKind::kUnused;
}

bool is_symbol(PieceKind kind) {
    return kind == PieceKind::kUserDefined;
}

/// Bytes of the character that valid UTF-8 begins with.
std::size_t character_size(char lead) {
    const auto byte = static_cast<unsigned char>(lead);
    return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

class SentencePieces : public Tokenizer {
  public:
    SentencePieces(std::string file, std::string_view name)
        : file_(std::move(file)),
          model_(parse_piece_model(file_, name)),
          texts_(model_, ids_of(model_, is_text)),
          symbols_(model_, ids_of(model_, is_symbol)),
          no_symbols_(model_, {}),
          normalizer_(model_.normalizer, model_.space_is_suffix, symbols_, name),
          denormalizer_(model_.denormalizer, false, no_symbols_, name) {
        for (const Piece& piece : model_.pieces) {
            if (piece.kind != PieceKind::kNormal) continue;
            least_score_ = std::min(least_score_, piece.score);
            most_score_ = std::max(most_score_, piece.score);
        }
    }

    Ids encode(std::string_view text) const override {
        const std::string normalized = normalizer_.normalize(text);
        const std::vector<Step> ends = best_paths(normalized);
        Ids ids;  // from the end of the text to its beginning
        bool is_after_unknown = false;
        for (std::size_t end = normalized.size(); end > 0; end -= ends[end].size) {
            const std::uint32_t id = ends[end].id;
            const bool is_unknown = id == model_.unknown;
            if (is_unknown && !model_.bytes.empty()) {
                for (std::size_t i = 0; i < ends[end].size; ++i)
                    ids.push_back(
                        model_.bytes[static_cast<unsigned char>(normalized[end - 1 - i])]);
            } else if (!is_unknown || !is_after_unknown) {  // a run of unknown characters is one
                ids.push_back(id);
            }
            is_after_unknown = is_unknown;
        }
        std::reverse(ids.begin(), ids.end());
        return ids;
    }

    std::string decode(std::span<const std::uint32_t> ids) const override {
        std::string text;
        std::string bytes;  // of a run of byte pieces
        bool is_start = true;
        bool took_space = false;
        const NormalizerSpec& spec = model_.normalizer;
        for (const std::uint32_t id : ids) {
            if (id >= model_.pieces.size() || model_.pieces[id].kind == PieceKind::kControl)
                continue;
            std::string_view piece = model_.pieces[id].text;
            if (model_.pieces[id].kind == PieceKind::kByte) {
                bytes += static_cast<char>(byte_of_piece(piece));
                continue;
            }
            append_bytes(text, bytes);
            if (took_space || !text.empty()) is_start = false;
            took_space = false;
            if (id == model_.unknown) {
                text += model_.unknown_surface;
                continue;
            }
            if (is_start && (spec.has_dummy_prefix || spec.removes_extra_spaces) &&
                piece.starts_with(kSpace)) {
                piece.remove_prefix(kSpace.size());
                took_space =
                    !spec.removes_extra_spaces;  // which takes those of the next pieces, too
            }
            append_spaced(text, piece);
        }
        append_bytes(text, bytes);
        return mended_utf8(model_.denormalizer.rules.empty() ? text
                                                             : denormalizer_.normalize(text));
    }

  private:
    /// The last piece of the best way to a place in the text.
    struct Step {
        float score = 0;  ///< of the whole way
        std::uint32_t id = 0;
        std::uint32_t size = 0;  ///< bytes; 0: no way was found yet
    };

    std::vector<Step> best_paths(std::string_view text) const {
        std::vector<Step> ends(text.size() + 1);
        for (std::size_t start = 0; start < text.size();) {
            const std::size_t character = character_size(text[start]);
            const float here = ends[start].score;
            const auto offer = [&](double score, std::uint32_t id, std::size_t size) {
                Step& end = ends[start + size];
                if (end.size != 0 && !(score > static_cast<double>(end.score))) return;
                end = {static_cast<float>(score), id, static_cast<std::uint32_t>(size)};
            };
            bool has_character = false;
            texts_.for_each_prefix(text.substr(start), [&](std::size_t size, std::uint32_t id) {
                if (model_.pieces[id].kind == PieceKind::kUnused) return;
                offer(score_of(id, size) + static_cast<double>(here), id, size);
                has_character |= size == character;
            });
            if (!has_character)
                offer(least_score_ - kUnknownPenalty + here, model_.unknown, character);
            start += character;
        }
        return ends;
    }

    /// User-defined pieces have one that nearly always wins.
    double score_of(std::uint32_t id, std::size_t size) const {
        const Piece& piece = model_.pieces[id];
        if (piece.kind != PieceKind::kUserDefined) return piece.score;
        return static_cast<double>(static_cast<float>(size) * most_score_) - 0.1;
    }

    /// Moves bytes to the text; each that is of no character becomes U+FFFD.
    static void append_bytes(std::string& text, std::string& bytes) {
        for (std::string_view rest = bytes; !rest.empty();) {
            const std::size_t size = std::min(character_size(rest[0]), rest.size());
            const bool is_character = is_utf8(rest.substr(0, size));
            text += is_character ? rest.substr(0, size) : kReplacement;
            rest.remove_prefix(is_character ? size : 1);
        }
        bytes.clear();
    }

    static void append_spaced(std::string& text, std::string_view piece) {
        for (std::size_t at = 0; (at = piece.find(kSpace)) != piece.npos;
             piece.remove_prefix(at + kSpace.size()))
            text.append(piece.substr(0, at)).append(1, ' ');
        text += piece;
    }

    const std::string file_;
    const PieceModel model_;
    const PieceTrie texts_;
    const PieceTrie symbols_;
    const PieceTrie no_symbols_;
    const TextNormalizer normalizer_;
    const TextNormalizer denormalizer_;
    float least_score_ = std::numeric_limits<float>::max();
    float most_score_ = std::numeric_limits<float>::min();  // as SentencePiece has it
};

}  // namespace

std::unique_ptr<Tokenizer> make_sentence_pieces(std::string file, std::string_view name) {
    return std::make_unique<SentencePieces>(std::move(file), name);
}

std::unique_ptr<Tokenizer> open_sentence_pieces(const std::filesystem::path& folder) {
    const std::filesystem::path path = folder / "spiece.model";
    if (!io::exists(path)) {
        throw Error(ErrorCode::kBadInput, printable(folder.native()),
                    "has no tokenizer: no spiece.model; fetch it, or give token ids");
    }
    return make_sentence_pieces(io::read_text_file(path, kMostFileBytes), path.native());
}

}  // namespace octet::tokenize
