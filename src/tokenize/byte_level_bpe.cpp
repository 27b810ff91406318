// GPT-2's tokenizer (A. Radford et al., "Language Models are Unsupervised Multitask Learners",
// 2019): a pattern cuts the text into words, each word is a row of bytes, and neighbours merge in
// the order of their ranks.
#include <queue>

#include <fmt/format.h>

#include "base/text.hpp"
#include "io/file.hpp"
#include "octet/error.hpp"
#include "tokenize/tokenizer.hpp"
#include "tokenize/words.hpp"

namespace octet::tokenize {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMostFileBytes = 256U << 20U;

/// The symbols of a word as a linked list, and a queue of the pairs that could merge: n log n for a
/// word of n bytes.
class Word {
  public:
    Word(std::string_view bytes, const BpeTables& tables) : tables_(tables) {
        for (const char byte : bytes) {
            const auto token = tables.byte_tokens[static_cast<unsigned char>(byte)];
            if (!token) {
                throw Error(ErrorCode::kBadInput,
                            fmt::format("the text: byte 0x{:02x} has no token in the model's "
                                        "vocabulary; leave it out",
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
            if (!left.alive || left.token != best.left_token || left.next >= symbols_.size())
                continue;
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
        for (std::size_t i = 0; i < symbols_.size(); i = symbols_[i].next)
            ids.push_back(symbols_[i].token);
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
        if (rank < tables_.merges.size())
            queue_.push({rank, left, a, b, tables_.merges[rank].merged});
    }

    const BpeTables& tables_;
    std::vector<Symbol> symbols_;
    std::priority_queue<Candidate> queue_;
};

class ByteLevelBpe : public Tokenizer {
  public:
    explicit ByteLevelBpe(std::unique_ptr<const BpeTables> tables) : tables_(std::move(tables)) {}

    Ids encode(std::string_view text) const override {
        Ids ids;
        words_.for_each(text, [&](std::string_view bytes) {
            Word word(bytes, *tables_);
            word.merge_all();
            word.append_to(ids);
        });
        return ids;
    }

    std::string decode(std::span<const std::uint32_t> ids) const override {
        std::string bytes;
        for (const std::uint32_t id : ids) bytes += tables_->bytes_of(id);
        return mended_utf8(bytes);
    }

  private:
    std::unique_ptr<const BpeTables> tables_;
    Words words_;
};

}  // namespace

std::unique_ptr<Tokenizer> make_byte_level_bpe(std::unique_ptr<const BpeTables> tables) {
    return std::make_unique<ByteLevelBpe>(std::move(tables));
}

std::unique_ptr<Tokenizer> open_byte_level_bpe(const fs::path& folder) {
    const fs::path vocab = folder / "vocab.json";
    const fs::path merges = folder / "merges.txt";
    const fs::path joined = folder / "tokenizer.json";
    if (io::exists(vocab) && io::exists(merges))
        return make_byte_level_bpe(read_vocab_and_merges(vocab, merges, kMostFileBytes));
    if (io::exists(joined))
        return make_byte_level_bpe(
            parse_tokenizer_json(io::read_text_file(joined, kMostFileBytes), joined.native()));
    throw Error(ErrorCode::kBadInput, printable(folder.native()),
                "has no tokenizer: neither vocab.json and merges.txt nor tokenizer.json; fetch "
                "them, or give token ids");
}

}  // namespace octet::tokenize
