#include "model/tokenizer.hpp"

#include "base/text.hpp"

namespace octet::model {

std::unique_ptr<Tokenizer> open_tokenizer(const std::filesystem::path& folder, const Config& config) {
    return config.family == checkpoint::Family::kT5 ? open_sentence_pieces(folder) : open_byte_level_bpe(folder);
}

std::string mended_utf8(std::string_view text) {
    if (is_utf8(text)) return std::string(text);
    constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
    std::string mended;
    while (!text.empty()) {
        std::size_t size = 0;  // of the valid character at the start
        for (std::size_t tried = 1; tried <= 4 && tried <= text.size() && size == 0; ++tried) {
            if (is_utf8(text.substr(0, tried))) size = tried;
        }
        mended += size > 0 ? text.substr(0, size) : kReplacement;
        text.remove_prefix(size > 0 ? size : 1);
    }
    return mended;
}

}  // namespace octet::model
