#include "quant/checksum.hpp"

#include <algorithm>
#include <utility>

#include "quant/active_kernels.hpp"

namespace octet::quant {

Checksum end_hash(kernels::HashState& state) {
    unsigned char digest[16];
    active_kernels().hash_end(state, digest);
    Checksum checksum;
    std::copy(std::begin(digest), std::end(digest), checksum.bytes.begin());
    return checksum;
}

Checksum checksum_of(std::span<const std::byte> bytes) {
    const kernels::Kernels& k = active_kernels();
    kernels::HashState state;
    k.hash_begin(state);
    k.hash_add(state, bytes.data(), bytes.size());
    return end_hash(state);
}

Checksum checksum_of_pieces(const std::vector<Checksum>& pieces) {
    static_assert(sizeof(Checksum) == 16, "checksums of pieces are hashed as they lie in memory");
    return checksum_of(std::as_bytes(std::span(pieces)));
}

PieceHasher::PieceHasher() : kernels_(active_kernels()) {
    kernels_.hash_begin(state_);
}

void PieceHasher::add(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const auto part = bytes.first(std::min<std::uint64_t>(bytes.size(), kPieceBytes - piece_bytes_));
        kernels_.hash_add(state_, part.data(), part.size());
        piece_bytes_ += part.size();
        if (piece_bytes_ == kPieceBytes) end_piece();
        bytes = bytes.subspan(part.size());
    }
}

void PieceHasher::end_piece() {
    pieces_.push_back(end_hash(state_));
    kernels_.hash_begin(state_);
    piece_bytes_ = 0;
}

std::vector<Checksum> PieceHasher::take_pieces() {
    if (piece_bytes_ > 0) end_piece();
    return std::exchange(pieces_, {});
}

}  // namespace octet::quant
