// GPT-2's tokenizer (A. Radford et al., "Language Models are Unsupervised Multitask Learners", 2019): a pattern cuts the text into
// words, each word is a row of bytes, and neighbours merge in the order of their ranks.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <queue>

#include <fmt/format.h>

#include "base/text.hpp"
#include "io/file.hpp"
#include "model/tokenizer.hpp"
#include "octet/error.hpp"

namespace octet::model {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMostFileBytes = 256U << 20U;

/// White space is Unicode's property White_Space, which PCRE2's \s is not quite.
constexpr std::string_view kWords = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\x09-\x0D\x{85}\p{Z}\p{L}\p{N}]+)"
                                    R"(|[\x09-\x0D\x{85}\p{Z}]+(?![^\x09-\x0D\x{85}\p{Z}])|[\x09-\x0D\x{85}\p{Z}]+)";

struct FreeCode {
    void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct FreeMatch {
    void operator()(pcre2_match_data* match) const { pcre2_match_data_free(match); }
};

std::unique_ptr<pcre2_code, FreeCode> compiled_words() {
    int error = 0;
    PCRE2_SIZE where = 0;
    std::unique_ptr<pcre2_code, FreeCode> code(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(kWords.data()), kWords.size(),
                                                             PCRE2_UTF | PCRE2_UCP, &error, &where, nullptr));
    if (!code) throw Error(ErrorCode::kInternal, fmt::format("the pattern of words: error {} at {}", error, where));
    pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);  // without it the interpreter does
    return code;
}

/// The symbols of a word as a linked list, and a queue of the pairs that could merge: n log n for a word of n bytes.
class Word {
  public:
    Word(std::string_view bytes, const BpeTables& tables) : tables_(tables) {
        for (const char byte : bytes) {
            const auto token = tables.byte_tokens[static_cast<unsigned char>(byte)];
            if (!token) {
                throw Error(ErrorCode::kBadInput,
                            fmt::format("the text: byte 0x{:02x} has no token in the model's vocabulary; leave it out",
                                        static_cast<unsigned char>(byte)));
            }
            symbols_.push_back({*token, symbols_.size() - 1, symbols_.size() + 1, true});
        }
        for (std::size_t i = 0; i + 1 < symbols_.size(); ++i) propose(i);
    }

    void merge_all() {
        while (!queue_.empty()) {
            const Candidate best = queue_.top();
            queue_.pop();
            Symbol& left = symbols_[best.left];
            if (!left.alive || left.token != best.left_token || left.next >= symbols_.size()) continue;
            Symbol& right = symbols_[left.next];
            if (right.token != best.right_token) continue;
            left.token = best.merged;
            right.alive = false;
            left.next = right.next;
            if (left.next < symbols_.size()) {
                symbols_[left.next].previous = best.left;
                propose(best.left);
            }
            if (left.previous < symbols_.size()) propose(left.previous);
        }
    }

    void append_to(Ids& ids) const {
        for (std::size_t i = 0; i < symbols_.size(); i = symbols_[i].next) ids.push_back(symbols_[i].token);
    }

  private:
    struct Symbol {
        std::uint32_t token;
        std::size_t previous;  ///< beyond the end: none
        std::size_t next;
        bool alive;
    };
    struct Candidate {
        std::uint32_t rank;
        std::size_t left;
        std::uint32_t left_token;
        std::uint32_t right_token;
        std::uint32_t merged;

        bool operator<(const Candidate& other) const {  // the queue's top is the largest
            return rank != other.rank ? rank > other.rank : left > other.left;
        }
    };

    void propose(std::size_t left) {
        const std::uint32_t a = symbols_[left].token;
        const std::uint32_t b = symbols_[symbols_[left].next].token;
        const std::uint32_t rank = tables_.merges.rank_of(a, b);
        if (rank < tables_.merges.size()) queue_.push({rank, left, a, b, tables_.merges[rank].merged});
    }

    const BpeTables& tables_;
    std::vector<Symbol> symbols_;
    std::priority_queue<Candidate> queue_;
};

class ByteLevelBpe : public Tokenizer {
  public:
    explicit ByteLevelBpe(std::unique_ptr<const BpeTables> tables)
        : tables_(std::move(tables)), words_(compiled_words()) {}

    Ids encode(std::string_view text) const override {
        const std::unique_ptr<pcre2_match_data, FreeMatch> match(pcre2_match_data_create(1, nullptr));
        Ids ids;
        std::size_t at = 0;
        while (at < text.size()) {
            const int found = pcre2_match(words_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at,
                                          at == 0 ? 0 : PCRE2_NO_UTF_CHECK, match.get(), nullptr);
            const PCRE2_SIZE* const ends = pcre2_get_ovector_pointer(match.get());
            if (found < 0 || ends[0] != at || ends[1] == at) {
                throw Error(found < -2 && found > -24 ? ErrorCode::kBadInput : ErrorCode::kInternal,
                            fmt::format("the text: no word found at byte {} (PCRE2 says {})", at, found));
            }
            Word word(text.substr(at, ends[1] - at), *tables_);
            word.merge_all();
            word.append_to(ids);
            at = ends[1];
        }
        return ids;
    }

    std::string decode(std::span<const std::uint32_t> ids) const override {
        std::string bytes;
        for (const std::uint32_t id : ids) bytes += tables_->bytes_of(id);
        return mended_utf8(bytes);
    }

  private:
    std::unique_ptr<const BpeTables> tables_;
    std::unique_ptr<pcre2_code, FreeCode> words_;
};

}  // namespace

std::unique_ptr<Tokenizer> make_byte_level_bpe(std::unique_ptr<const BpeTables> tables) {
    return std::make_unique<ByteLevelBpe>(std::move(tables));
}

std::unique_ptr<Tokenizer> open_byte_level_bpe(const fs::path& folder) {
    std::error_code ignored;
    const fs::path vocab = folder / "vocab.json";
    const fs::path merges = folder / "merges.txt";
    const fs::path joined = folder / "tokenizer.json";
    if (fs::exists(vocab, ignored) && fs::exists(merges, ignored))
        return make_byte_level_bpe(read_vocab_and_merges(vocab, merges, kMostFileBytes));
    if (fs::exists(joined, ignored))
        return make_byte_level_bpe(parse_tokenizer_json(io::read_text_file(joined, kMostFileBytes), joined.native()));
    throw Error(
        ErrorCode::kBadInput, printable(folder.native()),
        "has no tokenizer: neither vocab.json and merges.txt nor tokenizer.json; fetch them, or give token ids");
}

}  // namespace octet::model
