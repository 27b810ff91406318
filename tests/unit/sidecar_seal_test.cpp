// The seal of a sidecar: no byte of it changes unnoticed.
#include "quant/checksum.hpp"
#include "sidecar_sample.hpp"

namespace octet::test {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view kBrokenSeal =
    "does not match its own checksum: it was changed after it was written";

TEST_CASE("the seal is the checksum of everything before it") {
    const std::string text = sidecar_text(sample());
    const std::size_t at = text.rfind("\"xxh3_128\"");
    const Checksum expected = quant::checksum_of(std::as_bytes(std::span(text)).first(at));
    REQUIRE(text.substr(at) == "\"xxh3_128\": \"" + checksum_text(expected) + "\"\n}\n");
    REQUIRE(text.substr(0, at) + octet_set::seal_of(text.substr(0, at)) == text);
    REQUIRE(sealed_text(text.substr(0, text.rfind(","))) == text);
}

TEST_CASE("a text with the wrong seal or none is refused") {
    const std::string text = sidecar_text(sample());
    REQUIRE(refusal(unsealed_sample().dump()) == refused("the sidecar has no 'xxh3_128'"));
    REQUIRE(refusal(ordered_json::parse(text).dump()) == refused(kBrokenSeal));
    REQUIRE(refusal(text + "\n") == refused(kBrokenSeal));
    REQUIRE(refusal(text.substr(0, text.size() - 1)) == refused(kBrokenSeal));
    std::string changed = text;
    changed.replace(changed.find("24.1"), 4, "24.2");
    REQUIRE(refusal(changed) == refused(kBrokenSeal));
    std::string other_hex = text;
    char& digit = other_hex[text.size() - 5];
    digit = digit == '0' ? '1' : '0';
    REQUIRE(refusal(other_hex) == refused(kBrokenSeal));
    const std::size_t at = text.rfind("\"xxh3_128\"");
    for (const std::string_view wrong : {"\"12\"", "5", "null"}) {
        const std::string unfit =
            text.substr(0, at) + "\"xxh3_128\": " + std::string(wrong) + "\n}\n";
        REQUIRE(refusal(unfit) == refused(kBrokenSeal));
    }
    std::string behind = text;
    behind.insert(behind.rfind("\n}"), ",\n  \"more\": 1");
    REQUIRE(refusal(behind) == refused("the sidecar has the unknown key 'more'"));
}

TEST_CASE("every bit of a sidecar counts") {
    std::string text = sidecar_text(sample());
    for (std::size_t bit = 0; bit < 8 * text.size(); ++bit) {
        char& byte = text[bit / 8];
        const char before = byte;
        byte = static_cast<char>(static_cast<unsigned char>(byte) ^ (1U << (bit % 8)));
        if (refusal(text) == "nothing") FAIL("bit " << bit % 8 << " of byte " << bit / 8);
        byte = before;
    }
    REQUIRE(refusal(text) == "nothing");
}

}  // namespace
}  // namespace octet::test
