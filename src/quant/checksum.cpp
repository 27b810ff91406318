// The loops hash; here bytes are cut into pieces of 4 MiB and the pieces' hashes hashed.
#include "quant/checksum.hpp"

#include <algorithm>
#include <utility>

#include "quant/active_kernels.hpp"

namespace octet::quant {

Checksum end_hash(const kernels::Kernels& loops, kernels::HashState& state) {
    unsigned char digest[16];
    loops.hash_end(state, digest);
    Checksum checksum;
    std::copy(std::begin(digest), std::end(digest), checksum.bytes.begin());
    return checksum;
}

Checksum end_hash(kernels::HashState& state) {
    return end_hash(active_kernels(), state);
}

Checksum checksum_of(std::span<const std::byte> bytes) {
    const kernels::Kernels& k = active_kernels();
    kernels::HashState state;
    k.hash_begin(state);
    k.hash_add(state, bytes.data(), bytes.size());
    return end_hash(state);
}

Checksum checksum_of_pieces(std::span<const Checksum> pieces) {
    static_assert(sizeof(Checksum) == 16, "checksums of pieces are hashed as they lie in memory");
    return checksum_of(std::as_bytes(pieces));
}

PieceHasher::PieceHasher() : kernels_(active_kernels()) {
    kernels_.hash_begin(state_);
}

template <typename AddPart>
void PieceHasher::add_parts(std::span<const std::byte> bytes, AddPart add_part) {
    while (!bytes.empty()) {
        const auto part =
            bytes.first(std::min<std::uint64_t>(bytes.size(), kPieceBytes - piece_bytes_));
        add_part(part);
        piece_bytes_ += part.size();
        if (piece_bytes_ == kPieceBytes) pieces_.push_back(end_piece());
        bytes = bytes.subspan(part.size());
    }
}

void PieceHasher::add(std::span<const std::byte> bytes) {
    add_parts(bytes, [this](std::span<const std::byte> part) {
        kernels_.hash_add(state_, part.data(), part.size());
    });
}

void PieceHasher::add_values(std::span<const std::byte> bytes, kernels::Range& range) {
    add_parts(bytes, [&](std::span<const std::byte> part) {
        kernels_.range_and_hash_f32(part.data(), part.size() / sizeof(float), range, state_);
    });
}

Checksum PieceHasher::end_piece() {
    const Checksum piece = end_hash(kernels_, state_);
    kernels_.hash_begin(state_);
    piece_bytes_ = 0;
    return piece;
}

std::vector<Checksum> PieceHasher::take_pieces() {
    if (piece_bytes_ > 0) pieces_.push_back(end_piece());
    return std::exchange(pieces_, {});
}

}  // namespace octet::quant
