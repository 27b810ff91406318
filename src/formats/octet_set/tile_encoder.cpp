// Offsets are arithmetic on the layout (quant/storage_layout). Rows of codes that do not fill bytes
// are packed; states are narrowed to their dtype in a buffer on the way.
#include "formats/octet_set/tile_encoder.hpp"

#include <algorithm>

#include "base/checked.hpp"
#include "quant/packing.hpp"
#include "quant/two_level.hpp"
#include "quant/values.hpp"

namespace octet::octet_set {

using quant::packed_bytes;

TileEncoder::TileEncoder(const Scheme& scheme, const Shape& shape)
    : scheme_(scheme),
      matrix_(quant::matrix_of(scheme, shape)),
      grid_(quant::grid_of(scheme, matrix_)),
      parts_(quant::stored_parts(scheme, shape)) {
    for (std::size_t i = 0; i < parts_.size(); ++i) {
        offsets_.at(i) = byte_count_;
        byte_count_ += parts_[i].byte_count;
    }
}

std::uint64_t TileEncoder::code_offset(const quant::TilePlace& place) const noexcept {
    const auto& [rows, columns, packed_row, batch] = matrix_;
    const unsigned bits = scheme_.bits;
    const std::uint64_t in_row =
        place.column % packed_row / 8 * bits + (bits == 8 ? place.column % packed_row % 8 : 0);
    return (place.row * (columns / packed_row) + place.column / packed_row) *
               packed_bytes(packed_row, bits) +
           in_row;
}

std::uint64_t TileEncoder::code_bytes(const quant::TilePlace& place) const noexcept {
    const auto& [rows, columns, packed_row, batch] = matrix_;
    const unsigned bits = scheme_.bits;
    if (place.columns == columns)
        return place.rows * (columns / packed_row) * packed_bytes(packed_row, bits);
    const std::uint64_t end = place.column + place.columns;
    const std::uint64_t whole_rows = end / packed_row - place.column / packed_row;
    // From one whole byte to another, across packed rows whose last bytes are not full.
    return whole_rows * packed_bytes(packed_row, bits) + packed_bytes(end % packed_row, bits) -
           packed_bytes(place.column % packed_row, bits);
}

void TileEncoder::encode_codes(const quant::TilePlace& place, const std::uint8_t* codes,
                               std::uint8_t* packed) const {
    const unsigned bits = scheme_.bits;
    const std::uint64_t packed_row = matrix_.packed_row;
    if (packed_row % 8 == 0 && place.column % 8 == 0 &&
        place.columns % 8 == 0)  // all pieces fill their bytes
        return quant::pack(codes, place.rows * place.columns, bits, packed);
    for (std::uint64_t row = 0; row < place.rows; ++row) {
        for (std::uint64_t done = 0; done < place.columns;) {
            const std::uint64_t left = packed_row - (place.column + done) % packed_row;
            const std::uint64_t count = std::min(left, place.columns - done);
            quant::pack(codes, count, bits, packed);
            packed += packed_bytes(count, bits);
            codes += count;
            done += count;
        }
    }
}

void TileEncoder::encode_states(const quant::TilePlace& place, const quant::Blocks& blocks,
                                std::byte* scratch, formats::ByteSink& sink) const {
    if (!quant::has_state_tensors(scheme_)) return;
    Run run{grid_.row_of(place.row), place.column / grid_.columns_each, blocks.across, scratch,
            sink};
    if (scheme_.scale_dtype == ScaleDtype::kTwoLevel) return put_two_levels(place, blocks, run);
    const std::uint64_t rows = blocks.count / blocks.across;
    const bool has_whole_rows = blocks.across == grid_.across;
    const std::uint64_t first_row = run.row;
    if (has_whole_rows) run.count = blocks.count;
    for (std::uint64_t i = 0; i < (has_whole_rows ? 1 : rows); ++i, ++run.row) {
        const std::uint64_t first = run.row * grid_.across + run.column;
        put_numbers(1, blocks.scale + i * run.count, first, run);
        if (!scheme_.symmetric && scheme_.zero_point == ZeroPoint::kReal)
            put_numbers(2, blocks.zero_point + i * run.count, first, run);
    }
    run.row = first_row;
    run.count = blocks.across;
    for (std::uint64_t i = 0; scheme_.zero_point == ZeroPoint::kInteger && i < rows; ++i, ++run.row)
        put_packed(2, scheme_.bits, blocks.zero_point + i * blocks.across, run);
}

void TileEncoder::put_two_levels(const quant::TilePlace& place, const quant::Blocks& blocks,
                                 Run run) const {
    const quant::TwoLevelShape two = quant::two_level_shape(scheme_);
    for (std::uint64_t i = 0; i < blocks.count / blocks.across; ++i, ++run.row) {
        put_packed(1, two.scale_bits, blocks.small_scale + i * blocks.across, run);
        if (!scheme_.symmetric)
            put_packed(2, two.zero_point_bits, blocks.small_zero_point + i * blocks.across, run);
    }
    const quant::BlockGrid supers = quant::super_grid_of(scheme_, grid_);
    const std::uint64_t first_row = supers.row_of(place.row);
    run.count = divide_up(place.columns, supers.columns_each);
    for (std::uint64_t i = 0; i < divide_up(place.rows, supers.rows_each); ++i) {
        const std::uint64_t first =
            (first_row + i) * supers.across + place.column / supers.columns_each;
        put_numbers(scheme_.symmetric ? 2 : 3, blocks.super_scale + i * run.count, first, run);
        if (!scheme_.symmetric) put_numbers(4, blocks.super_zero_point + i * run.count, first, run);
    }
}

/// Floats from number `first` of the part on.
void TileEncoder::put_numbers(std::size_t part, const float* values, std::uint64_t first,
                              const Run& run) const {
    const Dtype dtype = parts_[part].dtype;
    const std::uint64_t each = dtype_bits(dtype) / 8;
    auto bytes = std::as_bytes(std::span(values, run.count));
    if (dtype != Dtype::kF32) {
        kernels::Narrowing exact{};
        const std::span<std::byte> stored(run.scratch, run.count * each);
        quant::convert_values(Dtype::kF32, bytes, dtype, stored, exact);
        bytes = stored;
    }
    run.sink.put(offsets_[part] + first * each, bytes);
}

/// Whole numbers of blocks side by side, from a multiple of 8 on.
void TileEncoder::put_packed(std::size_t part, unsigned bits, const float* values,
                             const Run& run) const {
    auto* const stored = reinterpret_cast<std::uint8_t*>(run.scratch);
    std::transform(values, values + run.count, stored, [](float value) {
        return static_cast<std::uint8_t>(static_cast<int>(value) & 255);
    });
    quant::pack(stored, run.count, bits, stored);
    const std::uint64_t at =
        run.row * packed_bytes(grid_.across, bits) + packed_bytes(run.column, bits);
    run.sink.put(offsets_[part] + at, {run.scratch, packed_bytes(run.count, bits)});
}

}  // namespace octet::octet_set
