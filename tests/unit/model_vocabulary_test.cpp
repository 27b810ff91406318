// What tokenizers are read with: tables of tokens and merges, and the plain form of a vocabulary beside the JSON library.
#include <algorithm>
#include <array>
#include <memory_resource>
#include <random>

#include <nlohmann/json.hpp>

#include "support.hpp"
#include "tokenize/merges.hpp"
#include "tokenize/vocabulary_text.hpp"

namespace octet::test {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

const fs::path kTestdata = OCTET_TESTDATA_DIR;

/// Tokens with their numbers as the scanner takes them; nothing where not all is plain.
std::optional<json> scanned(std::string_view text) {
    json tokens = json::object();
    tokenize::VocabularyScanner scanner(text);
    for (tokenize::VocabularyScanner::Token token; scanner.take(token);) tokens[std::string(token.text)] = token.number;
    return scanner.is_all() ? std::optional(tokens) : std::nullopt;
}

/// An object of tokens of up to 30 bytes, written in every way that is plain.
std::string random_vocabulary(std::mt19937& random) {
    const auto below = [&](std::size_t end) { return random() % end; };
    constexpr std::array<const char*, 12> kPieces = {"a",    "b\"", "zz",           "\\", "\xC4\xA0",    "\xC3\xA9",
                                                     "\x7F", "0",   "\xE2\x82\xAC", "x",  "longer text", "\t"};
    std::string text = "{";
    const std::size_t count = 1 + below(40);
    for (std::size_t i = 0; i < count; ++i) {
        std::string token = below(2) == 0 ? "\xC4\xA0" : "";
        for (std::size_t pieces = below(12); pieces > 0; --pieces) token += kPieces[below(kPieces.size())];
        token += std::to_string(i);  // no two are the same
        const std::string quoted = json(token).dump(-1, ' ', below(2) == 0);
        const std::string space(below(3) / 2 + below(2), ' ');
        text += quoted + ":" + space + std::to_string(below(2) == 0 ? i : below(100'000'000)) + space;
        text += i + 1 < count ? "," + space : "}";
    }
    return text;
}

}  // namespace

TEST_CASE("token tables find every token and merge, however many there are", "[model]") {
    using Added = tokenize::TokenTable::Added;
    std::pmr::monotonic_buffer_resource memory;
    tokenize::TokenTable tokens(&memory);
    tokenize::MergeTable merges(&memory);
    constexpr std::uint32_t kCount = 5000;  // more than there is room for at first
    const auto text_of = [](std::uint32_t i) { return std::string(i % 13, 'x') + std::to_string(i); };
    CHECK(!tokens.find(text_of(7)));
    for (std::uint32_t i = 0; i < kCount; ++i) REQUIRE(tokens.add(text_of(i), (kCount - i) * 3000) == Added::kNew);
    for (std::uint32_t i = 0; i < kCount; ++i) {
        REQUIRE(tokens.find(text_of(i)) == (kCount - i) * 3000);
        REQUIRE(tokens.text_of((kCount - i) * 3000) == text_of(i));
        REQUIRE(merges.insert({i, i / 2, i + 1}));
    }
    CHECK(!tokens.find("y"));
    CHECK(tokens.text_of(1).empty());
    CHECK(tokens.text_of(0xFFFFFFFF).empty());
    REQUIRE(merges.insert({4, 2, 9}));  // the first one stays
    CHECK(merges.size() == kCount);
    for (std::uint32_t i = 0; i < kCount; ++i) {
        REQUIRE(merges.rank_of(i, i / 2) == i);
        REQUIRE(merges[i].merged == i + 1);
    }
    CHECK(merges.rank_of(kCount, 0) >= merges.size());
    CHECK(tokens.add("new", 3000) == Added::kNumberTaken);
    CHECK(tokens.add(text_of(9), 2) == Added::kTextTwice);
    CHECK(tokens.add("new", 2) == Added::kNew);
    CHECK(tokens.find("new") == 2);
    tokens.clear();
    CHECK(!tokens.find("new"));
    CHECK(tokens.add("new", 2) == Added::kNew);
}

TEST_CASE("the plain form of a vocabulary is read as the JSON library reads it", "[model]") {
    for (const std::string text : {
             R"({})",
             R"( { "a" : 0 , "\u0120the":12345678,"\"\\\/\b\f\n\r\t\u00e9\uFFFD\u0041" :7} )",
             "{\"\xC3\xA9\xF0\x9F\x98\x80\": 3,\n\t\"\": 4}",
         }) {
        CAPTURE(text);
        CHECK(scanned(text) == json::parse(text));
        CHECK(scanned(text + " \n") == json::parse(text));
        CHECK(!scanned(text + "x"));
    }
    const std::string whole = read_file(kTestdata / "tiny-gpt2" / "vocab.json");
    CHECK(scanned(whole) == json::parse(whole));
    std::mt19937 random(7);
    for (int i = 0; i < 300; ++i) {
        const std::string text = random_vocabulary(random);
        CAPTURE(text);
        REQUIRE(scanned(text) == json::parse(text));
    }
}

TEST_CASE("a vocabulary of any other form is left to the JSON library", "[model]") {
    for (const std::string text : {
             R"()",
             R"([])",
             R"({)",
             R"({"a")",
             R"({"a":)",
             R"({"a":1)",
             R"({"a":1,)",
             R"({"a":1,})",
             R"({"a" 1})",
             R"({"a":01})",
             R"({"a":1.0})",
             R"({"a":1e2})",
             R"({"a":-1})",
             R"({"a":123456789})",
             R"({"a":"b"})",
             R"({"a":{}})",
             R"({a:1})",
             R"({"a\q":1})",
             R"({"\u12":1})",
             R"({"\u12g4":1})",
             R"({"\ud83d\ude00":1})",
             R"({"a\)",
             "{\"a\nb\":1}",
             "{\"a\":1\x01}",
         }) {
        CAPTURE(text);
        CHECK(!scanned(text));
    }
    const std::string rest = R"(, "what makes the entry before it one that is not near the end of the text": 9})";
    for (const std::string entry :
         {R"("a" 1)", R"("a":01)", R"("a": )", R"("a":1.0)", R"("a":123456789)", R"("a\q":1)", R"("\u0120\q":1)",
          R"("a":1 2)", R"(x"a":1)", R"(  x)", R"("\u0120)", "\"a\nb\":1", "\"a\": 1\x01", "\"a\": x"}) {
        CAPTURE(entry);
        CHECK(!scanned("{" + entry + rest));
        CHECK(!scanned(R"({"b": 2, )" + entry + rest));
    }
    const auto tables = tokenize::parse_vocab_and_merges(R"({"b": 7, "\ud83d\ude00": 5})", "v", "", "m");
    CHECK(tables->tokens.text_of(5) == "\xF0\x9F\x98\x80");
    CHECK(tables->tokens.text_of(7) == "b");
}

}  // namespace octet::test
