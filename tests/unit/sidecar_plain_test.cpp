// A sidecar as octet writes it is read without the JSON library, and never otherwise than with it.
#include "formats/octet_set/json_nodes.hpp"
#include "sidecar_sample.hpp"

namespace octet::test {
namespace {

constexpr std::string_view kOpening = "\n  \"tensors\": {";

/// A sidecar with a tensor of each form, all of whose names are plain.
octet_set::Sidecar plain_sample() {
    octet_set::Sidecar sidecar = sample();
    sidecar.tensors[0].name = "wte.weight";
    TensorReport two_levels = sidecar.tensors[0];
    two_levels.name = "two";
    two_levels.shape = {768, 2304};
    two_levels.scheme = parse_scheme("u4-group18-axis1-mse-two");
    two_levels.scale.reset();
    two_levels.zero_point.reset();
    TensorReport whole = sidecar.tensors[0];
    whole.name = "whole";
    whole.scheme->zero_point = ZeroPoint::kInteger;
    whole.zero_point = 7.0F;
    TensorReport tied = sidecar.tensors[0];
    tied.name = "lm_head.weight";
    tied.same_as = "wte.weight";
    sidecar.tensors.insert(sidecar.tensors.end(), {two_levels, whole, tied});
    sidecar.tied_positions = {2};
    return sidecar;
}

/// The text without its seal, which is the last that it has.
std::string without_seal(const std::string& text) {
    return text.substr(0, text.rfind(",\n  \"xxh3_128\": "));
}

/// What comes of a text: the sidecar's text, or why it is refused.
std::string outcome(const std::string& text) {
    std::string read;
    const std::string refusal =
        error_of([&] { read = sidecar_text(octet_set::parse_sidecar(text, "f")); });
    // Where the JSON library stops is shifted by a space before it.
    return refusal == "nothing" ? read : refusal.substr(0, refusal.find("not valid JSON"));
}

/// The same where a space stands that octet does not write there, so that only the JSON library
/// reads it.
std::string roundabout_outcome(std::string unsealed) {
    const std::size_t at = unsealed.find(kOpening);
    if (at != unsealed.npos) unsealed.insert(at + kOpening.size() - 1, " ");
    const std::string text = sealed_text(unsealed);
    REQUIRE(!octet_set::parse_plain_sidecar(text));
    return outcome(text);
}

TEST_CASE("a sidecar as it is written is read without the JSON library") {
    const std::string text = sidecar_text(plain_sample());
    const auto plain = octet_set::parse_plain_sidecar(text);
    REQUIRE(plain);
    REQUIRE(plain->tensors.size() == 6);
    REQUIRE(sidecar_text(*plain) == text);
    REQUIRE(roundabout_outcome(without_seal(text)) == text);
    REQUIRE(!octet_set::parse_plain_sidecar(sidecar_text(sample())));  // an escape in a name
    octet_set::Sidecar empty;
    REQUIRE(octet_set::parse_plain_sidecar(sidecar_text(empty)));
}

TEST_CASE("a changed sidecar is read or refused as by the JSON library") {
    const std::string unsealed = without_seal(sidecar_text(plain_sample()));
    std::size_t plain = 0;
    std::size_t refused = 0;
    std::size_t removed = 0;
    for (std::size_t at = unsealed.find(kOpening) + kOpening.size(); at <= unsealed.size(); ++at) {
        for (const std::string_view piece : {"", "0", "-", ".", "\"", ",", "}", " ", "\xE9"}) {
            std::string changed = unsealed;
            changed.replace(at, removed ^= 1, piece);
            const std::string text = sealed_text(changed);
            const std::string read = outcome(text);
            if (read.starts_with("3 ")) ++refused;
            if (octet_set::parse_plain_sidecar(text)) ++plain;
            INFO(changed);
            REQUIRE(read == roundabout_outcome(changed));
        }
    }
    REQUIRE(plain > 1000);
    REQUIRE(refused > 5000);
}

TEST_CASE("more values than any entry has are left to the JSON library") {
    const auto is_plain = [](std::size_t count) {
        std::string text = "[0";
        for (std::size_t i = 1; i < count; ++i) text += ",0";
        std::vector<octet_set::JsonNode> nodes;
        return octet_set::PlainJson(text + "]", 0).value(nodes);
    };
    CHECK(is_plain(100));
    CHECK(!is_plain(1000));
}

TEST_CASE("what only looks like the tensors is none") {
    octet_set::Sidecar sidecar = plain_sample();
    sidecar.source_index = octet_set::SourceIndex{"model.safetensors.index.json", "{}"};
    const std::string text = sidecar_text(sidecar);
    const std::size_t begin = text.find(kOpening);
    const std::string tensors = without_seal(text).substr(begin);
    // Inside another member, before the real ones and in their place.
    std::string unsealed = without_seal(text);
    const std::string metadata = "\"metadata\": {";
    unsealed.insert(unsealed.find(metadata) + metadata.size(), tensors);
    REQUIRE(!octet_set::parse_plain_sidecar(sealed_text(unsealed)));
    REQUIRE(outcome(sealed_text(unsealed)).starts_with("{\n  \"format\": \"octet\""));
    std::string nested = text.substr(0, begin) + "\n  \"options\": {" + tensors + "\n  }";
    REQUIRE(!octet_set::parse_plain_sidecar(sealed_text(nested)));
    REQUIRE(outcome(sealed_text(nested)) == refused("the key 'options' stands twice"));
    // Twice, and with the seal of another text.
    REQUIRE(outcome(sealed_text(without_seal(text) + "," + tensors)) ==
            refused("the key 'tensors' stands twice"));
    std::string broken = text;
    broken[text.size() - 5] = broken[text.size() - 5] == '0' ? '1' : '0';
    REQUIRE(!octet_set::parse_plain_sidecar(broken));
    REQUIRE(outcome(broken) ==
            refused("does not match its own checksum: it was changed after it was written"));
}

}  // namespace
}  // namespace octet::test
