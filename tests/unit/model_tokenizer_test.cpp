// Tokenizers against the ids that the reference tokenizers give, and files that are none.
#include <cstdlib>

#include <nlohmann/json.hpp>

#include "support.hpp"
#include "tokenize/merges.hpp"
#include "tokenize/tokenizer.hpp"

namespace octet::test {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

const fs::path kTestdata = OCTET_TESTDATA_DIR;

void check_prompts(const tokenize::Tokenizer& tokenizer, const fs::path& golden, std::size_t ends) {
    const json file = json::parse(read_file(golden));
    for (const json& prompt : file["variants"]["original"]["prompts"]) {
        tokenize::Ids expected = prompt["ids"].get<tokenize::Ids>();
        expected.resize(expected.size() - ends);
        REQUIRE(tokenizer.encode(prompt["prompt"].get<std::string>()) == expected);
        REQUIRE(tokenizer.decode(prompt["greedy_ids"].get<tokenize::Ids>()) ==
                prompt["greedy_text"].get<std::string>());
    }
}

/// Texts with their ids and the texts of those; or ids alone.
void check_cases(const json& cases, const fs::path& gpt2_folder, const fs::path& t5_folder) {
    const auto gpt2 = tokenize::open_byte_level_bpe(gpt2_folder);
    const auto t5 = tokenize::open_sentence_pieces(t5_folder);
    for (const json& entry : cases) {
        const auto gpt2_ids = entry["gpt2"].get<tokenize::Ids>();
        const auto t5_ids = entry["t5"].get<tokenize::Ids>();
        const auto text = entry.value("text", std::string());
        CAPTURE(text, gpt2_ids, t5_ids);
        if (entry.contains("text")) {
            CHECK(gpt2->encode(text) == gpt2_ids);
            CHECK(t5->encode(text) == t5_ids);
        }
        CHECK(gpt2->decode(gpt2_ids) == entry["gpt2_back"].get<std::string>());
        CHECK(t5->decode(t5_ids) == entry["t5_back"].get<std::string>());
    }
}

}  // namespace

TEST_CASE("prompts of the tiny models have the golden ids and texts", "[model]") {
    check_prompts(*tokenize::open_byte_level_bpe(kTestdata / "tiny-gpt2"),
                  kTestdata / "tiny-gpt2" / "golden.json", 0);
    check_prompts(*tokenize::open_sentence_pieces(kTestdata / "tiny-flan-t5"),
                  kTestdata / "tiny-flan-t5" / "golden.json", 1);
}

TEST_CASE("awkward strings have the ids of the full-size tokenizers", "[model]") {
    const char* shared = std::getenv("OCTET_SHARED");
    if (shared == nullptr) {
        WARN("skipped: OCTET_SHARED is not set");
        return;
    }
    const json cases = json::parse(read_file(kTestdata / "tokenizer_cases.json"));
    REQUIRE(cases.size() == 23);
    check_cases(cases, fs::path(shared) / "data" / "tokenizers" / "gpt2",
                fs::path(shared) / "data" / "tokenizers" / "t5");
}

// scripts/tokenizers.sh makes the strings and says where they are.
TEST_CASE("random strings have the ids of the full-size tokenizers", "[model]") {
    const char* const strings = std::getenv("OCTET_TOKENIZER_STRINGS");
    const char* const gpt2 = std::getenv("OCTET_GPT2_TOKENIZER");
    const char* const t5 = std::getenv("OCTET_T5_TOKENIZER");
    if (strings == nullptr || gpt2 == nullptr || t5 == nullptr) {
        WARN("skipped: run scripts/tokenizers.sh");
        return;
    }
    check_cases(json::parse(read_file(strings)), gpt2, t5);
}

TEST_CASE("tokenizer json alone gives the same ids", "[model]") {
    const TemporaryFolder folder;
    json merges = json::array();
    std::istringstream lines(read_file(kTestdata / "tiny-gpt2" / "merges.txt"));
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with("#version")) merges.push_back(line);
    }
    json file = {{"model", {{"type", "BPE"}, {"merges", merges}}},
                 {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}}};
    file["model"]["vocab"] = json::parse(read_file(kTestdata / "tiny-gpt2" / "vocab.json"));
    write_file(folder / "tokenizer.json", file.dump());
    check_prompts(*tokenize::open_byte_level_bpe(folder.path()),
                  kTestdata / "tiny-gpt2" / "golden.json", 0);
    file["model"].update(
        {{"dropout", nullptr}, {"ignore_merges", false}, {"end_of_word_suffix", ""}});
    REQUIRE_NOTHROW(tokenize::parse_tokenizer_json(file.dump(), "f"));
    // What would make other ids of some texts.
    for (const auto& [key, value] :
         std::vector<std::pair<std::string, json>>{{"dropout", 0.1},
                                                   {"ignore_merges", true},
                                                   {"end_of_word_suffix", "</w>"},
                                                   {"continuing_subword_prefix", "##"}}) {
        json changed = file;
        changed["model"][key] = value;
        CAPTURE(key);
        REQUIRE(error_of([&] {
                    tokenize::parse_tokenizer_json(changed.dump(), "f");
                }).starts_with("3 f: is not a byte-level BPE"));
    }
    file["pre_tokenizer"]["add_prefix_space"] = true;
    REQUIRE(error_of([&] {
                tokenize::parse_tokenizer_json(file.dump(), "f");
            }).starts_with("3 f: is not a byte-level BPE"));
    REQUIRE(error_of([&] { tokenize::parse_tokenizer_json("{\"model\": {", "f"); }) ==
            "3 f: is not a JSON object; fetch the tokenizer again");
}

TEST_CASE("a long word without spaces takes no quadratic time", "[model]") {
    const auto tokenizer = tokenize::open_byte_level_bpe(kTestdata / "tiny-gpt2");
    std::string word;
    for (int i = 0; i < 200'000; ++i) word += static_cast<char>('a' + i * 7 % 26);
    const tokenize::Ids ids = tokenizer->encode(word);
    REQUIRE(tokenizer->decode(ids) == word);
}

TEST_CASE("what is cut off in the middle of a character becomes one sign", "[model]") {
    REQUIRE(tokenize::mended_utf8("a\xC3") == "a\xEF\xBF\xBD");
    REQUIRE(tokenize::mended_utf8("\xC3\xA9\xFFz") == "\xC3\xA9\xEF\xBF\xBDz");
    REQUIRE(tokenize::mended_utf8("\xE2\x82z\xF0\x9F\x98") == "\xEF\xBF\xBDz\xEF\xBF\xBD");
    REQUIRE(tokenize::mended_utf8("\xE0\x80") ==
            "\xEF\xBF\xBD\xEF\xBF\xBD");  // no character begins so
}

TEST_CASE("tokenizers that are none are refused with their place", "[model]") {
    const auto error = [](std::string_view vocab, std::string_view merges) {
        return error_of([&] { tokenize::parse_vocab_and_merges(vocab, "v", merges, "m"); });
    };
    CHECK(error("[", "") ==
          "3 v: the vocabulary is not a JSON object of tokens and numbers; fetch the tokenizer "
          "again");
    CHECK(error(R"({"a": -1})", "") ==
          "3 v: token 'a' has no number below 16,777,216; fetch the tokenizer again");
    CHECK(
        error(R"({"a": 1, "b": 1})", "").starts_with("3 v: token 'b' has the number 1 of another"));
    CHECK(error(R"({"a": 1, "bb": 2, "a": 3, "c": -1})", "")
              .starts_with("3 v: token 'a' stands there twice"));
    CHECK(error(R"({"a": 1, "a": 2, "c": )", "").starts_with("3 v: token 'a' stands there twice"));
    CHECK(error(R"({"a": 1})", "#version\na\n").starts_with("3 m: line 2 'a' is not two tokens"));
    CHECK(error(R"({"a": 1})", "a a\n")
              .starts_with("3 m: merge 1 of 'a' and 'a': the vocabulary has no 'aa'"));
    CHECK(error(R"({"a": 1, "aa": 2})", "a a\naa a\nb\n")
              .starts_with("3 m: merge 2 of 'aa' and 'a': the vocabulary"));
    const TemporaryFolder folder;
    CHECK(error_of([&] {
              tokenize::open_byte_level_bpe(folder.path());
          }).find("has no tokenizer") != std::string::npos);
    CHECK(error_of([&] {
              tokenize::open_sentence_pieces(folder.path());
          }).find("no spiece.model") != std::string::npos);
    // A model of one piece, of no characters: SentencePiece throws where other models make it say
    // what is wrong.
    CHECK(error_of([&] {
              tokenize::make_sentence_pieces(
                  std::string("\x0a\x09\x0a\x05<unk>\x18\x02\x0a\x02\x0a\x00", 15), "p");
          }).starts_with("3 p: is not a SentencePiece model ("));
    write_file(folder / "spiece.model", "nonsense");
    CHECK(error_of([&] {
              tokenize::open_sentence_pieces(folder.path());
          }).find("is not a SentencePiece") != std::string::npos);
}

}  // namespace octet::test
