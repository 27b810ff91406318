// vocab.json is read as events of the JSON library, without a document in memory; tokenizer.json,
// whose parts stand in any order, as a document. Numbers and pairs are checked as they come.
#include "tokenize/merges.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "io/file.hpp"
#include "octet/error.hpp"

namespace octet::tokenize {
namespace {

using nlohmann::json;

[[noreturn]] void fail(std::string_view name, const std::string& what) {
    throw Error(ErrorCode::kBadInput, printable(name), what + "; fetch the tokenizer again");
}

/// GPT-2's alphabet: every byte stands for a printable character. Those that are printable in
/// Latin-1 stand for themselves, the other 68 for U+0100 and up, in order. By character; -1: of no
/// byte.
constexpr std::size_t kCharacters = 0x100 + 68;

std::array<int, kCharacters> bytes_of_characters() {
    std::array<int, kCharacters> bytes;
    bytes.fill(-1);
    std::size_t next = 0x100;
    for (std::size_t byte = 0; byte < 256; ++byte) {
        const bool printable_byte =
            (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
        bytes[printable_byte ? byte : next++] = static_cast<int>(byte);
    }
    return bytes;
}

/// Takes the vocabulary token by token.
class Vocabulary {
  public:
    Vocabulary(std::string_view name, BpeTables& tables) : name_(name), tables_(tables) {}

    /// `number` is empty where none that a token could have was given.
    void add(std::string_view token, std::optional<std::uint64_t> number) {
        if (!number || *number >= kMostTokens)
            fail(name_, fmt::format("token {} has no number below {}", in_quotes(token),
                                    with_commas(kMostTokens)));
        const auto id = static_cast<std::uint32_t>(*number);
        switch (tables_.tokens.add(token, id)) {
            case TokenTable::Added::kNew:
                break;
            case TokenTable::Added::kNumberTaken:
                fail(name_,
                     fmt::format("token {} has the number {} of another", in_quotes(token), id));
            case TokenTable::Added::kTextTwice:
                fail(name_, fmt::format("token {} stands there twice", in_quotes(token)));
        }
        constexpr std::size_t kMostOfOneByte =
            2;  // all characters of the alphabet are below U+0800
        if (token.size() > kMostOfOneByte) return;
        const std::string bytes = bytes_of_token(token);
        if (bytes.size() == 1) tables_.byte_tokens[static_cast<unsigned char>(bytes[0])] = id;
    }

    [[noreturn]] void refuse() const {
        fail(name_, "the vocabulary is not a JSON object of tokens and numbers");
    }

  private:
    std::string_view name_;
    BpeTables& tables_;
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
    bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
        return false;
    }

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

/// Takes merges one by one, in order of rank.
class Merges {
  public:
    Merges(std::string_view name, BpeTables& tables) : name_(name), tables_(tables) {}

    void add(std::string_view left, std::string_view right) {
        const auto number = [&](std::optional<std::uint32_t> found, std::string_view token) {
            if (!found)
                fail(name_, fmt::format("merge {} of {} and {}: the vocabulary has no {}",
                                        tables_.merges.size() + 1, in_quotes(left),
                                        in_quotes(right), in_quotes(token)));
            return *found;
        };
        Merge merge;
        merge.left = number(tables_.tokens.find(left), left);
        merge.right = number(tables_.tokens.find(right), right);
        both_.assign(left).append(right);
        // A vocabulary has, as a rule, the tokens that merges make in their order.
        merge.merged = number(tables_.tokens.find_next(both_), both_);
        if (!tables_.merges.insert(merge))
            fail(name_, "has more merges than there are numbers for");
    }

  private:
    std::string_view name_;
    BpeTables& tables_;
    std::string both_;
};

void read_merges(std::string_view merges_txt, std::string_view name, BpeTables& tables) {
    tables.merges.reserve(
        static_cast<std::size_t>(std::count(merges_txt.begin(), merges_txt.end(), '\n')));
    Merges merges(name, tables);
    std::size_t line_number = 0;
    while (!merges_txt.empty()) {
        const std::size_t stop = std::min(merges_txt.find('\n'), merges_txt.size());
        std::string_view line = merges_txt.substr(0, stop);
        merges_txt.remove_prefix(std::min(stop + 1, merges_txt.size()));
        ++line_number;
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.empty() || (line_number == 1 && line.starts_with("#version"))) continue;
        const std::size_t space = line.find(' ');
        if (space == 0 || space >= line.size() - 1 || line.find(' ', space + 1) != line.npos) {
            fail(name, fmt::format("line {} {} is not two tokens", line_number, in_quotes(line)));
        }
        merges.add(line.substr(0, space), line.substr(space + 1));
    }
}

/// Tokens and merges of so many bytes of text, where these are as GPT-2's: 20 bytes a token, 9 a
/// merge.
std::size_t usual_tokens(std::size_t vocabulary_bytes) {
    return vocabulary_bytes / 20;
}

void read_vocabulary(std::string_view vocab_json, std::string_view name, BpeTables& tables) {
    Vocabulary vocabulary(name, tables);
    tables.tokens.reserve(usual_tokens(vocab_json.size()), vocab_json.size() / 2);
    VocabularyEvents events(vocabulary);
    if (!json::sax_parse(vocab_json, &events) || !events.is_whole()) vocabulary.refuse();
}

}  // namespace

std::string bytes_of_token(std::string_view token) {
    // UTF-8 of at most two bytes a character where it is of the alphabet.
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

BpeTables::BpeTables(std::size_t vocabulary_bytes, std::size_t merges_bytes)
    : buffer_(4 * vocabulary_bytes + 3 * merges_bytes + (64U << 10U)),
      memory_(buffer_.bytes().data(), buffer_.bytes().size()),
      tokens(&memory_),
      merges(&memory_) {}

std::string BpeTables::bytes_of(std::uint32_t token) const {
    return bytes_of_token(tokens.text_of(token));
}

std::unique_ptr<BpeTables> parse_vocab_and_merges(std::string_view vocab_json,
                                                  std::string_view vocab_name,
                                                  std::string_view merges_txt,
                                                  std::string_view merges_name) {
    auto tables = std::make_unique<BpeTables>(vocab_json.size(), merges_txt.size());
    read_vocabulary(vocab_json, vocab_name, *tables);
    read_merges(merges_txt, merges_name, *tables);
    return tables;
}

std::unique_ptr<BpeTables> read_vocab_and_merges(const std::filesystem::path& vocab_json,
                                                 const std::filesystem::path& merges_txt,
                                                 std::uint64_t most_bytes) {
    const io::File vocab = io::open_text_file(vocab_json, most_bytes);
    const io::File merges = io::open_text_file(merges_txt, most_bytes);
    return parse_vocab_and_merges(io::read_text_file(vocab, most_bytes), vocab.name(),
                                  io::read_text_file(merges, most_bytes), merges.name());
}

std::unique_ptr<BpeTables> parse_tokenizer_json(std::string_view text, std::string_view name) {
    const json file = json::parse(text, nullptr, false);
    if (!file.is_object()) fail(name, "is not a JSON object");
    if (!file.contains("model") || !file["model"].is_object()) fail(name, "has no \"model\"");
    const json& model = file["model"];
    const bool is_bpe = model.value("type", json()) == "BPE" && model.contains("vocab") &&
                        model.contains("merges") && model["merges"].is_array();
    const json splitter = file.value("pre_tokenizer", json());
    const bool is_byte_level = splitter.is_object() &&
                               splitter.value("type", json()) == "ByteLevel" &&
                               splitter.value("add_prefix_space", json(false)) == false &&
                               splitter.value("use_regex", json(true)) == true;
    const auto is_unset = [&](const char* key) {  // null, or what does the same
        const json value = model.value(key, json());
        return value.is_null() || value == false || value == "";
    };
    const bool is_plain = file.value("normalizer", json()).is_null() && is_unset("dropout") &&
                          is_unset("ignore_merges") && is_unset("end_of_word_suffix") &&
                          is_unset("continuing_subword_prefix");
    if (!is_bpe || !is_byte_level || !is_plain) {
        throw Error(ErrorCode::kBadInput, printable(name),
                    "is not a byte-level BPE as GPT-2 has it (model BPE, pre_tokenizer ByteLevel "
                    "without prefix space, "
                    "no normalizer, dropout, ignored merges, prefixes or suffixes of words); octet "
                    "knows no other");
    }
    auto tables = std::make_unique<BpeTables>(text.size(), text.size() / 2);
    Vocabulary vocabulary(name, *tables);
    if (!model["vocab"].is_object()) vocabulary.refuse();
    for (const auto& [token, value] : model["vocab"].items()) {
        vocabulary.add(token, value.is_number_unsigned() ? std::optional(value.get<std::uint64_t>())
                                                         : std::nullopt);
    }
    Merges merges(name, *tables);
    for (const json& merge : model["merges"]) {
        std::string_view left;
        std::string_view right;
        if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
            left = merge[0].get_ref<const std::string&>();
            right = merge[1].get_ref<const std::string&>();
        } else {
            const std::string_view pair =
                merge.is_string() ? merge.get_ref<const std::string&>() : std::string_view();
            const std::size_t space = pair.find(' ');
            if (space == pair.npos || space == 0 || space + 1 == pair.size()) {
                fail(name, fmt::format("merge {} is not two tokens", tables->merges.size() + 1));
            }
            left = pair.substr(0, space);
            right = pair.substr(space + 1);
        }
        merges.add(left, right);
    }
    return tables;
}

}  // namespace octet::tokenize
