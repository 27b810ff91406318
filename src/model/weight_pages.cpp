// Pieces of 2 MiB in the order of the files. From the first one that is not cached on, all are read
// before the network starts; cached ones are mapped by the team meanwhile. At the end each member
// takes one share out.
#include "model/weight_pages.hpp"

#include <algorithm>
#include <utility>

#include "io/mapping.hpp"
#include "octet/error.hpp"

namespace octet::model {
namespace {

constexpr std::uint64_t kLargePage = 2U << 20U;

}  // namespace

WeightPages::WeightPages(const Weights& weights, Team& team)
    : weights_(weights),
      team_(team),
      map_piece_([this](std::size_t i, unsigned) { pieces_[i].map(); }) {
    std::uint64_t total = 0;
    for (const Weights::Stretch& stretch : weights_.stretches()) {
        const bool is_next_file = pieces_.empty() || pieces_.back().mapping != stretch.mapping;
        std::uint64_t at = stretch.offset / kLargePage * kLargePage;
        if (!is_next_file) at = std::max(at, pieces_.back().offset + kLargePage);
        for (const std::uint64_t end = stretch.offset + stretch.byte_count; at < end;
             at += kLargePage) {
            const std::uint64_t size = std::min(kLargePage, stretch.mapping->size() - at);
            pieces_.push_back({stretch.file, stretch.mapping, at, size});
            total += size;
        }
    }
    if (total > io::memory_size() / 2) pieces_.clear();  // they would drive themselves out again
}

// All members take out what was mapped: to the end of a mapping of single pages one of them would
// need 6 ms for 126 MB. Each takes one share at once, as for every call all processors are told to
// forget. Without the notes on what was used, for which they would wait for each other, 126 MB are
// taken out in half of the time.
WeightPages::~WeightPages() {
    try {
        weights_.leave_unmarked();
        const std::size_t shares = std::min<std::size_t>(team_.size(), pieces_.size());
        team_.run(shares, [&](std::size_t share, unsigned) {
            const std::size_t end = pieces_.size() * (share + 1) / shares;
            for (std::size_t i = pieces_.size() * share / shares, last = i; i < end; i = last) {
                while (last < end && pieces_[last].mapping == pieces_[i].mapping) ++last;
                const Piece& piece = pieces_[last - 1];
                piece.mapping->drop(pieces_[i].offset,
                                    piece.offset + piece.byte_count - pieces_[i].offset);
            }
        });
    } catch (const std::exception&) {
        return;  // the mapping's own end does it
    }
}

// Whether a piece is there is told by its first page: files come and go in larger pieces. Of one
// with gaps map() reads the rest. From the first that is missing on all are read, as the system
// then reads ahead meanwhile, and mapped, too.
void WeightPages::read_missing() {
    const io::File* read = nullptr;
    for (const Piece& piece : pieces_) {
        if (piece.file != read && piece.mapping->looks_cached(piece.offset, 1)) continue;
        if (std::exchange(read, piece.file) != piece.file) piece.file->will_be_read_in_order();
        if (!piece.file->bring_in(piece.offset, piece.byte_count)) return;
        piece.mapping->populate(piece.offset, piece.byte_count);
    }
}

// Each page by one member: in the products several would ask for the same one at once, and wait for
// each other.
void WeightPages::begin_to_map() {
    team_.spread_out();
    team_.start(pieces_.size(), map_piece_);
}

void WeightPages::Piece::map() const noexcept {
    if (!mapping->looks_cached(offset, byte_count)) file->bring_in(offset, byte_count);
    mapping->populate(offset, byte_count);
}

}  // namespace octet::model
