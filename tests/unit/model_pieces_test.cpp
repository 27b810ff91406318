// octet's reader of SentencePiece's unigram models: what it makes of every option, and of files
// that are broken.
#include <bit>
#include <cstdlib>
#include <random>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "support.hpp"
#include "tokenize/piece_model.hpp"
#include "tokenize/tokenizer.hpp"

namespace octet::test {
namespace {

using nlohmann::json;
using tokenize::Ids;
namespace fs = std::filesystem;

const fs::path kTestdata = OCTET_TESTDATA_DIR;

std::string varint(std::uint64_t number) {
    std::string bytes;
    for (; number >= 128; number /= 128) bytes += static_cast<char>(number % 128 + 128);
    return bytes + static_cast<char>(number);
}

std::string field(unsigned number, std::string_view content) {
    return varint(number << 3U | 2U) + varint(content.size()) + std::string(content);
}

std::string flag(unsigned number, std::uint64_t value) {
    return varint(number << 3U) + varint(value);
}

std::string decimal(unsigned number, float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    std::string bytes = varint(number << 3U | 5U);
    for (unsigned shift = 0; shift < 32; shift += 8)
        bytes += static_cast<char>(bits >> shift & 0xFFU);
    return bytes;
}

std::string piece(std::string_view text, float score, std::uint64_t kind = 1) {
    return field(1, field(1, text) + decimal(2, score) + flag(3, kind));
}

const std::string kUnknown = piece("<unk>", 0, 2);
const std::string kSpace = "\xE2\x96\x81";

std::unique_ptr<tokenize::Tokenizer> open(const std::string& file) {
    return tokenize::make_sentence_pieces(file, "f");
}

std::string refusal(const std::string& file) {
    return error_of([&] { open(file); });
}

std::string little_endian(std::uint32_t number) {
    std::string bytes;
    for (unsigned shift = 0; shift < 32; shift += 8)
        bytes += static_cast<char>(number >> shift & 0xFFU);
    return bytes;
}

/// Rules that replace the one byte: its unit has the leaf at 256, which says where in
/// `replacements`.
std::string rules(char byte, std::string_view replacements, std::uint32_t value = 0,
                  std::uint32_t offset = 256) {
    constexpr std::uint32_t kUnits = 512;
    constexpr std::uint32_t kHasLeaf = 1U << 8U;
    constexpr std::uint32_t kIsLeaf = 1U << 31U;
    const std::uint32_t own = static_cast<unsigned char>(byte);
    std::string bytes = little_endian(4 * kUnits);
    for (std::uint32_t place = 0; place < kUnits; ++place) {
        std::uint32_t unit = place & 0xFFU;
        if (place == own) unit |= (own ^ offset) << 10U | kHasLeaf;
        bytes += little_endian(place == 256 ? kIsLeaf | value : unit);
    }
    return bytes.append(replacements);
}

std::string byte_pieces() {
    std::string pieces;
    for (unsigned byte = 0; byte < 256; ++byte)
        pieces += piece(fmt::format("<0x{:02X}>", byte), 0, 6);
    return pieces;
}

/// With a piece of each kind, rules both ways, and what one text of it becomes.
std::string whole_model() {
    using namespace std::string_literals;
    return piece("</s>", 0, 3) + kUnknown + piece(kSpace, -1) + piece("a", -2) + piece("ab", -3) +
           piece("<x>", 0, 4) + piece("aba", -1, 5) + piece("\xC3\xA9", -4) + byte_pieces() +
           field(2, flag(3, 1) + flag(35, 1)) +
           field(3, field(1, "own") + field(2, rules('A', "ab\0"s)) + flag(3, 1) + flag(4, 1)) +
           field(5, field(2, rules('b', "B\0"s)) + flag(3, 0) + flag(5, 0));
}

}  // namespace

TEST_CASE("the best way wins, and of equal ones that which SentencePiece takes", "[model]") {
    const auto tokenizer = open(kUnknown + piece("a", -1) + piece("b", -1) + piece("ab", -2) +
                                piece("abab", -5) + piece(kSpace, -1) + piece(kSpace + "a", -3));
    CHECK(tokenizer->encode("abab") == Ids{5, 3, 3});
    CHECK(tokenizer->encode("  a \t") == Ids{5, 1, 5, 0});
    CHECK(tokenizer->encode("").empty());
    CHECK(tokenizer->encode("axyzb") == Ids{5, 1, 0, 2});  // a run of unknown characters is one
    CHECK(tokenizer->decode(Ids{5, 1, 0, 2, 6, 77}) == "a \xE2\x81\x87 b a");
}

TEST_CASE(
    "user-defined pieces win, unused ones are never taken, and rules leave the former as they are",
    "[model]") {
    const std::string letters =
        piece("a", -1) + piece("b", -1) + piece("x", -1) + piece(kSpace, -1);
    const auto tokenizer =
        open(kUnknown + letters + piece("aba", 0, 4) + piece("ab", -0.5F, 5) + piece("bb", -9) +
             field(3, field(2, rules('b', std::string("x\0", 2)))));
    CHECK(tokenizer->encode("aba") == Ids{4, 5});
    CHECK(tokenizer->encode("abbb") == Ids{4, 1, 3, 3, 3});
    CHECK(tokenizer->decode(Ids{6, 5}) == "ababa");
}

TEST_CASE("bytes stand for what has no piece, there and back", "[model]") {
    const auto tokenizer = open(whole_model());
    const auto byte = [](unsigned value) { return 8 + value; };
    CHECK(tokenizer->encode("Aaba \xE2\x82\xAC<x>") ==
          Ids{2, 4, 4, 3, 2, byte(0xE2), byte(0x82), byte(0xAC), 5});
    CHECK(tokenizer->decode(Ids{2, 4, 0, byte(0xE2), byte(0x82), byte(0xAC), 1, 3}) ==
          "aB\xE2\x82\xAC \xE2\x81\x87 a");
    CHECK(tokenizer->decode(Ids{byte(0xE2), byte(0x82), 3, byte(0x80)}) ==
          "\xEF\xBF\xBD\xEF\xBF\xBD"
          "a"
          "\xEF\xBF\xBD");
}

TEST_CASE("a piece of SentencePiece that is none is refused with its place", "[model]") {
    using namespace std::string_literals;
    const auto why = [](const std::string& file) {
        const std::string error = refusal(file);
        const std::string begin = "3 f: is not a SentencePiece model (";
        const std::string end = "); fetch it again";
        CAPTURE(error);
        REQUIRE(error.starts_with(begin));
        REQUIRE(error.ends_with(end));
        return error.substr(begin.size(), error.size() - begin.size() - end.size());
    };
    const std::string good = kUnknown + piece("a", -1);
    const auto with_rules = [&](const std::string& bytes) {
        return good + field(3, field(2, bytes));
    };
    REQUIRE_NOTHROW(open(good));
    CHECK(why("") == "it has no unknown piece");
    CHECK(why(kUnknown) == "it has no pieces that a text can have");
    CHECK(why("nonsense") == "at byte 0: no field has the wire type 6");
    CHECK(why(good + "\x0A\x7F") == "at byte 30: 127 bytes should follow, and 0 are left");
    CHECK(why(good + "\x0A\xFF") == "at byte 29: a number is cut off");
    CHECK(why(good + std::string(11, '\xFF')) == "at byte 28: a number does not fit 64 bits");
    CHECK(why(good + "\0"s) == "at byte 28: no field has such a number");
    CHECK(why(good + flag(1, 7)) == "at byte 28: field 1 has the wire type 0 instead of 2");
    CHECK(why(good + piece("", 0)) == "piece 2 has no text");
    CHECK(why(good + piece(std::string(1'000'000, 'x'), 0)) ==
          "piece 2 has 1,000,000 bytes, more than 1,024");
    CHECK(why(good + piece("b\0"s, 0)) == "piece 2 holds a zero byte");
    CHECK(why(good + piece("b\xC3", 0)) == "piece 2 is not valid UTF-8");
    CHECK(why(good + piece("b", std::numeric_limits<float>::infinity())) ==
          "piece 2 has a score that is not finite");
    CHECK(why(good + piece("b", std::numeric_limits<float>::quiet_NaN())) ==
          "piece 2 has a score that is not finite");
    CHECK(why(good + piece("b", 0, 7)) == "piece 2 is of the unknown kind 7");
    CHECK(why(good + piece("a", 0, 3)) == "piece 2 is the same as piece 1");
    CHECK(why(good + piece("<b>", 0, 2)) == "piece 2 is a second unknown piece, after piece 0");
    CHECK(why(good + piece("<0x41>", 0, 6)) == "piece 2 is a byte where the model has none such");
    CHECK(why(good + field(2, flag(35, 1))) ==
          "it falls back on bytes and has no piece for some of them");
    CHECK(why(good + field(2, flag(3, 2))) == "its type is BPE, and octet reads unigram models");
    CHECK(why(with_rules("\1")) == "its normalization rules are cut off");
    CHECK(why(with_rules(rules('b', "x\0"s).substr(0, 1000))) ==
          "its normalization rules have a trie of 2,048 bytes in 996");
    CHECK(why(with_rules(rules('b', "x\0"s, 0, 512))) ==
          "unit 98 of its normalization rules leads out of their 512");
    std::string leaf_first = rules('b', "x\0"s);
    leaf_first.replace(4, 4, little_endian(1U << 31U | 1000U << 10U));
    CHECK(why(with_rules(leaf_first)) == "the trie of its normalization rules begins with a leaf");
    CHECK(why(with_rules(rules('b', "x\0"s, 2))) ==
          "unit 98 of its normalization rules has no replacement among their 2 bytes");
    CHECK(why(with_rules(rules('b', "x\0"s, 0, 255))) ==
          "unit 98 of its normalization rules has no replacement among their 2 bytes");
    CHECK(why(with_rules(rules('b', "\xC3\xA9\0"s, 1))) ==
          "unit 98 of its normalization rules has a replacement that begins within a character");
    CHECK(why(with_rules(rules('b', "x"))) ==
          "the replacements of its normalization rules are no UTF-8 texts with ends");
    CHECK(why(with_rules(rules('b', std::string(257, 'x') + "\0"s))) ==
          "a replacement of its normalization rules has 257 bytes, more than 256");
    CHECK(why(good + field(5, field(2, "\1"))) == "its normalization rules are cut off");
}

TEST_CASE("rules that go round or make a text grow out of proportion are refused", "[model]") {
    using namespace std::string_literals;
    const std::string pieces = kUnknown + piece("a", -1);
    const auto growing =
        open(pieces + field(3, field(2, rules('a', std::string(256, 'b') + "\0"s))));
    CHECK(growing->encode("aaaa").size() == 1);
    CHECK(error_of([&] { growing->encode(std::string(1000, 'a')); }) ==
          "3 f: is not a SentencePiece model (its normalization rules make more than 16 bytes of "
          "one); fetch it again");
    // The unit of 'a' begins the children, too, among which it finds itself.
    std::string round = rules('a', "x\0"s);
    round.replace(4 + 4 * 'a', 4, little_endian('a' | static_cast<std::uint32_t>('a') << 10U));
    const auto cyclic = open(pieces + field(3, field(2, round)));
    CHECK(cyclic->encode(std::string(256, 'a')).size() == 257);
    CHECK(error_of([&] { cyclic->encode(std::string(257, 'a')); }) ==
          "3 f: is not a SentencePiece model (a normalization rule takes more than 256 bytes); "
          "fetch it again");
}

TEST_CASE("pieces within pieces and a word of a million characters take time in proportion",
          "[model]") {
    std::string file = kUnknown;
    std::string text;
    for (std::size_t size = 1; size <= tokenize::kMostPieceBytes; ++size)
        file += piece(text += 'a', -static_cast<float>(size));
    const auto tokenizer = open(file + piece(kSpace, -1));
    CHECK(tokenizer->encode(std::string(20'000, 'a')).size() > 20);
    const auto one = open(kUnknown + piece("a", -1) + piece(kSpace, -1));
    CHECK(one->encode(std::string(1'000'000, 'a')).size() == 1'000'001);
}

TEST_CASE("of 100,000 tries with units of chance none leads a text out of its array", "[model]") {
    const std::string pieces = kUnknown + piece("a", -1);
    const std::string whole = rules('a', std::string("x\0", 2));
    std::mt19937 chance(2);
    const auto below = [&](std::size_t end) { return chance() % end; };
    constexpr std::array<std::uint32_t, 5> kMasks = {0xFFFFFFFF, 0x8007FFFF, 0x0007FDFF, 0x80000161,
                                                     0x7FFFFFFF};
    std::size_t taken = 0;
    for (int i = 0; i < 100'000; ++i) {
        std::string changed = whole;
        for (std::size_t edits = 1 + below(3); edits > 0; --edits) {
            constexpr std::array<std::size_t, 3> kReached = {
                0, 'a', 256};  // by any text, by the letter, as its leaf
            const std::size_t place = below(2) == 0 ? kReached[below(kReached.size())] : below(512);
            const auto unit = static_cast<std::uint32_t>(chance()) & kMasks[below(kMasks.size())];
            changed.replace(4 + 4 * place, 4, little_endian(unit));
        }
        const std::string error = error_of([&] {
            open(pieces + field(3, field(2, changed)))->encode("aab\xC3\xA9 \xE2\x82\xAC a");
            ++taken;
        });
        if (error != "nothing" && !error.starts_with("3 f: is not a SentencePiece model ("))
            FAIL(i << ": " << error);
    }
    CHECK(taken > 1'000);
    CHECK(taken < 99'000);
}

TEST_CASE("of 100,000 mutated SentencePiece models none crashes, and each refusal is one line",
          "[model]") {
    const std::vector<std::string> seeds = {
        whole_model(), kUnknown + piece("a", -1) + piece(kSpace, -1),
        kUnknown + piece("ab", -1) + piece("b", -2, 4) + field(2, flag(24, 1) + field(44, "?")) +
            field(3, flag(4, 0))};
    constexpr std::array<char, 8> kOddBytes = {'\0',   '\1',   '\x0A', '\x12',
                                               '\x7F', '\x80', '\xF0', '\xFF'};
    std::mt19937 chance(1);
    const auto below = [&](std::size_t end) { return chance() % end; };
    std::size_t taken = 0;
    for (std::size_t i = 0; i < 100'000; ++i) {
        std::string file = seeds[i % seeds.size()];
        for (std::size_t edits = 1 + below(4); edits > 0 && !file.empty(); --edits) {
            const std::size_t at = below(file.size());
            switch (below(6)) {
                case 0:
                    file[at] = static_cast<char>(chance());
                    break;
                case 1:
                    file[at] = kOddBytes[below(kOddBytes.size())];
                    break;
                case 2:
                    file[at] = static_cast<char>(file[at] ^ 1 << below(8));
                    break;
                case 3:
                    file.erase(at, 1 + below(40));
                    break;
                case 4:
                    file.insert(at, file.substr(below(file.size()), 1 + below(40)));
                    break;
                default:
                    file.resize(below(8) == 0 ? at : file.size());
                    break;
            }
        }
        const std::string error = error_of([&] {
            const auto tokenizer = open(file);
            Ids ids = tokenizer->encode("Aab aba<x> \xC3\xA9\xE2\x82\xAC b");
            ids.insert(ids.end(), {0U, 1U, 9U, 300U, 4'000'000'000U});
            if (!is_utf8(tokenizer->decode(ids))) throw std::logic_error("its text is not UTF-8");
            ++taken;
        });
        if (error == "nothing" ||
            (error.starts_with("3 f: is not a SentencePiece model (") && printable(error) == error))
            continue;
        FAIL("mutation " << i << ": " << error);
    }
    CHECK(taken > 1'000);
    CHECK(taken < 99'000);
}

// scripts/tokenizers.sh makes the models and says where they are.
TEST_CASE("models of every option have the ids and texts of SentencePiece", "[model]") {
    const char* const folder = std::getenv("OCTET_PIECE_MODELS");
    if (folder == nullptr) {
        WARN("skipped: run scripts/tokenizers.sh");
        return;
    }
    for (const json& entry : json::parse(read_file(fs::path(folder) / "cases.json"))) {
        const auto name = entry["model"].get<std::string>();
        const auto tokenizer = open(read_file(fs::path(folder) / name));
        for (const json& one : entry["cases"]) {
            const auto text = one["text"].get<std::string>();
            CAPTURE(name, text);
            CHECK(tokenizer->encode(text) == one["ids"].get<Ids>());
            CHECK(tokenizer->decode(one["ids"].get<Ids>()) == one["back"].get<std::string>());
            CHECK(tokenizer->decode(one["some"].get<Ids>()) == one["some_back"].get<std::string>());
        }
    }
}

}  // namespace octet::test
