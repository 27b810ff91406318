// The sidecar: the input is its text without the last member, the seal, which is put there so that
// a mutation does not end at it; or, by the control byte, the whole text. What is accepted is
// written and read again without a change; what is read without the JSON library is read as with
// it.
#include "../sidecar_text.hpp"
#include "fuzz_support.hpp"

using namespace octet;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Parts parts(data, size);
    const bool sealed = parts.control() != '!';
    const std::string_view given = parts.text();
    const std::string text = sealed ? test::sealed_text(std::string(given)) : std::string(given);
    std::optional<octet_set::Sidecar> sidecar;
    if (!fuzz::accepted([&] { sidecar = octet_set::parse_sidecar(text, "f\x1b"); })) return 0;
    const std::string written = test::sidecar_text(*sidecar);
    fuzz::expect(test::sidecar_text(octet_set::parse_sidecar(written, "again")) == written,
                 "a written sidecar reads back as another");
    if (!octet_set::parse_plain_sidecar(text)) return 0;
    // A space where octet writes none: only the library reads that.
    constexpr std::string_view kOpening = "\n  \"tensors\": ";
    std::string spaced = text.substr(0, text.rfind(",\n  \"xxh3_128\": "));
    spaced.insert(spaced.find(kOpening) + kOpening.size(), " ");
    spaced = test::sealed_text(spaced);
    fuzz::expect(!octet_set::parse_plain_sidecar(spaced),
                 "a form that octet does not write is taken for its own");
    fuzz::expect(test::sidecar_text(octet_set::parse_sidecar(spaced, "spaced")) == written,
                 "a sidecar is read without the JSON library as another");
    return 0;
}
