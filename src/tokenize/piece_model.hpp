// A SentencePiece unigram model (T. Kudo and J. Richardson, 2018), as the file spiece.model has it:
// a protobuf message whose fields are
//
//   1 pieces, one message each: 1 text, 2 score (float), 3 kind
//   2 trainer: 3 type of model, 24 white space is a suffix, 35 byte fallback, 44 what an unknown
//     piece reads as
//   3 normalizer and 5 denormalizer: 2 rules, 3 dummy prefix, 4 extra white space is removed, 5
//     white space is escaped
//
// Fields that octet does not use are skipped, whatever is in them. The file is hostile until proven
// otherwise: what a PieceModel promises was checked against its bytes, and everything else is
// refused (kBadInput) with the place.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace octet::tokenize {

enum class PieceKind : std::uint8_t {
    kNormal = 1,
    kUnknown,
    kControl,
    kUserDefined,
    kUnused,
    kByte
};

struct Piece {
    std::string_view text;  ///< UTF-8, 1 to kMostPieceBytes bytes, none of them zero
    float score = 0;        ///< finite: the logarithm of its probability
    PieceKind kind = PieceKind::kNormal;
};

struct NormalizerSpec {
    std::string_view
        rules;  ///< SentencePiece's precompiled_charsmap, unchecked (text_normalizer.hpp)
    bool has_dummy_prefix = true;
    bool removes_extra_spaces = true;
    bool escapes_spaces = true;
};

/// SentencePiece's trainer makes pieces of up to 16 characters, 512 if it is asked to.
inline constexpr std::size_t kMostPieceBytes = 1024;

/// Views of the file's bytes, which outlive it.
struct PieceModel {
    std::vector<Piece> pieces;  ///< by id; at least one that a text can have
    std::vector<std::uint32_t>
        order;  ///< all ids, by the bytes of their pieces, no two of which are the same
    std::uint32_t unknown = 0;  ///< the only piece of that kind
    std::vector<std::uint32_t>
        bytes;  ///< with byte fallback: the id of each of the 256 bytes; or else empty
    std::string_view unknown_surface = " \xE2\x81\x87 ";
    bool space_is_suffix = false;
    NormalizerSpec normalizer;
    NormalizerSpec denormalizer;  ///< used only where it has rules
};

/// Types of models, by their numbers in a file.
enum class PieceAlgorithm : std::uint8_t { kUnigram = 1, kBpe };

/// Reads the bytes of a spiece.model; `name` is the file's, for messages. Time and memory are in
/// proportion to `file`. Another type than `algorithm`: kBadInput.
PieceModel parse_piece_model(std::string_view file, std::string_view name,
                             PieceAlgorithm algorithm = PieceAlgorithm::kUnigram);

/// The byte that a piece such as "<0x0A>" stands for; -1 of any other.
int byte_of_piece(std::string_view text);

/// Throws kBadInput: "NAME: is not a SentencePiece model (WHY); fetch it again". `why` is
/// printable.
[[noreturn]] void refuse_piece_model(std::string_view name, const std::string& why);

}  // namespace octet::tokenize
