#include "model/merges.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "octet/error.hpp"

namespace octet::model {
namespace {

using nlohmann::json;
using Numbers = std::unordered_map<std::string, std::uint32_t>;

constexpr std::uint64_t kMostTokens = 1U << 24U;

[[noreturn]] void fail(std::string_view name, const std::string& what) {
    throw Error(ErrorCode::kBadInput, printable(name), what + "; fetch the tokenizer again");
}

/// GPT-2's alphabet: every byte stands for a printable character. Those that are printable in Latin-1 stand for
/// themselves, the other 68 for U+0100 and up, in order.
std::unordered_map<std::uint32_t, unsigned char> bytes_of_characters() {
    std::unordered_map<std::uint32_t, unsigned char> bytes;
    std::uint32_t next = 0x100;
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        const bool printable_byte = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
        bytes[printable_byte ? byte : next++] = static_cast<unsigned char>(byte);
    }
    return bytes;
}

/// The bytes that a token of the vocabulary stands for; empty if it has characters that are not of the alphabet, as special
/// tokens may. `token` is valid UTF-8 (the JSON parser saw to it) of at most two bytes a character where it is of the alphabet.
std::string bytes_of_token(const std::string& token, const std::unordered_map<std::uint32_t, unsigned char>& alphabet) {
    std::string bytes;
    for (std::size_t i = 0; i < token.size(); ++i) {
        const auto lead = static_cast<unsigned char>(token[i]);
        std::uint32_t character = lead;
        if (lead >= 0x80) {
            if (lead >= 0xE0 || i + 1 == token.size()) return {};
            character = (lead & 0x1FU) << 6U | (static_cast<unsigned char>(token[++i]) & 0x3FU);
        }
        const auto found = alphabet.find(character);
        if (found == alphabet.end()) return {};
        bytes += static_cast<char>(found->second);
    }
    return bytes;
}

Numbers read_vocabulary(const json& vocabulary, std::string_view name, BpeTables& tables) {
    if (!vocabulary.is_object()) fail(name, "the vocabulary is not a JSON object of tokens and numbers");
    Numbers numbers;
    numbers.reserve(vocabulary.size());
    tables.texts.reserve(vocabulary.size());
    const auto alphabet = bytes_of_characters();
    for (const auto& [token, value] : vocabulary.items()) {
        if (!value.is_number_unsigned() || value.get<std::uint64_t>() >= kMostTokens)
            fail(name, fmt::format("token {} has no number below {}", in_quotes(token), with_commas(kMostTokens)));
        const auto number = static_cast<std::uint32_t>(value.get<std::uint64_t>());
        std::string bytes = bytes_of_token(token, alphabet);
        if (bytes.size() == 1) tables.byte_tokens[static_cast<unsigned char>(bytes[0])] = number;
        if (!tables.texts.emplace(number, std::move(bytes)).second)
            fail(name, fmt::format("token {} has the number {} of another", in_quotes(token), number));
        numbers.emplace(token, number);
    }
    return numbers;
}

void add_merge(BpeTables& tables, const Numbers& numbers, const std::string& left, const std::string& right,
               std::string_view name) {
    const auto number = [&](const std::string& token) {
        const auto found = numbers.find(token);
        if (found == numbers.end())
            fail(name, fmt::format("merge {} of {} and {}: the vocabulary has no {}", tables.merges.size() + 1,
                                   in_quotes(left), in_quotes(right), in_quotes(token)));
        return found->second;
    };
    const std::uint64_t pair = static_cast<std::uint64_t>(number(left)) << 32U | number(right);
    const auto rank = static_cast<std::uint32_t>(tables.merges.size());
    tables.merges.try_emplace(pair, Merge{rank, number(left + right)});
}

}  // namespace

BpeTables parse_vocab_and_merges(std::string_view vocab_json, std::string_view vocab_name, std::string_view merges_txt,
                                 std::string_view merges_name) {
    BpeTables tables;
    const Numbers numbers = read_vocabulary(json::parse(vocab_json, nullptr, false), vocab_name, tables);
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
        add_merge(tables, numbers, std::string(line.substr(0, space)), std::string(line.substr(space + 1)),
                  merges_name);
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
    const Numbers numbers = read_vocabulary(model["vocab"], name, tables);
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
