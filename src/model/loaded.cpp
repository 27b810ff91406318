#include "model/loaded.hpp"

#include <algorithm>
#include <utility>

#include "checkpoint/checkpoint.hpp"
#include "io/mapping.hpp"
#include "octet/error.hpp"

namespace octet::model {
/// Bytes of a mapped file within one large page.
struct Loaded::Piece {
    const io::File* file = nullptr;
    const io::Mapping* mapping = nullptr;
    std::uint64_t offset = 0;
    std::uint64_t byte_count = 0;
};

Loaded::Loaded(const std::filesystem::path& path, Machine& machine, Start start, std::optional<std::string> only)
    : team_(machine.team()), only_(std::move(only)) {
    if (start == Start::kAtOnce && team_.size() > 1) begin_tokenizer(path);
    weights_ = Weights::open(path);
    config_ = read_config(weights_.folder());
    if (start == Start::kAtOnce) bring_in_weights();
    network_ = open_model(weights_, config_, machine);
}

// What is wrong with the model is left to those who open it.
void Loaded::begin_tokenizer(const std::filesystem::path& path) {
    try {
        coming_tokenizer_.emplace([folder = checkpoint::locate(path).folder, only = only_] {
            const Config config = read_config(folder);
            return has_tokenizer_files(folder, config) ? open_tokenizer(folder, config, only) : nullptr;
        });
    } catch (const Error&) {
        return;
    }
}

// All members take out what was mapped: to the end of a mapping of single pages one of them would need 6 ms for 126 MB. Each takes one share
// at once, as for every call all processors are told to forget. Without the notes on what was used, for which they would wait for each other,
// 126 MB are taken out in half of the time.
Loaded::~Loaded() {
    if (!is_brought_in_) return;
    try {
        const std::vector<Piece> pieces = this->pieces();
        weights_.leave_unmarked();
        const std::size_t shares = std::min<std::size_t>(team_.size(), pieces.size());
        team_.run(shares, [&](std::size_t share, unsigned) {
            const std::size_t end = pieces.size() * (share + 1) / shares;
            for (std::size_t i = pieces.size() * share / shares, last = i; i < end; i = last) {
                while (last < end && pieces[last].mapping == pieces[i].mapping) ++last;
                const Piece& piece = pieces[last - 1];
                piece.mapping->drop(pieces[i].offset, piece.offset + piece.byte_count - pieces[i].offset);
            }
        });
    } catch (const std::exception&) {
        return;  // the mapping's own end does it
    }
}

std::vector<Loaded::Piece> Loaded::pieces() const {
    constexpr std::uint64_t kLargePage = 2U << 20U;
    std::vector<Piece> pieces;
    for (const Weights::Stretch& stretch : weights_.stretches()) {
        const bool is_next_file = pieces.empty() || pieces.back().mapping != stretch.mapping;
        std::uint64_t at = stretch.offset / kLargePage * kLargePage;
        if (!is_next_file) at = std::max(at, pieces.back().offset + kLargePage);
        for (const std::uint64_t end = stretch.offset + stretch.byte_count; at < end; at += kLargePage)
            pieces.push_back({stretch.file, stretch.mapping, at, std::min(kLargePage, stretch.mapping->size() - at)});
    }
    return pieces;
}

bool Loaded::waits_for_tokenizer() const {
    return coming_tokenizer_ && !coming_tokenizer_->is_done();
}

// What is in the page cache is mapped, by the caller alone while the tokenizer takes another processor, then by all members, each at pages
// of its own: in the products several would ask for the same pages at once, and wait for each other. What is not is read in the order of
// the files, which a disk gives faster than what the network happens to touch.
void Loaded::bring_in_weights() {
    const std::vector<Piece> pieces = this->pieces();
    std::uint64_t total = 0;
    for (const Piece& piece : pieces) total += piece.byte_count;
    if (total > io::memory_size() / 2) return;  // it would drive itself out again
    is_brought_in_ = true;
    const auto map_cached = [](const Piece& piece) {
        return piece.mapping->looks_cached(piece.offset, piece.byte_count) &&
               piece.mapping->populate(piece.offset, piece.byte_count);
    };
    team_.spread_out();
    std::size_t first = 0;
    while (first < pieces.size() && waits_for_tokenizer() && map_cached(pieces[first])) ++first;
    std::vector<char> is_there(pieces.size() - first);
    team_.run(is_there.size(), [&](std::size_t i, unsigned) { is_there[i] = map_cached(pieces[first + i]) ? 1 : 0; });
    const io::File* read = nullptr;
    for (; first < pieces.size(); ++first) {
        const Piece& piece = pieces[first];
        if (piece.file != read && is_there[is_there.size() - (pieces.size() - first)] != 0) continue;
        if (std::exchange(read, piece.file) != piece.file) piece.file->will_be_read_in_order();
        if (!piece.file->bring_in(piece.offset, piece.byte_count)) return;
        piece.mapping->populate(piece.offset, piece.byte_count);
    }
}

bool Loaded::has_tokenizer() {
    if (!tokenizer_ && !has_tokenizer_files(weights_.folder(), config_)) return false;
    try {
        return tokenizer(), true;
    } catch (const Error&) {
        return false;
    }
}

const Tokenizer& Loaded::tokenizer() {
    if (coming_tokenizer_) {
        tokenizer_ = coming_tokenizer_->result();
        coming_tokenizer_.reset();
        team_.spread_out();
    }
    if (!tokenizer_) tokenizer_ = open_tokenizer(weights_.folder(), config_, only_);
    return *tokenizer_;
}

}  // namespace octet::model
