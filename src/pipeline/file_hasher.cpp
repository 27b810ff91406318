// Parts that follow each other are hashed in passing; what was skipped, such as the header, is read
// again at the end of its piece.
#include "pipeline/file_hasher.hpp"

#include <algorithm>

#include "quant/active_kernels.hpp"

namespace octet::pipeline {

using quant::kPieceBytes;

/// What stands before the first part, a header as a rule, is hashed from the file.
void FileHasher::begin() {
    has_begun_ = true;
    pieces_.resize((size() + kPieceBytes - 1) / kPieceBytes);
    quant::active_kernels().hash_begin(state_);
    std::vector<std::byte> before((next_ - origin_) % kPieceBytes);
    file_->read_at(before, next_ - before.size());
    quant::active_kernels().hash_add(state_, before.data(), before.size());
}

void FileHasher::add(std::uint64_t offset, std::span<const std::byte> bytes) {
    if (!has_begun_) begin();
    if (offset != next_) {
        is_whole_ = (offset - origin_) % kPieceBytes == 0;
        quant::active_kernels().hash_begin(state_);
    }
    next_ = offset;
    while (!bytes.empty()) {
        const std::uint64_t left = kPieceBytes - (next_ - origin_) % kPieceBytes;
        const auto part = bytes.first(std::min<std::uint64_t>(bytes.size(), left));
        if (is_whole_) quant::active_kernels().hash_add(state_, part.data(), part.size());
        next_ += part.size();
        if ((next_ - origin_) % kPieceBytes == 0 || next_ - origin_ == size()) end_piece();
        bytes = bytes.subspan(part.size());
    }
}

void FileHasher::end_piece() {
    if (is_whole_) pieces_[(next_ - origin_ - 1) / kPieceBytes] = quant::end_hash(state_);
    quant::active_kernels().hash_begin(state_);
    is_whole_ = true;
}

std::vector<std::optional<Checksum>> FileHasher::take_pieces() {
    if (!has_begun_) begin();
    return std::move(pieces_);
}

}  // namespace octet::pipeline
