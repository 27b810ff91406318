// Which files make a tokenizer for which family; and text that a model cut within a character made
// valid again.
#include "tokenize/tokenizer.hpp"

#include "base/text.hpp"
#include "io/file.hpp"

namespace octet::tokenize {
namespace {

/// Bytes of the character at the start of `text`, or of the longest part of one that could have
/// gone on there; 1 where none begins. (The Unicode Standard, version 15, section 3.9, "U+FFFD
/// substitution of maximal subparts".)
std::size_t character_or_part(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned lead = byte(0);
    const std::size_t whole = lead < 0xC2 || lead > 0xF4 ? 1
                              : lead < 0xE0              ? 2
                              : lead < 0xF0              ? 3
                                                         : 4;
    std::size_t size = 1;
    for (; size < whole && size < text.size(); ++size) {
        const unsigned least = size > 1 ? 0x80 : lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
        const unsigned most = size > 1 ? 0xBF : lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
        if (byte(size) < least || byte(size) > most) break;
    }
    return size;
}

bool has_file(const std::filesystem::path& folder, const char* name) {
    return io::exists(folder / name);
}

}  // namespace

bool may_have_tokenizer(const std::filesystem::path& folder) {
    return has_file(folder, "vocab.json") || has_file(folder, "tokenizer.json") ||
           has_file(folder, "spiece.model");
}

bool has_tokenizer_files(const std::filesystem::path& folder, checkpoint::Family family) {
    const auto has = [&](const char* name) { return has_file(folder, name); };
    if (family == checkpoint::Family::kT5) return has("spiece.model");
    return (has("vocab.json") && has("merges.txt")) || has("tokenizer.json");
}

std::unique_ptr<Tokenizer> open_tokenizer(const std::filesystem::path& folder,
                                          checkpoint::Family family) {
    return family == checkpoint::Family::kT5 ? open_sentence_pieces(folder)
                                             : open_byte_level_bpe(folder);
}

std::string mended_utf8(std::string_view text) {
    if (is_utf8(text)) return std::string(text);
    std::string mended;
    while (!text.empty()) {
        const std::size_t size = character_or_part(text);
        const std::string_view taken = text.substr(0, size);
        mended += is_utf8(taken) ? taken : "\xEF\xBF\xBD";
        text.remove_prefix(size);
    }
    return mended;
}

}  // namespace octet::tokenize
