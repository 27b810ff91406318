// GPT-2's tokenizer. The input: a control byte, then vocab.json and merges.txt, or with its lowest
// bit tokenizer.json, then a text, cut by NUL bytes. Of what is accepted, a text whose bytes all
// have tokens comes back from its ids as it was.
#include "base/text.hpp"
#include "fuzz_support.hpp"
#include "tokenize/tokenizer.hpp"

using namespace octet;

namespace {

/// What stands for the text: itself, or a text of the first bytes that are valid UTF-8.
std::string text_of(std::string_view given) {
    return octet::is_utf8(given) ? std::string(given) : tokenize::mended_utf8(given);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Parts parts(data, size);
    const bool is_joined = (parts.control() & 1U) != 0;
    const std::string_view first = parts.text();
    const std::string_view merges = is_joined ? std::string_view() : parts.text();
    const std::string text = text_of(parts.text());
    std::unique_ptr<tokenize::BpeTables> tables;
    if (!fuzz::accepted([&] {
            tables = is_joined ? tokenize::parse_tokenizer_json(first, "f\x1b")
                               : tokenize::parse_vocab_and_merges(first, "v\x1b", merges, "m\x1b");
        }))
        return 0;
    const auto tokenizer = tokenize::make_byte_level_bpe(std::move(tables));
    tokenize::Ids ids;
    if (!fuzz::accepted([&] { ids = tokenizer->encode(text); })) return 0;
    fuzz::expect(ids.size() <= text.size(), "more tokens than bytes");
    fuzz::expect(tokenizer->decode(ids) == text, "a text does not come back from its ids");
    if (!ids.empty()) ids.erase(ids.begin());
    ids.push_back(4'000'000'000U);
    fuzz::expect(octet::is_utf8(tokenizer->decode(ids)), "the text of some ids is not UTF-8");
    return 0;
}
