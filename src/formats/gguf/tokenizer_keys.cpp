#include "formats/gguf/tokenizer_keys.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "io/file.hpp"

namespace octet::gguf {

std::string padding_token(std::uint64_t number) {
    return fmt::format("[PAD{}]", number);
}

void add_token_numbers(const ModelConfig& config, std::uint64_t rows, Keys& keys) {
    struct Row {
        const char* member;
        const char* key;
    };
    static constexpr Row kRows[] = {{"bos_token_id", "tokenizer.ggml.bos_token_id"},
                                    {"eos_token_id", "tokenizer.ggml.eos_token_id"},
                                    {"unk_token_id", "tokenizer.ggml.unknown_token_id"},
                                    {"pad_token_id", "tokenizer.ggml.padding_token_id"}};
    for (const Row& row : kRows) {
        const std::int64_t number = config.token_or(row.member, -1);
        if (number < 0) continue;
        if (static_cast<std::uint64_t>(number) < rows) keys.push_back({row.key, static_cast<std::uint32_t>(number)});
    }
}

void add_tokenizer_keys(const TokenizerSource& source, Keys& keys, std::vector<std::string>& notes) {
    const auto is_there = [&](const char* name) { return io::exists(source.folder / name); };
    if (is_there("tokenizer.json") || (is_there("vocab.json") && is_there("merges.txt")))
        if (source.architecture.name != "t5") return add_bpe_keys(source, keys);
    if (is_there("spiece.model")) return add_piece_keys(source, source.folder / "spiece.model", keys);
    keys.push_back({"tokenizer.ggml.model", std::string("none")});
    const std::string key = std::string(source.architecture.name) + ".vocab_size";
    keys.push_back({key, static_cast<std::uint32_t>(source.rows)});
    notes.push_back(fmt::format("{}: no tokenizer of {} in it; the GGUF file runs on numbers of tokens alone",
                                printable(source.folder.native()), source.architecture.name));
}

}  // namespace octet::gguf
