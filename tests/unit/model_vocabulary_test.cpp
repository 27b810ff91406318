// What tokenizers are read with: tables of tokens and merges, and vocabularies as JSON.
#include <algorithm>
#include <array>
#include <memory_resource>
#include <random>

#include <nlohmann/json.hpp>

#include "support.hpp"
#include "tokenize/merges.hpp"

namespace octet::test {
namespace {

using nlohmann::json;

/// An object of tokens of up to 30 bytes, written in every way that JSON has.
std::string random_vocabulary(std::mt19937& random) {
    const auto below = [&](std::size_t end) { return random() % end; };
    constexpr std::array<const char*, 12> kPieces = {
        "a",    "b\"", "zz",           "\\", "\xC4\xA0",    "\xC3\xA9",
        "\x7F", "0",   "\xE2\x82\xAC", "x",  "longer text", "\t"};
    std::string text = "{";
    const std::size_t count = 1 + below(40);
    for (std::size_t i = 0; i < count; ++i) {
        std::string token = below(2) == 0 ? "\xC4\xA0" : "";
        for (std::size_t pieces = below(12); pieces > 0; --pieces)
            token += kPieces[below(kPieces.size())];
        token += std::to_string(i);  // no two are the same
        const std::string quoted = json(token).dump(-1, ' ', below(2) == 0);
        const std::string space(below(3) / 2 + below(2), ' ');
        text += quoted + ":" + space + std::to_string(i * 7) + space;
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
    const auto text_of = [](std::uint32_t i) {
        return std::string(i % 13, 'x') + std::to_string(i);
    };
    CHECK(!tokens.find(text_of(7)));
    for (std::uint32_t i = 0; i < kCount; ++i)
        REQUIRE(tokens.add(text_of(i), (kCount - i) * 3000) == Added::kNew);
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
}

TEST_CASE("a vocabulary has the tokens and numbers that the JSON library finds in it", "[model]") {
    std::mt19937 random(7);
    for (int i = 0; i < 300; ++i) {
        const std::string text = random_vocabulary(random);
        CAPTURE(text);
        const auto tables = tokenize::parse_vocab_and_merges(text, "v", "", "m");
        const json expected = json::parse(text);
        for (const auto& [token, number] : expected.items())
            REQUIRE(tables->tokens.find(token) == number.get<std::uint32_t>());
    }
    const auto tables =
        tokenize::parse_vocab_and_merges(R"({"b": 7, "\ud83d\ude00": 5})", "v", "", "m");
    CHECK(tables->tokens.text_of(5) == "\xF0\x9F\x98\x80");
    CHECK(tables->tokens.text_of(7) == "b");
}

}  // namespace octet::test
