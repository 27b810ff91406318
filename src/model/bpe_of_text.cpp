#include "model/bpe_of_text.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_set>
#include <vector>

#include "base/text.hpp"
#include "io/file.hpp"
#include "io/large_buffer.hpp"
#include "model/aside.hpp"
#include "model/find_byte.hpp"
#include "model/merges.hpp"
#include "model/token_table.hpp"
#include "model/vocabulary_text.hpp"
#include "model/words.hpp"

namespace octet::model {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostParts = 4096;  ///< of words of the text

std::uint64_t hash_of(std::string_view text) {
    return TokenTable::question_of(text).hash;
}

/// All parts of the words of a text, as tokens spell them.
class Parts {
  public:
    /// False where there are too many.
    bool add_word(std::string_view bytes) {
        if (bytes.size() * bytes.size() > 2 * kMostParts) return false;
        std::vector<std::string> letters;
        for (const char byte : bytes) letters.push_back(token_of_byte(static_cast<unsigned char>(byte)));
        for (std::size_t first = 0; first < letters.size(); ++first) {
            std::string part;
            for (std::size_t i = first; i < letters.size(); ++i) {
                part += letters[i];
                const std::uint64_t hash = hash_of(part);
                may_be_[hash % kBits / 64] |= std::uint64_t{1} << (hash % 64);
                parts_.insert(part);
            }
        }
        return parts_.size() <= kMostParts;
    }

    bool has(std::string_view token, std::uint64_t hash) const {
        if ((may_be_[hash % kBits / 64] >> (hash % 64) & 1U) == 0) return false;
        return parts_.find(std::string(token)) != parts_.end();
    }

  private:
    static constexpr std::size_t kBits = 1U << 16U;

    std::vector<std::uint64_t> may_be_ =
        std::vector<std::uint64_t>(kBits / 64);  ///< by hash; of most tokens no bit is set
    std::unordered_set<std::string> parts_;
};

/// Half of the hashes of texts, by the other half: tells texts that are certainly not there, or certainly new.
class Hashes {
  public:
    /// As many zeros as a power of two.
    explicit Hashes(std::span<std::uint32_t> slots) : slots_(slots) {}

    /// False where it may be there already, and where there is no room.
    bool insert(std::uint64_t hash) {
        if (5 * ++count_ > 4 * slots_.size()) return false;
        std::uint32_t& slot = slots_[place_of(hash)];
        return std::exchange(slot, tag_of(hash)) == 0;
    }

    bool has(std::uint64_t hash) const { return slots_[place_of(hash)] != 0; }

  private:
    static std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32U) | 1U; }

    /// Where it is, or would be.
    std::size_t place_of(std::uint64_t hash) const {
        std::size_t at = hash & (slots_.size() - 1);
        while (slots_[at] != 0 && slots_[at] != tag_of(hash)) at = (at + 1) & (slots_.size() - 1);
        return at;
    }

    std::span<std::uint32_t> slots_;
    std::size_t count_ = 0;
};

/// The texts of the files, and what was made of them, in huge pages, which take few faults to fill.
struct Memory {
    Memory(std::size_t vocab_bytes, std::size_t merges_bytes)
        : slots(std::bit_ceil(std::max<std::size_t>(vocab_bytes / kBytesOfToken, 1024))),
          buffer(std::max<std::uint64_t>(2 * slots * sizeof(std::uint32_t) + vocab_bytes + merges_bytes, kLeastBytes)) {
        const std::span<std::byte> bytes = buffer.bytes();
        const std::size_t tables = 2 * slots * sizeof(std::uint32_t);
        std::memset(bytes.data(), 0, tables);
        hashes = {reinterpret_cast<std::uint32_t*>(bytes.data()), slots};
        places = {hashes.data() + slots, slots};
        vocab_room = bytes.subspan(tables, vocab_bytes);
        merges_room = bytes.subspan(tables + vocab_bytes, merges_bytes);
    }

    std::string_view vocab_json() const { return text_in(vocab_room); }
    std::string_view merges_txt() const { return text_in(merges_room); }

    static std::string_view text_in(std::span<const std::byte> room) {
        return {reinterpret_cast<const char*>(room.data()), room.size()};
    }

    static constexpr std::size_t kBytesOfToken = 10;  ///< of vocab.json; GPT-2's takes 20 for each
    static constexpr std::uint64_t kLeastBytes = 4U << 20U;

    std::size_t slots;
    io::LargeBuffer buffer;
    std::span<std::uint32_t> hashes;
    std::span<std::uint32_t> places;  ///< by number: where token_at() finds the token; 0: there is none
    std::span<std::byte> vocab_room;
    std::span<std::byte> merges_room;
};

/// Looks at lines of merges.txt and keeps what merges parts.
class MergesReader {
  public:
    MergesReader(const Parts& parts, const Hashes& hashes, const TokenTable& tokens)
        : parts_(parts), hashes_(hashes), tokens_(tokens) {}

    /// In order.
    const std::vector<Merge>& merges() const { return merges_; }

    /// As read_vocab_and_merges() takes the lines; false where one is not, or may not be, as it should be.
    bool read(std::string_view text) {
        for (std::size_t at = 0; at < text.size(); ++at) {
            const std::size_t space = find_byte<0, ' ', '\n'>(text, at);
            if (space == text.size() || text[space] == '\n') {
                const std::string_view line = text.substr(at, space - at);
                if (!line.empty() && line != "\r") return false;
                at = space;
                continue;
            }
            const std::size_t stop = find_byte<0, ' ', '\n'>(text, space + 1);
            if (stop < text.size() && text[stop] == ' ') return false;
            std::string_view right = text.substr(space + 1, stop - space - 1);
            if (right.ends_with('\r')) right.remove_suffix(1);
            if (space == at || right.empty() || !add(text.substr(at, space - at), right)) return false;
            at = stop;
        }
        return true;
    }

  private:
    bool add(std::string_view left, std::string_view right) {
        both_.assign(left).append(right);
        const std::uint64_t hash = hash_of(both_);
        if (!hashes_.has(hash_of(left)) || !hashes_.has(hash_of(right)) || !hashes_.has(hash)) return false;
        if (!parts_.has(both_, hash)) return true;
        const auto number = [&](std::string_view token) { return tokens_.find(tokens_.ask(token)); };
        const auto numbers = {number(left), number(right), number(both_)};
        if (!std::all_of(numbers.begin(), numbers.end(), [](const auto& found) { return found.has_value(); }))
            return false;
        merges_.push_back({**numbers.begin(), **(numbers.begin() + 1), **(numbers.begin() + 2)});
        return true;
    }

    const Parts& parts_;
    const Hashes& hashes_;
    const TokenTable& tokens_;
    std::vector<Merge> merges_;
    std::string both_;
};

/// Looks at the files as a whole and makes tables of what the parts need.
class Reader {
  public:
    Reader(Memory& memory, const Parts& parts)
        : memory_(memory), parts_(parts), hashes_(memory.hashes), tables_(std::make_unique<BpeTables>(0, 0, 0)) {}

    /// Nothing where something is not, or may not be, as it should be.
    std::unique_ptr<BpeTables> tables(unsigned threads) {
        if (!is_utf8(memory_.vocab_json())) return nullptr;
        bool is_good = true;
        const auto add = [&](std::string_view token, std::uint32_t number, std::size_t at) {
            is_good = is_good && add_token(token, number, at);
        };
        const std::size_t size = scan_vocabulary(memory_.vocab_json(), add);
        if (size == 0 || !is_good || memory_.vocab_json().find_first_not_of(" \t\r\n", size) != std::string_view::npos)
            return nullptr;
        if (tables_->tokens.index() || !read_merges(memory_.merges_txt(), threads)) return nullptr;
        return std::move(tables_);
    }

  private:
    bool add_token(std::string_view token, std::uint32_t number, std::size_t at) {
        if (number >= memory_.places.size() || memory_.places[number] != 0) return false;
        memory_.places[number] = static_cast<std::uint32_t>(at);
        const std::uint64_t hash = hash_of(token);
        if (!hashes_.insert(hash)) return false;
        if (!parts_.has(token, hash)) return true;
        tables_->tokens.append(token, number);
        const std::string bytes = bytes_of_token(token);
        if (bytes.size() == 1) tables_->byte_tokens[static_cast<unsigned char>(bytes[0])] = number;
        return true;
    }

    bool read_merges(std::string_view text, unsigned threads) {
        if (text.starts_with("#version")) text.remove_prefix(std::min(text.find('\n'), text.size()));
        constexpr std::size_t kWorthAThread = 64U << 10U;
        const bool is_shared = threads > 1 && text.size() >= 2 * kWorthAThread;
        const std::size_t middle = is_shared ? std::min(text.find('\n', text.size() / 2), text.size()) : text.size();
        MergesReader first(parts_, hashes_, tables_->tokens);
        MergesReader second(parts_, hashes_, tables_->tokens);
        std::optional<Aside<bool>> aside;
        if (is_shared) aside.emplace([&] { return second.read(text.substr(middle)); });
        const bool is_first_good = first.read(text.substr(0, middle));
        if ((aside && !aside->result()) || !is_first_good) return false;
        const auto insert = [&](const Merge& merge) { return tables_->merges.insert(merge); };
        return std::all_of(first.merges().begin(), first.merges().end(), insert) &&
               std::all_of(second.merges().begin(), second.merges().end(), insert);
    }

    Memory& memory_;
    const Parts& parts_;
    Hashes hashes_;
    std::unique_ptr<BpeTables> tables_;
};

class BpeOfText : public Tokenizer {
  public:
    BpeOfText(std::string text, Ids ids, std::unique_ptr<const Memory> memory)
        : text_(std::move(text)), ids_(std::move(ids)), memory_(std::move(memory)) {}

    Ids encode(std::string_view text) const override {
        if (text == text_) return ids_;
        std::call_once(once_, [this] {
            whole_ = make_byte_level_bpe(
                parse_vocab_and_merges(memory_->vocab_json(), "vocab.json", memory_->merges_txt(), "merges.txt"));
        });
        return whole_->encode(text);
    }

    std::string decode(std::span<const std::uint32_t> ids) const override {
        std::string bytes;
        for (const std::uint32_t id : ids) {
            const std::uint32_t at = id < memory_->places.size() ? memory_->places[id] : 0;
            if (at != 0) bytes += bytes_of_token(token_at(memory_->vocab_json(), at));
        }
        return mended_utf8(bytes);
    }

  private:
    std::string text_;
    Ids ids_;
    std::unique_ptr<const Memory> memory_;
    mutable std::once_flag once_;
    mutable std::unique_ptr<Tokenizer> whole_;  ///< for other texts
};

/// `fill` puts the texts into the memory.
template <typename Fill>
std::unique_ptr<Tokenizer> bpe_of_text(std::size_t vocab_bytes, std::size_t merges_bytes, const std::string& text,
                                       unsigned threads, Fill fill) {
    const Words words(Words::Use::kOnce);
    Parts parts;
    bool is_short = text.size() <= kMostParts;
    if (is_short) words.for_each(text, [&](std::string_view word) { is_short = is_short && parts.add_word(word); });
    if (!is_short) return nullptr;
    auto memory = std::make_unique<Memory>(vocab_bytes, merges_bytes);
    fill(*memory);
    const std::unique_ptr<const BpeTables> tables = Reader(*memory, parts).tables(threads);
    if (!tables) return nullptr;
    return std::make_unique<BpeOfText>(text, encode_words(text, words, *tables), std::move(memory));
}

}  // namespace

std::unique_ptr<Tokenizer> make_bpe_of_text(std::string_view vocab_json, std::string_view merges_txt,
                                            const std::string& text, unsigned threads) {
    return bpe_of_text(vocab_json.size(), merges_txt.size(), text, threads, [&](Memory& memory) {
        std::transform(vocab_json.begin(), vocab_json.end(), memory.vocab_room.begin(),
                       [](char c) { return static_cast<std::byte>(c); });
        std::transform(merges_txt.begin(), merges_txt.end(), memory.merges_room.begin(),
                       [](char c) { return static_cast<std::byte>(c); });
    });
}

std::unique_ptr<Tokenizer> open_bpe_of_text(const fs::path& vocab_json, const fs::path& merges_txt,
                                            std::uint64_t most_bytes, const std::string& text, unsigned threads) {
    const io::File vocab = io::open_text_file(vocab_json, most_bytes);
    const io::File merges = io::open_text_file(merges_txt, most_bytes);
    return bpe_of_text(vocab.size(), merges.size(), text, threads, [&](Memory& memory) {
        vocab.read_at(memory.vocab_room, 0);
        merges.read_at(memory.merges_room, 0);
    });
}

}  // namespace octet::model
