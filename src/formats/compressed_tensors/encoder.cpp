// Unsigned and signed codes differ by 2^(bits-1), which is their highest bit turned over.
#include "formats/compressed_tensors/encoder.hpp"

#include <algorithm>
#include <array>

#include "base/checked.hpp"
#include "quant/packing.hpp"
#include "quant/values.hpp"

namespace octet::compressed_tensors {

CompressedEncoder::CompressedEncoder(const Scheme& scheme, const Shape& shape, Packing packing)
    : scheme_(scheme),
      packing_(packing),
      rows_(shape[0]),
      columns_(shape[1]),
      grid_(quant::grid_of(scheme, quant::matrix_of(scheme, shape))),
      scale_dtype_(quant::scale_dtype_of(scheme)) {
    for (const quant::StoredPart& part : stored_parts(scheme, shape, packing)) {
        if (part.suffix == "_scale") scales_at_ = byte_count_;
        if (part.suffix == "_zero_point") zero_points_at_ = byte_count_;
        if (part.suffix == "_shape") shape_at_ = byte_count_;
        byte_count_ += part.byte_count;
    }
}

/// Signed bytes stay as they are.
bool CompressedEncoder::stores_bytes() const noexcept {
    return packing_ == Packing::kNaive && scheme_.bits == 8 && scheme_.symmetric;
}

std::uint64_t CompressedEncoder::code_offset(const quant::TilePlace& place) const noexcept {
    return (place.row * columns_ + place.column) * stored_bits() / 8;
}

std::uint64_t CompressedEncoder::code_bytes(const quant::TilePlace& place) const noexcept {
    return place.rows * place.columns * stored_bits() / 8;
}

void CompressedEncoder::encode_codes(const quant::TilePlace& place, const std::uint8_t* codes,
                                     std::uint8_t* packed) const {
    const std::uint64_t count = place.rows * place.columns;
    const unsigned half = 1U << (scheme_.bits - 1);
    const unsigned mask = 2 * half - 1;
    if (packing_ == Packing::kNaive) {
        const unsigned turn =
            scheme_.symmetric ? 0 : half;  // to two's complement of `bits` bits, then to 8
        std::transform(codes, codes + count, packed, [=](std::uint8_t code) {
            return static_cast<std::uint8_t>((((code ^ turn) & mask) ^ half) - half);
        });
        return;
    }
    const unsigned turn = scheme_.symmetric ? half : 0;
    constexpr std::uint64_t kPart = 4096;
    std::array<std::uint8_t, kPart> unsigned_codes;
    for (std::uint64_t done = 0; done < count;
         done += kPart) {  // ahead of `packed`, which may be `codes`
        const std::uint64_t size = std::min(kPart, count - done);
        std::transform(
            codes + done, codes + done + size, unsigned_codes.begin(),
            [=](std::uint8_t code) { return static_cast<std::uint8_t>((code ^ turn) & mask); });
        quant::pack(unsigned_codes.data(), size, scheme_.bits, packed + done * scheme_.bits / 8);
    }
}

void CompressedEncoder::encode_states(const quant::TilePlace& place, const quant::Blocks& blocks,
                                      std::byte* scratch, formats::ByteSink& sink) const {
    if (blocks.count == 0) return;
    const std::uint64_t column = place.column / grid_.columns_each;
    const std::uint64_t down = blocks.count / blocks.across;
    const bool has_whole_rows = blocks.across == grid_.across;
    const std::uint64_t run = has_whole_rows ? blocks.count : blocks.across;
    for (std::uint64_t at = 0; at < blocks.count; at += run) {
        const std::uint64_t first = (place.row + at / blocks.across) * grid_.across + column;
        put_scales(first, blocks.scale + at, run, scratch, sink);
        if (!scheme_.symmetric && packing_ == Packing::kNaive)
            put_zero_points(first, blocks.zero_point + at, run, scratch, sink);
    }
    for (std::uint64_t i = 0; !scheme_.symmetric && packing_ == Packing::kPacked && i < down; ++i)
        pack_zero_points(place.row + i, column, blocks.zero_point + i * blocks.across,
                         blocks.across, sink);
    if (packing_ == Packing::kPacked && place.row == 0 && place.column == 0) put_shape(sink);
}

void CompressedEncoder::put_scales(std::uint64_t first, const float* values, std::uint64_t count,
                                   std::byte* scratch, formats::ByteSink& sink) const {
    const std::uint64_t each = dtype_bits(scale_dtype_) / 8;
    auto bytes = std::as_bytes(std::span(values, count));
    if (scale_dtype_ != Dtype::kF32) {
        kernels::Narrowing exact{};
        const std::span<std::byte> stored(scratch, count * each);
        quant::convert_values(Dtype::kF32, bytes, scale_dtype_, stored, exact);
        bytes = stored;
    }
    sink.put(scales_at_ + first * each, bytes);
}

/// As signed bytes.
void CompressedEncoder::put_zero_points(std::uint64_t first, const float* values,
                                        std::uint64_t count, std::byte* scratch,
                                        formats::ByteSink& sink) const {
    const int half = 1 << (scheme_.bits - 1);
    std::transform(values, values + count, scratch, [=](float value) {
        return static_cast<std::byte>((static_cast<int>(value) - half) & 255);
    });
    sink.put(zero_points_at_ + first, {scratch, count});
}

/// Of some columns of one row; the words are put with the last number of their row.
void CompressedEncoder::pack_zero_points(std::uint64_t row, std::uint64_t column,
                                         const float* values, std::uint64_t count,
                                         formats::ByteSink& sink) const {
    const std::uint64_t in_word = 32 / scheme_.bits;
    const std::uint64_t number = row / in_word;
    const std::lock_guard lock(mutex_);
    WordRow& words = word_rows_[number];
    if (words.words.empty()) {
        words.words.resize(grid_.across);
        words.missing = std::min(in_word, rows_ - number * in_word) * grid_.across;
    }
    const auto shift = static_cast<unsigned>(row % in_word * scheme_.bits);
    for (std::uint64_t i = 0; i < count; ++i)
        words.words[column + i] |= static_cast<std::uint32_t>(values[i]) << shift;
    words.missing -= count;
    if (words.missing > 0) return;
    sink.put(zero_points_at_ + number * grid_.across * sizeof(std::uint32_t),
             std::as_bytes(std::span<const std::uint32_t>(words.words)));
    word_rows_.erase(number);
}

void CompressedEncoder::put_shape(formats::ByteSink& sink) const {
    const std::array<std::uint64_t, 2> shape = {rows_, columns_};
    sink.put(shape_at_, std::as_bytes(std::span<const std::uint64_t>(shape)));
}

}  // namespace octet::compressed_tensors
