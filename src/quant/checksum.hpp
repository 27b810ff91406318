// Checksums as the sidecar stores them: XXH3-128, and for data that several threads share the hash
// of the hashes of consecutive pieces of 4 MiB (docs/format.md). The same for any number of threads
// and any instruction set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kernels/kernels.hpp"
#include "octet/report.hpp"

namespace octet::quant {

/// Bytes that one piece's hash covers; the last piece of anything may be short.
inline constexpr std::uint64_t kPieceBytes = 4U << 20U;

/// The checksum that a hash has come to, by the loops it was made with.
Checksum end_hash(const kernels::Kernels& loops, kernels::HashState& state);

/// The same by the active loops.
Checksum end_hash(kernels::HashState& state);

/// XXH3-128 of one run of bytes.
Checksum checksum_of(std::span<const std::byte> bytes);

/// The checksum of the checksums of pieces, in order. Of no pieces: of the empty string.
Checksum checksum_of_pieces(std::span<const Checksum> pieces);

/// Hashes bytes that come one after the other, piece by piece.
class PieceHasher {
  public:
    PieceHasher();

    void add(std::span<const std::byte> bytes);

    /// The same for whole float32 values, whose range is extended on the way. What came before must
    /// have been whole values, too.
    void add_values(std::span<const std::byte> bytes, kernels::Range& range);

    /// The pieces' checksums, the last one included; the hasher is as new afterwards.
    std::vector<Checksum> take_pieces();

    /// The same with visit(checksum) for each: of a single piece nothing is kept in between.
    template <typename Visit>
    void take_pieces(Visit visit) {
        for (const Checksum& piece : std::exchange(pieces_, {})) visit(piece);
        if (piece_bytes_ > 0) visit(end_piece());
    }

  private:
    template <typename AddPart>
    void add_parts(std::span<const std::byte> bytes, AddPart add_part);
    Checksum end_piece();

    const kernels::Kernels& kernels_;
    kernels::HashState state_;
    std::uint64_t piece_bytes_ = 0;
    std::vector<Checksum> pieces_;
};

}  // namespace octet::quant
