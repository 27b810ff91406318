// T5's tokenizer: the input is spiece.model. What octet takes must make ids of a text, and text of
// ids, without leaving the file.
#include "base/text.hpp"
#include "fuzz_support.hpp"
#include "tokenize/tokenizer.hpp"

using namespace octet;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string model(reinterpret_cast<const char*>(data), size);
    std::unique_ptr<tokenize::Tokenizer> tokenizer;
    if (!fuzz::accepted([&] { tokenizer = tokenize::make_sentence_pieces(model, "f\x1b"); }))
        return 0;
    tokenize::Ids ids;
    if (!fuzz::accepted([&] { ids = tokenizer->encode("where is Delhi?\xE2\x82\xAC  x"); }))
        return 0;
    ids.push_back(4'000'000'000U);
    ids.push_back(0);
    std::string text;
    fuzz::accepted([&] { text = tokenizer->decode(ids); });
    fuzz::expect(octet::is_utf8(text), "the text of some ids is not UTF-8");
    return 0;
}
