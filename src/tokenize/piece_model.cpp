// The protobuf message is walked by hand with every length checked against what is left; the last
// value of a field counts, as protobuf has it. What octet does not compute (other model types,
// other normalizers' settings) is refused.
#include "tokenize/piece_model.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "base/text.hpp"
#include "octet/error.hpp"

namespace octet::tokenize {
namespace {

constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

enum class WireType : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct Field {
    std::uint64_t number = 0;
    WireType type = WireType::kVarint;
    std::uint64_t value = 0;   ///< of kVarint and kFixed32
    std::string_view content;  ///< of kBytes
    std::size_t at = 0;        ///< in the file
};

/// The fields of a message (https://protobuf.dev/programming-guides/encoding), one by one, none
/// beyond its end.
class Message {
  public:
    Message(std::string_view file, std::string_view content, std::string_view name)
        : content_(content),
          start_(static_cast<std::size_t>(content.data() - file.data())),
          name_(name) {}

    /// The next field; false at the end.
    bool next(Field& field) {
        if (at_ == content_.size()) return false;
        field.at = start_ + at_;
        const std::uint64_t tag = varint();
        field.number = tag >> 3U;
        if (field.number == 0 || tag > kNone) refuse(field.at, "no field has such a number");
        field.type = static_cast<WireType>(tag & 7U);
        switch (field.type) {
            case WireType::kVarint:
                field.value = varint();
                break;
            case WireType::kFixed64:
                take(8);
                break;
            case WireType::kBytes:
                field.content = take(varint());
                break;
            case WireType::kFixed32:
                field.value = little_endian(take(4));
                break;
            default:
                refuse(field.at, "no field has the wire type " + std::to_string(tag & 7U));
        }
        return true;
    }

    /// What a field of that type holds.
    std::string_view content(const Field& field) const {
        return of_type(field, WireType::kBytes).content;
    }
    std::uint64_t number(const Field& field) const {
        return of_type(field, WireType::kVarint).value;
    }
    bool flag(const Field& field) const { return number(field) != 0; }
    float decimal(const Field& field) const {
        return std::bit_cast<float>(
            static_cast<std::uint32_t>(of_type(field, WireType::kFixed32).value));
    }

  private:
    const Field& of_type(const Field& field, WireType type) const {
        if (field.type == type) return field;
        refuse(field.at, "field " + std::to_string(field.number) + " has the wire type " +
                             std::to_string(static_cast<int>(field.type)) + " instead of " +
                             std::to_string(static_cast<int>(type)));
    }

    std::uint64_t varint() {
        const std::size_t begin = start_ + at_;
        std::uint64_t value = 0;
        for (unsigned shift = 0; at_ < content_.size(); shift += 7) {
            const std::uint64_t byte = static_cast<unsigned char>(content_[at_++]);
            if (shift == 63 && byte > 1) refuse(begin, "a number does not fit 64 bits");
            value |= (byte & 0x7FU) << shift;
            if (byte < 0x80) return value;
        }
        refuse(begin, "a number is cut off");
    }

    std::string_view take(std::uint64_t size) {
        const std::size_t left = content_.size() - at_;
        if (size > left)
            refuse(start_ + at_, counted(size, "byte") + " should follow, and " +
                                     with_commas(left) + " are left");
        at_ += size;
        return content_.substr(at_ - size, size);
    }

    static std::uint64_t little_endian(std::string_view bytes) {
        std::uint64_t value = 0;
        for (std::size_t i = bytes.size(); i-- > 0;)
            value = value << 8U | static_cast<unsigned char>(bytes[i]);
        return value;
    }

    [[noreturn]] void refuse(std::size_t at, const std::string& why) const {
        refuse_piece_model(name_, "at byte " + with_commas(at) + ": " + why);
    }

    std::string_view content_;
    std::size_t start_;  ///< in the file
    std::string_view name_;
    std::size_t at_ = 0;
};

/// Reads the messages into a PieceModel. As protobuf has it, the last value of a field counts.
class Parser {
  public:
    Parser(std::string_view file, std::string_view name, PieceAlgorithm algorithm)
        : file_(file), name_(name), algorithm_(algorithm) {}

    PieceModel parse() {
        Message message = open(file_);
        for (Field field; message.next(field);) {
            switch (field.number) {
                case 1:
                    add_piece(message.content(field));
                    break;
                case 2:
                    read_trainer(message.content(field));
                    break;
                case 3:
                    read_normalizer(message.content(field), model_.normalizer);
                    break;
                case 5:
                    read_normalizer(message.content(field), model_.denormalizer);
                    break;
                default:
                    break;
            }
        }
        check_kinds();
        sort();
        return std::move(model_);
    }

  private:
    Message open(std::string_view content) const { return {file_, content, name_}; }

    void add_piece(std::string_view content) {
        Piece piece;
        Message message = open(content);
        for (Field field; message.next(field);) {
            switch (field.number) {
                case 1:
                    piece.text = message.content(field);
                    break;
                case 2:
                    piece.score = message.decimal(field);
                    break;
                case 3:
                    piece.kind = kind_of(message.number(field));
                    break;
                default:
                    break;
            }
        }
        if (piece.text.empty()) refuse("has no text");
        if (piece.text.size() > kMostPieceBytes)
            refuse("has " + counted(piece.text.size(), "byte") + ", more than " +
                   with_commas(kMostPieceBytes));
        if (piece.text.find('\0') != piece.text.npos) refuse("holds a zero byte");
        if (!is_utf8(piece.text)) refuse("is not valid UTF-8");
        if (!std::isfinite(piece.score)) refuse("has a score that is not finite");
        model_.pieces.push_back(piece);
    }

    PieceKind kind_of(std::uint64_t number) const {
        if (number < 1 || number > 6) refuse("is of the unknown kind " + std::to_string(number));
        return static_cast<PieceKind>(number);
    }

    void read_trainer(std::string_view content) {
        Message message = open(content);
        for (Field field; message.next(field);) {
            switch (field.number) {
                case 3:
                    type_ = message.number(field);
                    break;
                case 24:
                    model_.space_is_suffix = message.flag(field);
                    break;
                case 35:
                    has_byte_fallback_ = message.flag(field);
                    break;
                case 44: {
                    const std::string_view surface = message.content(field);
                    model_.unknown_surface =
                        surface.substr(0, surface.find('\0'));  // as SentencePiece has it
                    break;
                }
                default:
                    break;
            }
        }
    }

    void read_normalizer(std::string_view content, NormalizerSpec& spec) const {
        Message message = open(content);
        for (Field field; message.next(field);) {
            switch (field.number) {
                case 2:
                    spec.rules = message.content(field);
                    break;
                case 3:
                    spec.has_dummy_prefix = message.flag(field);
                    break;
                case 4:
                    spec.removes_extra_spaces = message.flag(field);
                    break;
                case 5:
                    spec.escapes_spaces = message.flag(field);
                    break;
                default:
                    break;
            }
        }
    }

    /// What only the whole file tells: one unknown piece, something that a text can have, and bytes
    /// all or none.
    void check_kinds() {
        if (type_ != static_cast<std::uint64_t>(algorithm_))
            refuse_piece_model(name_, "its type is " + type_name() + ", and octet reads " +
                                          (algorithm_ == PieceAlgorithm::kBpe ? "BPE" : "unigram") +
                                          " models");
        std::uint32_t unknown = kNone;
        std::vector<std::uint32_t> bytes(256, kNone);
        bool has_text = false;
        for (std::uint32_t id = 0; id < model_.pieces.size(); ++id) {
            const Piece& piece = model_.pieces[id];
            switch (piece.kind) {
                case PieceKind::kUnknown:
                    if (unknown != kNone)
                        refuse("is a second unknown piece, after piece " + with_commas(unknown),
                               id);
                    unknown = id;
                    break;
                case PieceKind::kByte: {
                    const int byte = byte_of_piece(piece.text);
                    if (!has_byte_fallback_ || byte < 0)
                        refuse("is a byte where the model has none such", id);
                    bytes[static_cast<std::size_t>(byte)] = id;
                    break;
                }
                case PieceKind::kControl:
                    break;
                default:
                    has_text = true;
                    break;
            }
        }
        if (unknown == kNone) refuse_piece_model(name_, "it has no unknown piece");
        if (!has_text) refuse_piece_model(name_, "it has no pieces that a text can have");
        model_.unknown = unknown;
        if (!has_byte_fallback_) return;
        if (std::find(bytes.begin(), bytes.end(), kNone) != bytes.end())
            refuse_piece_model(name_, "it falls back on bytes and has no piece for some of them");
        model_.bytes = std::move(bytes);
    }

    std::string type_name() const {
        constexpr std::array kNames = {"unigram", "BPE", "word", "character"};
        return type_ >= 1 && type_ <= 4 ? kNames[type_ - 1] : std::to_string(type_);
    }

    /// By their first 8 bytes where those differ, which decides nearly always and touches no text.
    void sort() {
        std::vector<std::pair<std::uint64_t, std::uint32_t>> keys;
        keys.reserve(model_.pieces.size());
        for (std::uint32_t id = 0; id < model_.pieces.size(); ++id) {
            const std::string_view text = model_.pieces[id].text;
            std::uint64_t key = 0;
            for (std::size_t i = 0; i < 8; ++i)
                key = key << 8U | (i < text.size() ? static_cast<unsigned char>(text[i]) : 0U);
            keys.emplace_back(key, id);
        }
        std::sort(keys.begin(), keys.end(), [this](const auto& left, const auto& right) {
            if (left.first != right.first) return left.first < right.first;
            const int order =
                model_.pieces[left.second].text.compare(model_.pieces[right.second].text);
            return order != 0 ? order < 0 : left.second < right.second;
        });
        model_.order.reserve(keys.size());
        for (const auto& [key, id] : keys) {
            if (!model_.order.empty() &&
                model_.pieces[model_.order.back()].text == model_.pieces[id].text)
                refuse("is the same as piece " + with_commas(model_.order.back()), id);
            model_.order.push_back(id);
        }
    }

    [[noreturn]] void refuse(const std::string& why) const { refuse(why, model_.pieces.size()); }
    [[noreturn]] void refuse(const std::string& why, std::size_t id) const {
        refuse_piece_model(name_, "piece " + with_commas(id) + " " + why);
    }

    std::string_view file_;
    std::string_view name_;
    PieceAlgorithm algorithm_;
    PieceModel model_;
    std::uint64_t type_ = 1;
    bool has_byte_fallback_ = false;
};

}  // namespace

PieceModel parse_piece_model(std::string_view file, std::string_view name,
                             PieceAlgorithm algorithm) {
    return Parser(file, name, algorithm).parse();
}

int byte_of_piece(std::string_view text) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return -1;
    const std::size_t high = kDigits.find(text[3]);
    const std::size_t low = kDigits.find(text[4]);
    return high == kDigits.npos || low == kDigits.npos ? -1 : static_cast<int>(16 * high + low);
}

void refuse_piece_model(std::string_view name, const std::string& why) {
    throw Error(ErrorCode::kBadInput, printable(name),
                "is not a SentencePiece model (" + why + "); fetch it again");
}

}  // namespace octet::tokenize
