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
#include "model/find_byte.hpp"
#include "model/hash_set.hpp"
#include "model/merges.hpp"
#include "model/short_text.hpp"
#include "model/token_table.hpp"
#include "model/vocabulary_text.hpp"
#include "model/words.hpp"

namespace octet::model {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostParts = 4096;  ///< of words of the text

std::uint64_t hash_of(std::string_view text) {
    return text.size() <= ShortText::kMost ? hash_of(short_text(text)) : TokenTable::question_of(text).hash;
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

    /// False of what is certainly none.
    bool may_have(std::uint64_t hash) const { return (may_be_[hash % kBits / 64] >> (hash % 64) & 1U) != 0; }

    bool has(std::string_view token, std::uint64_t hash) const {
        return may_have(hash) && parts_.find(std::string(token)) != parts_.end();
    }

  private:
    static constexpr std::size_t kBits = 1U << 16U;

    std::vector<std::uint64_t> may_be_ =
        std::vector<std::uint64_t>(kBits / 64);  ///< by hash; of most tokens no bit is set
    std::unordered_set<std::string> parts_;
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

/// Looks at the lines of merges.txt and makes merges of what the parts need.
class MergesReader {
  public:
    MergesReader(const Parts& parts, const HashSet& hashes, BpeTables& tables)
        : parts_(parts), hashes_(hashes), tables_(tables) {}

    /// As read_vocab_and_merges() takes them; false where one is not, or may not be, as it should be.
    bool read(std::string_view text) {
        for (std::size_t at = 0; at < text.size();) {
            while (text.size() - at >= kShortLine && is_good_ && read_short(text, at)) {
            }
            if (!is_good_ || !read_line(text, at)) return false;
        }
        return true;
    }

  private:
    static constexpr std::size_t kShortLine = 2 * ShortText::kMost + 2;  ///< may be looked at

    /// A line of two short tokens and its end, unless it is any other.
    bool read_short(std::string_view text, std::size_t& at) {
        const char* const line = text.data() + at;
        const std::size_t left_size = find_byte_of_16<1, ' ', '\n'>(line);
        if (left_size - 1 >= ShortText::kMost - 1 || line[left_size] != ' ') return false;
        const char* const second = line + left_size + 1;
        const std::size_t right_size = find_byte_of_16<1, ' ', '\n'>(second);
        if (right_size - 1 >= ShortText::kMost - left_size || second[right_size] != '\n' ||
            second[right_size - 1] == '\r')
            return false;
        const std::uint64_t hash = hash_of(load_joined(line, left_size, right_size));
        is_good_ = hashes_.has(hash_of(load_short(line, left_size))) &&
                   hashes_.has(hash_of(load_short(second, right_size))) && hashes_.has(hash) &&
                   (!parts_.may_have(hash) || add({line, left_size}, {second, right_size}, hash));
        at += left_size + 1 + right_size + 1;
        return true;
    }

    bool read_line(std::string_view text, std::size_t& at) {
        const std::size_t stop = find_byte<0, '\n'>(text, at);
        std::string_view line = text.substr(at, stop - at);
        at = stop + 1;
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.empty()) return true;
        const std::size_t space = line.find(' ');
        if (space == 0 || space >= line.size() - 1 || line.find(' ', space + 1) != line.npos) return false;
        if (line.find('\0') != line.npos) return false;  // hashes do not tell it from none
        const std::string_view left = line.substr(0, space);
        const std::string_view right = line.substr(space + 1);
        const std::uint64_t hash = hash_of(std::string(left).append(right));
        return hashes_.has(hash_of(left)) && hashes_.has(hash_of(right)) && hashes_.has(hash) && add(left, right, hash);
    }

    bool add(std::string_view left, std::string_view right, std::uint64_t hash) {
        const std::string both = std::string(left).append(right);
        if (!parts_.has(both, hash)) return true;
        const auto number = [&](std::string_view token) { return tables_.tokens.find(tables_.tokens.ask(token)); };
        const auto numbers = {number(left), number(right), number(both)};
        if (!std::all_of(numbers.begin(), numbers.end(), [](const auto& found) { return found.has_value(); }))
            return false;
        return tables_.merges.insert({**numbers.begin(), **(numbers.begin() + 1), **(numbers.begin() + 2)});
    }

    const Parts& parts_;
    const HashSet& hashes_;
    BpeTables& tables_;
    bool is_good_ = true;
};

/// Looks at the files as a whole and makes tables of what the parts need.
class Reader {
  public:
    Reader(Memory& memory, const Parts& parts)
        : memory_(memory), parts_(parts), hashes_(memory.hashes), tables_(std::make_unique<BpeTables>(0, 0, 0)) {}

    /// Nothing where something is not, or may not be, as it should be.
    std::unique_ptr<BpeTables> tables() {
        if (!is_utf8(memory_.vocab_json()) || !read_vocabulary() || tables_->tokens.index()) return nullptr;
        std::string_view merges = memory_.merges_txt();
        if (merges.starts_with("#version")) merges.remove_prefix(std::min(merges.find('\n'), merges.size()));
        if (!MergesReader(parts_, hashes_, *tables_).read(merges)) return nullptr;
        return std::move(tables_);
    }

  private:
    bool read_vocabulary() {
        VocabularyScanner scanner(memory_.vocab_json());
        VocabularyScanner::ShortToken one;
        VocabularyScanner::Token token;
        while (true) {
            while (scanner.take_short(one)) {
                if (!add(hash_of(one.text), one.number, one.start)) return false;
            }
            if (!scanner.take(token)) return scanner.is_all();
            if (!add(hash_of(token.text), token.number, token.start)) return false;
        }
    }

    bool add(std::uint64_t hash, std::uint32_t number, std::size_t start) {
        if (number >= memory_.places.size() || memory_.places[number] != 0) return false;
        memory_.places[number] = static_cast<std::uint32_t>(start);
        if (!hashes_.insert(hash)) return false;
        return !parts_.may_have(hash) || add_part(token_at(memory_.vocab_json(), start), hash, number);
    }

    bool add_part(const std::string& token, std::uint64_t hash, std::uint32_t number) {
        if (!parts_.has(token, hash)) return true;
        tables_->tokens.append(token, number);
        const std::string bytes = bytes_of_token(token);
        if (bytes.size() == 1) tables_->byte_tokens[static_cast<unsigned char>(bytes[0])] = number;
        return true;
    }

    Memory& memory_;
    const Parts& parts_;
    HashSet hashes_;
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
                                       Fill fill) {
    const Words words(Words::Use::kOnce);
    Parts parts;
    bool is_short = text.size() <= kMostParts;
    if (is_short) words.for_each(text, [&](std::string_view word) { is_short = is_short && parts.add_word(word); });
    if (!is_short) return nullptr;
    auto memory = std::make_unique<Memory>(vocab_bytes, merges_bytes);
    fill(*memory);
    const std::unique_ptr<const BpeTables> tables = Reader(*memory, parts).tables();
    if (!tables) return nullptr;
    return std::make_unique<BpeOfText>(text, encode_words(text, words, *tables), std::move(memory));
}

}  // namespace

std::unique_ptr<Tokenizer> make_bpe_of_text(std::string_view vocab_json, std::string_view merges_txt,
                                            const std::string& text) {
    return bpe_of_text(vocab_json.size(), merges_txt.size(), text, [&](Memory& memory) {
        std::transform(vocab_json.begin(), vocab_json.end(), memory.vocab_room.begin(),
                       [](char c) { return static_cast<std::byte>(c); });
        std::transform(merges_txt.begin(), merges_txt.end(), memory.merges_room.begin(),
                       [](char c) { return static_cast<std::byte>(c); });
    });
}

std::unique_ptr<Tokenizer> open_bpe_of_text(const fs::path& vocab_json, const fs::path& merges_txt,
                                            std::uint64_t most_bytes, const std::string& text) {
    const io::File vocab = io::open_text_file(vocab_json, most_bytes);
    const io::File merges = io::open_text_file(merges_txt, most_bytes);
    return bpe_of_text(vocab.size(), merges.size(), text, [&](Memory& memory) {
        vocab.read_at(memory.vocab_room, 0);
        merges.read_at(memory.merges_room, 0);
    });
}

}  // namespace octet::model
