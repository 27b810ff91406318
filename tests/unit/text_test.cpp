// Text of messages and tables, spelling, and patterns over tensor names.
#include <cmath>

#include "base/pattern.hpp"
#include "base/text.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

TEST_CASE("printable text is one safe line") {
    REQUIRE(printable("plain é 权 😀") == "plain é 权 😀");
    REQUIRE(printable("a\nb\tc\rd") == "a\\nb\\tc\\rd");
    REQUIRE(printable(std::string("\0\x1b[31m\x7f", 7)) == "\\x00\\x1b[31m\\x7f");
    REQUIRE(printable("back\\slash") == "back\\\\slash");
    REQUIRE(printable("\xC2\x85|\xE2\x80\xA8|\xE2\x80\xAE|\xEF\xBB\xBF") ==
            "\\xc2\\x85|\\xe2\\x80\\xa8|\\xe2\\x80\\xae|\\xef\\xbb\\xbf");
}

TEST_CASE("bytes that are not UTF-8 are escaped one by one") {
    REQUIRE(printable("\xFF\xFE") == "\\xff\\xfe");
    REQUIRE(printable("\xC0\xAF") == "\\xc0\\xaf");                    // overlong
    REQUIRE(printable("\xE0\x80\xAF") == "\\xe0\\x80\\xaf");           // overlong
    REQUIRE(printable("\xED\xA0\x80") == "\\xed\\xa0\\x80");           // a surrogate
    REQUIRE(printable("\xF4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");  // beyond U+10FFFF
    REQUIRE(printable("\xF5\x80\x80\x80") == "\\xf5\\x80\\x80\\x80");  // no such lead byte
    REQUIRE(printable("ab\xE6\x9D") == "ab\\xe6\\x9d");                // cut off
    REQUIRE(printable("\xE6\x9D"
                      "a") ==
            "\\xe6\\x9d"
            "a");
}

TEST_CASE("valid UTF-8 is told from invalid") {
    for (const std::string_view good :
         {"", "a", "é", "权", "😀", "\xF4\x8F\xBF\xBF", "\xED\x9F\xBF", "\xEE\x80\x80"})
        REQUIRE(is_utf8(good));
    for (const std::string_view bad :
         {"\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xBF\xBF", "\xF0\x8F\xBF\xBF",
          "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80", "\xE6\x9D", "\xC3"})
        REQUIRE_FALSE(is_utf8(bad));
}

TEST_CASE("names in messages are quoted and cut in the middle when long") {
    REQUIRE(in_quotes("h.0.weight") == "'h.0.weight'");
    REQUIRE(in_quotes("") == "''");
    const std::string longest(120, 'x');
    REQUIRE(in_quotes(longest) == "'" + longest + "'");
    const std::string beyond = std::string(60, 'a') + std::string(61, 'b');
    REQUIRE(in_quotes(beyond) ==
            "'" + std::string(60, 'a') + std::string(20, 'b') + "..." + std::string(30, 'b') + "'");
}

TEST_CASE("sizes have four digits in SI units") {
    const std::vector<std::pair<std::uint64_t, std::string>> sizes = {
        {0, "0 B"},
        {1, "1 B"},
        {999, "999 B"},
        {1000, "1.000 kB"},
        {9999, "9.999 kB"},
        {10'000, "10.00 kB"},
        {99'994, "99.99 kB"},
        {99'995, "100.0 kB"},
        {999'949, "999.9 kB"},
        {999'950, "1.000 MB"},
        {126'828'680, "126.8 MB"},
        {548'105'171, "548.1 MB"},
        {999'950'000, "1.000 GB"},
        {1'000'000'000'000, "1.000 TB"},
        {18'446'744'073'709'551'615U, "18.45 EB"},
    };
    for (const auto& [bytes, text] : sizes) REQUIRE(si_size(bytes) == text);
    REQUIRE(full_size(126'828'680) == "126.8 MB (126,828,680 bytes)");
    REQUIRE(full_size(12) == "12 B (12 bytes)");
}

TEST_CASE("every size shows the four digits nearest to it") {
    std::mt19937_64 random(51);
    for (int i = 0; i < 20'000; ++i) {
        const std::uint64_t bytes = random() >> (random() % 54);
        if (bytes < 1000) continue;
        const std::string text = si_size(bytes);
        const double shown = std::stod(text);
        const double unit = std::pow(
            1000.0, 1.0 + static_cast<double>(std::string("kMGTPE").find(text[text.size() - 2])));
        INFO(bytes << " shown as " << text);
        REQUIRE(text.find_first_of(' ') == 5);
        REQUIRE(std::fabs(shown * unit - static_cast<double>(bytes)) <=
                5.001e-4 * static_cast<double>(bytes));
    }
}

TEST_CASE("numbers have commas between thousands and words a plural") {
    REQUIRE(with_commas(0) == "0");
    REQUIRE(with_commas(999) == "999");
    REQUIRE(with_commas(1000) == "1,000");
    REQUIRE(with_commas(123456) == "123,456");
    REQUIRE(with_commas(18'446'744'073'709'551'615U) == "18,446,744,073,709,551,615");
    REQUIRE(counted(1, "tensor") == "1 tensor");
    REQUIRE(counted(0, "tensor") == "0 tensors");
    REQUIRE(counted(1184, "tensor") == "1,184 tensors");
}

TEST_CASE("the place of an element is one index a dimension") {
    REQUIRE(shape_text({}) == "[]");
    REQUIRE(shape_text({768, 2304}) == "[768, 2304]");
    REQUIRE(index_text(0, {}) == "[]");
    REQUIRE(index_text(7, {10}) == "[7]");
    REQUIRE(index_text(23, {2, 3, 4}) == "[1, 2, 3]");
    REQUIRE(index_text(4, {2, 3}) == "[1, 1]");
    REQUIRE(index_text(0, {0, 3}) == "[0, 0]");
}

TEST_CASE("a misspelt word finds what was meant and nothing far away") {
    const std::vector<std::string> options = {"--rounding", "--preset", "--threads", "--force",
                                              "--json"};
    REQUIRE(nearest_spelling("--roundign", options) == "--rounding");
    REQUIRE(nearest_spelling("--treads", options) == "--threads");
    REQUIRE(nearest_spelling("--forced", options) == "--force");
    REQUIRE(nearest_spelling("quantise", {"quantize", "dequantize", "inspect"}) == "quantize");
    REQUIRE(nearest_spelling("isnpect", {"quantize", "dequantize", "inspect"}) == "inspect");
    REQUIRE_FALSE(nearest_spelling("--verbose-everything", options));
    REQUIRE_FALSE(nearest_spelling("xyz", {"all", "lesson"}));
    REQUIRE_FALSE(nearest_spelling("", {"a", "b"}));
    REQUIRE_FALSE(nearest_spelling(std::string(100'000, 'x'), options));
    REQUIRE_FALSE(nearest_spelling("word", {}));
}

bool glob(std::string_view pattern, std::string_view name) {
    return Pattern(pattern, "--tensors").matches(name);
}

TEST_CASE("globs match whole names") {
    REQUIRE(glob("h.0.attn.weight", "h.0.attn.weight"));
    REQUIRE_FALSE(glob("h.0", "h.0.attn"));
    REQUIRE_FALSE(glob("attn", "h.attn"));
    REQUIRE(glob("*", ""));
    REQUIRE(glob("*", "anything.at/all"));
    REQUIRE(glob("h.*.weight", "h.11.mlp.weight"));
    REQUIRE_FALSE(glob("h.*.weight", "h.11.mlp.bias"));
    REQUIRE(glob("*a*b*", "xxaxxbxx"));
    REQUIRE_FALSE(glob("*a*b*", "xxbxxaxx"));
    REQUIRE(glob("**", "x"));
    REQUIRE(glob("h.?.x", "h.1.x"));
    REQUIRE_FALSE(glob("h.?.x", "h.12.x"));
    REQUIRE_FALSE(glob("?", ""));
    REQUIRE(glob("", ""));
    REQUIRE_FALSE(glob("", "a"));
}

TEST_CASE("sets in globs hold ranges and may be inverted or unfinished") {
    REQUIRE(glob("h.[0-3].x", "h.2.x"));
    REQUIRE_FALSE(glob("h.[0-3].x", "h.4.x"));
    REQUIRE(glob("[abc]", "b"));
    REQUIRE(glob("[!abc]", "d"));
    REQUIRE_FALSE(glob("[!abc]", "b"));
    REQUIRE(glob("[]]", "]"));
    REQUIRE(glob("[a-]", "-"));
    REQUIRE(glob("*.[wb]*", "h.0.bias"));
    REQUIRE(glob("[a", "[a"));
    REQUIRE_FALSE(glob("[a", "a"));
    REQUIRE(glob("x[0-9][0-9]*", "x12y"));
}

TEST_CASE("a glob with many stars does not take long") {
    std::string pattern;
    for (int i = 0; i < 200; ++i) pattern += "a*";
    REQUIRE_FALSE(glob(pattern + "b", std::string(5000, 'a')));
    REQUIRE(glob(pattern, std::string(5000, 'a')));
}

TEST_CASE("regular expressions match whole names and bad ones are usage errors") {
    REQUIRE(glob("re:h\\.[0-9]+\\.attn.*", "h.10.attn.weight"));
    REQUIRE_FALSE(glob("re:attn", "h.attn"));
    REQUIRE(glob("re:.*(attn|mlp).*", "h.mlp.w"));
    REQUIRE_FALSE(glob("re:", "a"));
    const std::string error = error_of([] { Pattern("re:(", "--tensors"); });
    REQUIRE(error.rfind("2 --tensors: 're:(' is not a regular expression: ", 0) == 0);
}

}  // namespace
}  // namespace octet::test
