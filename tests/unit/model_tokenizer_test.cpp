// Tokenizers against the ids that the reference tokenizers give, and files that are none.
#include <cstdlib>
#include <memory_resource>
#include <random>
#include <tuple>

#include <nlohmann/json.hpp>

#include "model/bpe_of_text.hpp"
#include "model/find_byte.hpp"
#include "model/merges.hpp"
#include "model/short_text.hpp"
#include "model/tokenizer.hpp"
#include "model/vocabulary_text.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

const fs::path kTestdata = OCTET_TESTDATA_DIR;

void check_prompts(const model::Tokenizer& tokenizer, const fs::path& golden, std::size_t ends) {
    const json file = json::parse(read_file(golden));
    for (const json& prompt : file["variants"]["original"]["prompts"]) {
        model::Ids expected = prompt["ids"].get<model::Ids>();
        expected.resize(expected.size() - ends);
        REQUIRE(tokenizer.encode(prompt["prompt"].get<std::string>()) == expected);
        REQUIRE(tokenizer.decode(prompt["greedy_ids"].get<model::Ids>()) == prompt["greedy_text"].get<std::string>());
    }
}

/// Texts with their ids and the texts of those; or ids alone.
void check_cases(const json& cases, const fs::path& gpt2_folder, const fs::path& t5_folder) {
    const auto gpt2 = model::open_byte_level_bpe(gpt2_folder);
    const auto t5 = model::open_sentence_pieces(t5_folder);
    for (const json& entry : cases) {
        const auto gpt2_ids = entry["gpt2"].get<model::Ids>();
        const auto t5_ids = entry["t5"].get<model::Ids>();
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
    check_prompts(*model::open_byte_level_bpe(kTestdata / "tiny-gpt2"), kTestdata / "tiny-gpt2" / "golden.json", 0);
    check_prompts(*model::open_sentence_pieces(kTestdata / "tiny-flan-t5"), kTestdata / "tiny-flan-t5" / "golden.json",
                  1);
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
    check_prompts(*model::open_byte_level_bpe(folder.path()), kTestdata / "tiny-gpt2" / "golden.json", 0);
    file["pre_tokenizer"]["add_prefix_space"] = true;
    REQUIRE(
        error_of([&] { model::parse_tokenizer_json(file.dump(), "f"); }).starts_with("3 f: is not a byte-level BPE"));
}

namespace {

/// Tokens with their numbers as the scanner takes them, short ones by themselves where it is asked to; nothing where not all is plain.
std::optional<json> scanned(std::string_view text, bool takes_short) {
    json tokens = json::object();
    model::VocabularyScanner scanner(text);
    model::VocabularyScanner::ShortToken one;
    model::VocabularyScanner::Token token;
    while (true) {
        while (takes_short && scanner.take_short(one)) {
            const std::string whole = model::token_at(text, one.start);
            REQUIRE(whole.size() == one.text.size);
            REQUIRE(model::hash_of(one.text) == model::hash_of(model::short_text(whole)));
            tokens[whole] = one.number;
        }
        if (!scanner.take(token)) break;
        CHECK(model::token_at(text, token.start) == token.text);
        tokens[std::string(token.text)] = token.number;
    }
    return scanner.is_all() ? std::optional(tokens) : std::nullopt;
}

/// The same either way.
std::optional<json> scanned(std::string_view text) {
    const std::optional<json> tokens = scanned(text, false);
    CHECK(scanned(text, true) == tokens);
    return tokens;
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
    std::pmr::monotonic_buffer_resource memory;
    model::TokenTable tokens(&memory);
    model::MergeTable merges(&memory);
    constexpr std::uint32_t kCount = 5000;  // more than there is room for at first
    const auto text_of = [](std::uint32_t i) { return std::string(i % 13, 'x') + std::to_string(i); };
    for (std::uint32_t i = 0; i < kCount; ++i) tokens.append(text_of(i), (kCount - i) * 3000);
    CHECK(!tokens.find(tokens.ask(text_of(7))));
    CHECK(!tokens.index());
    for (std::uint32_t i = 0; i < kCount; ++i) {
        REQUIRE(tokens.find(tokens.ask(text_of(i))) == (kCount - i) * 3000);
        REQUIRE(tokens.find_next(text_of(i)) == (kCount - i) * 3000);
        REQUIRE(tokens.text_of((kCount - i) * 3000) == text_of(i));
        REQUIRE(merges.insert({i, i / 2, i + 1}));
    }
    CHECK(!tokens.find(tokens.ask("y")));
    CHECK(tokens.text_of(1).empty());
    CHECK(tokens.text_of(0xFFFFFFFF).empty());
    REQUIRE(merges.insert({4, 2, 9}));  // the first one stays
    CHECK(merges.size() == kCount);
    for (std::uint32_t i = 0; i < kCount; ++i) {
        REQUIRE(merges.rank_of(i, i / 2) == i);
        REQUIRE(merges[i].merged == i + 1);
    }
    CHECK(merges.rank_of(kCount, 0) >= merges.size());
    tokens.append("new", 1);
    tokens.append(text_of(9), 2);
    const auto found = tokens.index();
    REQUIRE(found);
    CHECK(found->text == text_of(9));
    CHECK(!found->has_its_number);
}

TEST_CASE("short texts are joined and hashed as what they stand for", "[model]") {
    const std::string_view bytes = "0123456789abcdefghijklmnop\xFF\x80\x01 ...";
    for (std::size_t size = 0; size <= model::ShortText::kMost; ++size) {
        const std::string_view text = bytes.substr(13, size);
        const model::ShortText whole = model::short_text(text);
        const model::ShortText loaded = model::load_short(text.data(), size);
        REQUIRE(std::tie(loaded.low, loaded.high, loaded.size) == std::tie(whole.low, whole.high, size));
        for (std::size_t left = 0; left < size; ++left) {
            const model::ShortText both =
                model::joined(model::short_text(text.substr(0, left)), model::short_text(text.substr(left)));
            REQUIRE(std::tie(both.low, both.high, both.size) == std::tie(whole.low, whole.high, size));
        }
        if (size > 0) CHECK(model::hash_of(whole) != model::hash_of(model::short_text(text.substr(1))));
        if (size > 0) CHECK(model::hash_of(whole) != model::hash_of(model::short_text(std::string(size, '\0'))));
        const std::string line = std::string(size, 'a') + "q" + std::string(20, '\n');
        CHECK(model::find_byte_of_16<0x20, 'q'>(line.data()) == size);
    }
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
    const auto tables = model::parse_vocab_and_merges(R"({"b": 7, "\ud83d\ude00": 5})", "v", "", "m");
    CHECK(tables->tokens.text_of(5) == "\xF0\x9F\x98\x80");
    CHECK(tables->tokens.text_of(7) == "b");
}

TEST_CASE("a long word without spaces takes no quadratic time", "[model]") {
    const auto tokenizer = model::open_byte_level_bpe(kTestdata / "tiny-gpt2");
    std::string word;
    for (int i = 0; i < 200'000; ++i) word += static_cast<char>('a' + i * 7 % 26);
    const model::Ids ids = tokenizer->encode(word);
    REQUIRE(tokenizer->decode(ids) == word);
}

TEST_CASE("what is cut off in the middle of a character becomes one sign", "[model]") {
    REQUIRE(model::mended_utf8("a\xC3") == "a\xEF\xBF\xBD");
    REQUIRE(model::mended_utf8("\xC3\xA9\xFFz") == "\xC3\xA9\xEF\xBF\xBDz");
    REQUIRE(model::mended_utf8("\xE2\x82z\xF0\x9F\x98") == "\xEF\xBF\xBDz\xEF\xBF\xBD");
    REQUIRE(model::mended_utf8("\xE0\x80") == "\xEF\xBF\xBD\xEF\xBF\xBD");  // no character begins so
}

TEST_CASE("tokenizers that are none are refused with their place", "[model]") {
    const auto error = [](std::string_view vocab, std::string_view merges) {
        return error_of([&] { model::parse_vocab_and_merges(vocab, "v", merges, "m"); });
    };
    CHECK(error("[", "") ==
          "3 v: the vocabulary is not a JSON object of tokens and numbers; fetch the tokenizer again");
    CHECK(error(R"({"a": -1})", "") == "3 v: token 'a' has no number below 16,777,216; fetch the tokenizer again");
    CHECK(error(R"({"a": 1, "b": 1})", "").starts_with("3 v: token 'b' has the number 1 of another"));
    CHECK(error(R"({"a": 1, "bb": 2, "a": 3, "c": -1})", "").starts_with("3 v: token 'a' stands there twice"));
    CHECK(error(R"({"a": 1, "a": 2, "c": )", "").starts_with("3 v: token 'a' stands there twice"));
    CHECK(error(R"({"a": 1})", "#version\na\n").starts_with("3 m: line 2 'a' is not two tokens"));
    CHECK(error(R"({"a": 1})", "a a\n").starts_with("3 m: merge 1 of 'a' and 'a': the vocabulary has no 'aa'"));
    CHECK(error(R"({"a": 1, "aa": 2})", "a a\naa a\nb\n").starts_with("3 m: merge 2 of 'aa' and 'a': the vocabulary"));
    const TemporaryFolder folder;
    CHECK(error_of([&] { model::open_byte_level_bpe(folder.path()); }).find("has no tokenizer") != std::string::npos);
    CHECK(error_of([&] { model::open_sentence_pieces(folder.path()); }).find("no spiece.model") != std::string::npos);
    // A model of one piece, of no characters: SentencePiece throws where other models make it say what is wrong.
    CHECK(error_of([&] {
              model::make_sentence_pieces(std::string("\x0a\x09\x0a\x05<unk>\x18\x02\x0a\x02\x0a\x00", 15), "p");
          }).starts_with("3 p: is not a SentencePiece model ("));
    write_file(folder / "spiece.model", "nonsense");
    CHECK(error_of([&] { model::open_sentence_pieces(folder.path()); }).find("is not a SentencePiece") !=
          std::string::npos);
}

TEST_CASE("a tokenizer made for one text gives the ids and texts of the whole one", "[model]") {
    const std::string vocab = read_file(kTestdata / "tiny-gpt2" / "vocab.json");
    const std::string merges = read_file(kTestdata / "tiny-gpt2" / "merges.txt");
    const auto whole = model::make_byte_level_bpe(model::parse_vocab_and_merges(vocab, "v", merges, "m"));
    const std::string text = read_file(kTestdata / "tiny-gpt2" / "eval.txt");
    for (std::size_t size = 0; size < 400; ++size) {
        const std::string piece = text.substr(97 * size, size);
        const auto one = model::make_bpe_of_text(vocab, merges, piece);
        CAPTURE(piece);
        REQUIRE(one != nullptr);
        const model::Ids ids = whole->encode(piece);
        REQUIRE(one->encode(piece) == ids);
        REQUIRE(one->decode(ids) == piece);
    }
    const auto one = model::make_bpe_of_text(vocab, merges, "\t A caf\xC3\xA9's  \n\n12 o'clock \xF0\x9F\x98\x80!");
    REQUIRE(one != nullptr);
    REQUIRE(one->encode("another text") == whole->encode("another text"));
    for (std::uint32_t id = 0; id < 2000; ++id) REQUIRE(one->decode(std::vector{id}) == whole->decode(std::vector{id}));
    REQUIRE(one->decode(std::vector{0xFFFFFFFFU}).empty());
    REQUIRE(model::make_bpe_of_text(vocab, merges, std::string(5000, 'a')) == nullptr);  // too long: all of the tables
    REQUIRE(model::make_bpe_of_text(vocab, merges, std::string(200, 'a')) == nullptr);
    std::string ended = merges;
    for (std::size_t at = 0; (at = ended.find('\n', at)) != ended.npos; at += 2) ended.insert(at, "\r");
    REQUIRE(model::make_bpe_of_text(vocab, ended + "\r\n", "the fox")->encode("the fox") == whole->encode("the fox"));
}

TEST_CASE("merges that two threads look at give the same ids, and are refused, wherever they are cut", "[model]") {
    const std::string vocab = read_file(kTestdata / "tiny-gpt2" / "vocab.json");
    const std::string merges = read_file(kTestdata / "tiny-gpt2" / "merges.txt");
    const std::size_t body = merges.find('\n') + 1;
    const std::string text = read_file(kTestdata / "tiny-gpt2" / "eval.txt").substr(0, 40);
    const model::Ids ids = model::make_bpe_of_text(vocab, merges, text)->encode(text);
    const std::size_t most = merges.size();
    for (std::size_t before = 0; before <= 2 * most; before += most / 8) {
        const std::string empty_lines(100'000, '\n');
        const std::string all = merges.substr(0, body) + empty_lines + std::string(before, '\n') + merges.substr(body) +
                                empty_lines + std::string(2 * most - before, '\n');
        const auto shared = model::make_bpe_of_text(vocab, all, text);
        REQUIRE(shared != nullptr);
        REQUIRE(shared->encode(text) == ids);
        for (const std::size_t place : {body, all.size() / 4, all.size() / 2, all.size() - 1}) {
            std::string broken = all;
            broken.insert(broken.find('\n', place), "\nno-such-token x\n");
            REQUIRE(model::make_bpe_of_text(vocab, broken, text) == nullptr);
        }
    }
}

TEST_CASE("files that are broken anywhere are not taken for one text", "[model]") {
    const auto is_taken = [](std::string_view vocab, std::string_view merges) {
        return model::make_bpe_of_text(vocab, merges, "a") != nullptr;
    };
    CHECK(is_taken(R"({"a": 1, "\u0120b": 5, "aa": 2})", "#version\na a\n\n\r\n"));
    CHECK(is_taken(R"({"a": 1})", "#version"));
    CHECK_FALSE(is_taken("[", ""));
    CHECK_FALSE(is_taken(R"({"a": 1} x)", ""));
    CHECK_FALSE(is_taken(R"({"a": -1})", ""));
    CHECK_FALSE(is_taken(R"({"a": 1, "b": 1})", ""));               // the number of another
    CHECK_FALSE(is_taken(R"({"a": 1, "x": 2, "\u0078": 3})", ""));  // twice
    CHECK_FALSE(is_taken("{\"a\": 1, \"\xFF\": 2}", ""));           // no UTF-8
    CHECK_FALSE(is_taken(R"({"a": 1, "\ud83d\ude00": 2})", ""));    // what the JSON library has to read
    CHECK_FALSE(is_taken(R"({"a": 1, "b": 9999999})", ""));         // a number far beyond the others
    CHECK_FALSE(is_taken(R"({"a": 1, "b": 2})", "a b\n"));          // what none of the text needs, too:
    CHECK_FALSE(is_taken(R"({"a": 1, "b": 2, "bb": 3})", "b b\nb c\n"));
    CHECK_FALSE(is_taken(R"({"a": 1, "b": 2, "bb": 3})", "b b b\n"));
    CHECK_FALSE(is_taken(R"({"a": 1, "b": 2, "bb": 3})", "b b\nb \n"));
    CHECK_FALSE(is_taken(R"({"a": 1, "b": 2, "bb": 3})", " b\n"));
    CHECK_FALSE(is_taken(R"({"a": 1, "b": 2, "bb": 3})", "b\n"));
    CHECK_FALSE(is_taken(R"({"a": 1, "b": 2, "bb": 3})", "b b\n#version\n"));
    CHECK(error_of([] { model::make_bpe_of_text(R"({"a": 1})", "", "ab"); }).find("byte 0x62 has no token") !=
          std::string::npos);
}

}  // namespace octet::test
