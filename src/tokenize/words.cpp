// GPT-2's pattern with Unicode's white space written out, compiled by PCRE2, and by its
// just-in-time compiler where there is one.
#define PCRE2_CODE_UNIT_WIDTH 8
#include "tokenize/words.hpp"

#include <pcre2.h>

#include <fmt/format.h>

#include "octet/error.hpp"

namespace octet::tokenize {
namespace {

/// White space is Unicode's property White_Space, which PCRE2's \s is not quite.
constexpr std::string_view kPattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\x09-\x0D\x{85}\p{Z}\p{L}\p{N}]+)"
    R"(|[\x09-\x0D\x{85}\p{Z}]+(?![^\x09-\x0D\x{85}\p{Z}])|[\x09-\x0D\x{85}\p{Z}]+)";

struct FreeCode {
    void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct FreeMatch {
    void operator()(pcre2_match_data* match) const { pcre2_match_data_free(match); }
};

}  // namespace

struct Words::Pattern {
    std::unique_ptr<pcre2_code, FreeCode> code;
};

Words::Words() {
    int error = 0;
    PCRE2_SIZE where = 0;
    auto pattern = std::make_unique<Pattern>();
    pattern->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(kPattern.data()),
                                      kPattern.size(), PCRE2_UTF | PCRE2_UCP, &error, &where,
                                      nullptr));
    if (!pattern->code)
        throw Error(ErrorCode::kInternal,
                    fmt::format("the pattern of words: error {} at {}", error, where));
    pcre2_jit_compile(pattern->code.get(), PCRE2_JIT_COMPLETE);  // if not: the interpreter does
    pattern_ = std::move(pattern);
}

Words::~Words() = default;

void Words::for_each(std::string_view text,
                     const std::function<void(std::string_view word)>& call) const {
    const std::unique_ptr<pcre2_match_data, FreeMatch> match(pcre2_match_data_create(1, nullptr));
    std::size_t at = 0;
    while (at < text.size()) {
        const int found =
            pcre2_match(pattern_->code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()),
                        text.size(), at, at == 0 ? 0 : PCRE2_NO_UTF_CHECK, match.get(), nullptr);
        const PCRE2_SIZE* const ends = pcre2_get_ovector_pointer(match.get());
        if (found < 0 || ends[0] != at || ends[1] == at) {
            throw Error(
                found < -2 && found > -24 ? ErrorCode::kBadInput : ErrorCode::kInternal,
                fmt::format("the text: no word found at byte {} (PCRE2 says {})", at, found));
        }
        call(text.substr(at, ends[1] - at));
        at = ends[1];
    }
}

}  // namespace octet::tokenize
