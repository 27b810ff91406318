#include "model/merges.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "octet/error.hpp"

namespace octet::model {
namespace {

using nlohmann::json;
constexpr std::uint64_t kMostTokens = 1U << 24U;

[[noreturn]] void fail(std::string_view name, const std::string& what) {
    throw Error(ErrorCode::kBadInput, printable(name), what + "; fetch the tokenizer again");
}

/// GPT-2's alphabet: every byte stands for a printable character. Those that are printable in Latin-1 stand for
/// themselves, the other 68 for U+0100 and up, in order. By character; -1: of no byte.
constexpr std::size_t kCharacters = 0x100 + 68;

std::array<int, kCharacters> bytes_of_characters() {
    std::array<int, kCharacters> bytes;
    bytes.fill(-1);
    std::size_t next = 0x100;
    for (std::size_t byte = 0; byte < 256; ++byte) {
        const bool printable_byte = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
        bytes[printable_byte ? byte : next++] = static_cast<int>(byte);
    }
    return bytes;
}

/// The bytes that a token of the vocabulary stands for; empty if it has characters that are not of the alphabet, as special
/// tokens may. `token` is valid UTF-8 (the JSON parser saw to it) of at most two bytes a character where it is of the alphabet.
std::string bytes_of_token(std::string_view token) {
    static const std::array<int, kCharacters> kAlphabet = bytes_of_characters();
    std::string bytes;
    for (std::size_t i = 0; i < token.size(); ++i) {
        const auto lead = static_cast<unsigned char>(token[i]);
        std::size_t character = lead;
        if (lead >= 0x80) {
            if (lead >= 0xE0 || i + 1 == token.size()) return {};
            character = (lead & 0x1FU) << 6U | (static_cast<unsigned char>(token[++i]) & 0x3FU);
        }
        if (character >= kCharacters || kAlphabet[character] < 0) return {};
        bytes += static_cast<char>(kAlphabet[character]);
    }
    return bytes;
}

/// The numbers of tokens by their text: open addressing, as the tables of a start are made and looked up 150,000 times.
class Numbers {
  public:
    /// False if the token is there already.
    bool insert(std::string_view token, std::uint32_t number) {
        if (2 * (count_ + 1) > slots_.size()) grow();
        Slot& slot = slot_of(token);
        if (slot.size != kNone) return false;
        slot = {texts_.size(), static_cast<std::uint32_t>(token.size()), number};
        texts_ += token;
        ++count_;
        return true;
    }

    std::optional<std::uint32_t> find(std::string_view token) {
        if (slots_.empty()) return std::nullopt;
        const Slot& slot = slot_of(token);
        return slot.size == kNone ? std::nullopt : std::optional(slot.number);
    }

  private:
    static constexpr std::uint32_t kNone = 0xFFFFFFFF;

    struct Slot {
        std::size_t start = 0;  ///< in texts_
        std::uint32_t size = kNone;
        std::uint32_t number = 0;
    };

    std::string_view text_of(const Slot& slot) const { return std::string_view(texts_).substr(slot.start, slot.size); }

    Slot& slot_of(std::string_view token) {
        std::size_t at = std::hash<std::string_view>{}(token) & (slots_.size() - 1);
        while (slots_[at].size != kNone && text_of(slots_[at]) != token) at = (at + 1) & (slots_.size() - 1);
        return slots_[at];
    }

    void grow() {
        const std::vector<Slot> old =
            std::exchange(slots_, std::vector<Slot>(std::max<std::size_t>(1024, 4 * slots_.size())));
        for (const Slot& slot : old) {
            if (slot.size != kNone) slot_of(text_of(slot)) = slot;
        }
    }

    std::vector<Slot> slots_;  ///< a power of two
    std::string texts_;
    std::size_t count_ = 0;
};

/// Takes the vocabulary token by token.
class Vocabulary {
  public:
    Vocabulary(std::string_view name, BpeTables& tables) : name_(name), tables_(tables) {}

    /// `number` is empty where none that a token could have was given.
    void add(std::string_view token, std::optional<std::uint64_t> number) {
        if (!number || *number >= kMostTokens)
            fail(name_, fmt::format("token {} has no number below {}", in_quotes(token), with_commas(kMostTokens)));
        const auto id = static_cast<std::uint32_t>(*number);
        std::string bytes = bytes_of_token(token);
        if (bytes.size() == 1) tables_.byte_tokens[static_cast<unsigned char>(bytes[0])] = id;
        if (!tables_.texts.emplace(id, std::move(bytes)).second)
            fail(name_, fmt::format("token {} has the number {} of another", in_quotes(token), id));
        if (!numbers_.insert(token, id)) fail(name_, fmt::format("token {} stands there twice", in_quotes(token)));
    }

    [[noreturn]] void refuse() const { fail(name_, "the vocabulary is not a JSON object of tokens and numbers"); }

    Numbers& numbers() { return numbers_; }

  private:
    std::string_view name_;
    BpeTables& tables_;
    Numbers numbers_;
};

/// Events of a JSON text that is a vocabulary.
class VocabularyEvents : public nlohmann::json_sax<json> {
  public:
    explicit VocabularyEvents(Vocabulary& vocabulary) : vocabulary_(vocabulary) {}

    bool is_whole() const { return depth_ == 0 && was_object_; }

    bool null() override { return value({}); }
    bool boolean(bool) override { return value({}); }
    bool number_integer(number_integer_t) override { return value({}); }
    bool number_unsigned(number_unsigned_t number) override { return value(number); }
    bool number_float(number_float_t, const string_t&) override { return value({}); }
    bool string(string_t&) override { return value({}); }
    bool binary(binary_t&) override { return value({}); }
    bool start_object(std::size_t) override {
        was_object_ = true;
        return ++depth_ == 1 || value({});
    }
    bool key(string_t& token) override {
        token_ = std::move(token);
        return true;
    }
    bool end_object() override {
        --depth_;
        return true;
    }
    bool start_array(std::size_t) override { return value({}); }
    bool end_array() override { return true; }
    bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

  private:
    bool value(std::optional<std::uint64_t> number) {
        if (depth_ == 0) return false;
        vocabulary_.add(token_, number);
        return true;
    }

    Vocabulary& vocabulary_;
    std::string token_;
    int depth_ = 0;
    bool was_object_ = false;
};

void add_merge(BpeTables& tables, Numbers& numbers, std::string_view left, std::string_view right,
               std::string_view name) {
    const auto number = [&](std::string_view token) {
        const std::optional<std::uint32_t> found = numbers.find(token);
        if (!found)
            fail(name, fmt::format("merge {} of {} and {}: the vocabulary has no {}", tables.merges.size() + 1,
                                   in_quotes(left), in_quotes(right), in_quotes(token)));
        return *found;
    };
    const std::uint64_t pair = static_cast<std::uint64_t>(number(left)) << 32U | number(right);
    const auto rank = static_cast<std::uint32_t>(tables.merges.size());
    std::string both;
    both.reserve(left.size() + right.size());
    both.append(left).append(right);
    tables.merges.try_emplace(pair, Merge{rank, number(both)});
}

}  // namespace

BpeTables parse_vocab_and_merges(std::string_view vocab_json, std::string_view vocab_name, std::string_view merges_txt,
                                 std::string_view merges_name) {
    BpeTables tables;
    constexpr std::size_t kUsualTokenBytes = 16;  // of the file; GPT-2's has 20
    tables.texts.reserve(vocab_json.size() / kUsualTokenBytes);
    Vocabulary vocabulary(vocab_name, tables);
    VocabularyEvents events(vocabulary);
    if (!json::sax_parse(vocab_json, &events) || !events.is_whole()) vocabulary.refuse();
    tables.merges.reserve(static_cast<std::size_t>(std::count(merges_txt.begin(), merges_txt.end(), '\n')));
    std::size_t line_number = 0;
    while (!merges_txt.empty()) {
        const std::size_t stop = std::min(merges_txt.find('\n'), merges_txt.size());
        std::string_view line = merges_txt.substr(0, stop);
        merges_txt.remove_prefix(std::min(stop + 1, merges_txt.size()));
        ++line_number;
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.empty() || (line_number == 1 && line.starts_with("#version"))) continue;
        const std::size_t space = line.find(' ');
        if (space == 0 || space >= line.size() - 1 || line.find(' ', space + 1) != line.npos)
            fail(merges_name, fmt::format("line {} {} is not two tokens", line_number, in_quotes(line)));
        add_merge(tables, vocabulary.numbers(), line.substr(0, space), line.substr(space + 1), merges_name);
    }
    return tables;
}

BpeTables parse_tokenizer_json(std::string_view text, std::string_view name) {
    const json file = json::parse(text, nullptr, false);
    if (!file.is_object() || !file.contains("model") || !file["model"].is_object()) fail(name, "has no \"model\"");
    const json& model = file["model"];
    const bool is_bpe = model.value("type", json()) == "BPE" && model.contains("vocab") && model.contains("merges") &&
                        model["merges"].is_array();
    const json splitter = file.value("pre_tokenizer", json());
    const bool is_byte_level = splitter.is_object() && splitter.value("type", json()) == "ByteLevel" &&
                               splitter.value("add_prefix_space", json(false)) == false &&
                               splitter.value("use_regex", json(true)) == true;
    const bool is_plain = file.value("normalizer", json()).is_null() && model.value("dropout", json()).is_null();
    if (!is_bpe || !is_byte_level || !is_plain) {
        throw Error(ErrorCode::kBadInput, printable(name),
                    "is not a byte-level BPE as GPT-2 has it (model BPE, pre_tokenizer ByteLevel without prefix space, "
                    "no normalizer); octet knows no other");
    }
    BpeTables tables;
    Vocabulary vocabulary(name, tables);
    if (!model["vocab"].is_object()) vocabulary.refuse();
    for (const auto& [token, value] : model["vocab"].items()) {
        vocabulary.add(token, value.is_number_unsigned() ? std::optional(value.get<std::uint64_t>()) : std::nullopt);
    }
    Numbers& numbers = vocabulary.numbers();
    for (const json& merge : model["merges"]) {
        if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
            add_merge(tables, numbers, merge[0].get<std::string>(), merge[1].get<std::string>(), name);
            continue;
        }
        const std::string pair = merge.is_string() ? merge.get<std::string>() : "";
        const std::size_t space = pair.find(' ');
        if (space == pair.npos || space == 0 || space + 1 == pair.size())
            fail(name, fmt::format("merge {} is not two tokens", tables.merges.size() + 1));
        add_merge(tables, numbers, pair.substr(0, space), pair.substr(space + 1), name);
    }
    return tables;
}

}  // namespace octet::model
