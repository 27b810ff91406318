// A run is cut at rows and at 4,096 elements. For each part the states of its blocks are read and
// widened, codes are unpacked, and the loops of kernels/ restore them: the same floats whatever run
// they are part of.
#include "formats/octet_set/block_restorer.hpp"

#include <algorithm>

#include "quant/active_kernels.hpp"
#include "quant/packing.hpp"
#include "quant/two_level.hpp"

namespace octet::octet_set {
namespace {

/// Elements at a time: codes and parameters stay in the first-level cache. A multiple of 8.
constexpr std::uint64_t kChunk = 2048;

/// Rows of more columns are read one at a time, so that the states of a run never take much more
/// memory than its values.
constexpr std::uint64_t kLongRow = 32U << 10U;

std::uint8_t* as_codes(std::byte* bytes) {
    return reinterpret_cast<std::uint8_t*>(bytes);
}

}  // namespace

BlockRestorer::BlockRestorer(const io::File& file, std::uint64_t offset, const Scheme& scheme,
                             const Shape& shape, quant::BlockState state)
    : file_(&file),
      scheme_(scheme),
      state_(state),
      matrix_(quant::matrix_of(scheme, shape)),
      grid_(quant::grid_of(scheme, matrix_)),
      parts_(quant::stored_parts(scheme, shape)) {
    for (const quant::StoredPart& part : parts_) {
        offsets_.push_back(offset);
        offset += part.byte_count;
    }
}

std::uint64_t BlockRestorer::block_of(std::uint64_t element) const noexcept {
    const std::uint64_t row = element / matrix_.columns;
    const std::uint64_t column = element % matrix_.columns;
    return grid_.row_of(row) * grid_.across + column / grid_.columns_each;
}

/// The byte that holds the first of the eight codes which `element` is packed with.
std::uint64_t BlockRestorer::byte_of(std::uint64_t element) const noexcept {
    const std::uint64_t place = element % matrix_.packed_row;
    return element / matrix_.packed_row * quant::packed_bytes(matrix_.packed_row, scheme_.bits) +
           place / 8 * scheme_.bits + (scheme_.bits == 8 ? place % 8 : 0);
}

std::vector<float> BlockRestorer::read_floats(const quant::StoredPart& part, std::uint64_t offset,
                                              std::uint64_t first, std::uint64_t count) const {
    std::vector<float> values(count);
    const kernels::Kernels& k = quant::active_kernels();
    if (part.dtype == Dtype::kF32) {
        file_->read_at(std::as_writable_bytes(std::span(values)), offset + first * sizeof(float));
        return values;
    }
    std::vector<std::byte> raw(count * 2);
    file_->read_at(raw, offset + first * 2);
    (part.dtype == Dtype::kF16 ? k.widen_f16 : k.widen_bf16)(raw.data(), count, values.data());
    return values;
}

/// Whole numbers, packed along the rows of the grid.
std::vector<float> BlockRestorer::read_packed(std::uint64_t offset, unsigned bits, bool is_signed,
                                              std::uint64_t first, std::uint64_t count) const {
    std::vector<float> values;
    std::vector<std::byte> raw;
    std::vector<std::uint8_t> codes;
    while (values.size() < count) {
        const std::uint64_t at = first + values.size();
        const std::uint64_t column = at % grid_.across;
        const std::uint64_t skipped = column % 8;
        const std::uint64_t taken = std::min(count - values.size(), grid_.across - column);
        raw.resize(quant::packed_bytes(taken + skipped, bits));
        codes.resize(taken + skipped);
        file_->read_at(raw, offset + at / grid_.across * quant::packed_bytes(grid_.across, bits) +
                                column / 8 * bits);
        quant::unpack(as_codes(raw.data()), codes.size(), bits, is_signed, codes.data());
        for (std::uint64_t i = skipped; i < codes.size(); ++i)
            values.push_back(is_signed ? static_cast<float>(static_cast<std::int8_t>(codes[i]))
                                       : static_cast<float>(codes[i]));
    }
    return values;
}

/// The states of blocks `first` to `last`.
BlockRestorer::States BlockRestorer::read_states(std::uint64_t first, std::uint64_t last) const {
    if (!quant::has_state_tensors(scheme_)) return {0, {state_.scale}, {state_.zero_point}};
    if (scheme_.scale_dtype == ScaleDtype::kTwoLevel) return read_two_levels(first, last);
    const std::uint64_t count = last - first + 1;
    States states{first, read_floats(parts_[1], offsets_[1], first, count), {}};
    if (scheme_.symmetric) {
        states.zero_point.resize(count);
    } else if (scheme_.zero_point == ZeroPoint::kInteger) {
        states.zero_point = read_packed(offsets_[2], scheme_.bits, false, first, count);
    } else {
        states.zero_point = read_floats(parts_[2], offsets_[2], first, count);
    }
    return states;
}

/// The same with two levels: a small number times the float of its superblock.
BlockRestorer::States BlockRestorer::read_two_levels(std::uint64_t first,
                                                     std::uint64_t last) const {
    const quant::TwoLevelShape two = quant::two_level_shape(scheme_);
    const quant::BlockGrid supers = quant::super_grid_of(scheme_, grid_);
    const std::uint64_t groups_down = supers.rows_each / grid_.rows_each;
    const std::uint64_t groups_across = supers.columns_each / grid_.columns_each;
    const std::uint64_t down = grid_.down / grid_.batch;
    const std::uint64_t supers_down = supers.down / supers.batch;
    const auto super_of = [&](std::uint64_t block) {
        const std::uint64_t row = block / grid_.across;
        const std::uint64_t super_row = supers.batch == 1
                                            ? row / groups_down
                                            : row / down * supers_down + row % down / groups_down;
        return super_row * supers.across + block % grid_.across / groups_across;
    };
    const std::uint64_t count = last - first + 1;
    const std::uint64_t first_super = super_of(first);
    const std::uint64_t super_count = super_of(last) - first_super + 1;
    const auto restore = [&](std::vector<float> numbers, std::size_t part) {
        const std::vector<float> floats =
            read_floats(parts_[part], offsets_[part], first_super, super_count);
        for (std::uint64_t i = 0; i < count; ++i)
            numbers[i] *= floats[super_of(first + i) - first_super];
        return numbers;
    };
    States states{first,
                  restore(read_packed(offsets_[1], two.scale_bits, false, first, count),
                          scheme_.symmetric ? 2 : 3),
                  std::vector<float>(scheme_.symmetric ? count : 0)};
    if (!scheme_.symmetric)
        states.zero_point =
            restore(read_packed(offsets_[2], two.zero_point_bits, true, first, count), 4);
    return states;
}

void BlockRestorer::restore(std::span<const std::byte> codes, float* values) const {
    const kernels::BlockLoop loop{
        quant::block_kind(scheme_), false,       quant::largest_code(scheme_), 1, 1, &state_.scale,
        &state_.zero_point,         codes.size()};
    quant::active_kernels().restore_block(reinterpret_cast<const std::uint8_t*>(codes.data()),
                                          codes.size(), loop, values);
}

template <typename Visit>
void BlockRestorer::visit_run(std::uint64_t first, std::uint64_t size, std::span<std::byte> scratch,
                              Visit&& visit) const {
    const std::uint64_t start = byte_of(first);
    const std::uint64_t last = first + size - 1;
    const std::uint64_t stop =
        std::min(byte_of(last) + (scheme_.bits == 8 ? 1 : scheme_.bits), parts_[0].byte_count);
    file_->read_at(scratch.first(stop - start), offsets_[0] + start);
    const bool by_columns = grid_.columns_each == 1;
    const bool same_row = first / matrix_.columns == last / matrix_.columns;
    // Down a column the states of a run's rows are needed whole, unless it has one row only.
    const std::uint64_t columns = matrix_.columns;
    const std::uint64_t from =
        by_columns && !same_row ? block_of(first - first % columns) : block_of(first);
    const std::uint64_t to =
        by_columns && !same_row ? block_of(last - last % columns + columns - 1) : block_of(last);
    const States states = read_states(from, to);
    kernels::BlockLoop loop{
        quant::block_kind(scheme_), false, quant::largest_code(scheme_), 1, 1, nullptr, nullptr};
    alignas(64) float scale[kChunk];
    alignas(64) float zero_point[kChunk];
    alignas(64) std::uint8_t codes[kChunk + 8];
    for (std::uint64_t done = 0; done < size;) {
        const std::uint64_t element = first + done;
        const std::uint64_t place = element % matrix_.packed_row;
        const std::uint64_t skipped = scheme_.bits == 8 ? 0 : place % 8;
        const std::uint64_t in_block =
            by_columns ? kChunk : grid_.columns_each - element % columns % grid_.columns_each;
        const std::uint64_t limit = std::min({kChunk, matrix_.packed_row - place, size - done});
        const std::uint64_t count =
            by_columns ? limit : std::min(limit, std::max<std::uint64_t>(in_block, 1));
        const std::uint64_t block = block_of(element) - states.first;
        loop.scale = by_columns ? states.scale.data() + block : scale;
        loop.zero_point = by_columns ? states.zero_point.data() + block : zero_point;
        if (!by_columns) {
            std::fill_n(scale, count, states.scale[block]);
            std::fill_n(zero_point, count, states.zero_point[block]);
        }
        quant::unpack(as_codes(scratch.data()) + (byte_of(element) - start), count + skipped,
                      scheme_.bits, scheme_.symmetric, codes);
        visit(done, codes + skipped, count, loop);
        done += count;
    }
}

void BlockRestorer::read_run(std::uint64_t first, std::span<float> values,
                             std::span<std::byte> scratch) const {
    if (has_plain_codes()) {
        const std::span<std::byte> codes = scratch.first(values.size());
        file_->read_at(codes, offsets_[0] + first);
        return restore(codes, values.data());
    }
    visit_run(first, values.size(), scratch,
              [&](std::uint64_t done, const std::uint8_t* codes, std::uint64_t count,
                  const kernels::BlockLoop& loop) {
                  quant::active_kernels().restore_block(codes, count, loop, values.data() + done);
              });
}

template <typename Element, typename Read>
void BlockRestorer::cut_run(std::uint64_t first, std::span<Element> elements, Read&& read) const {
    const bool row_by_row = grid_.columns_each == 1 && matrix_.columns > kLongRow;
    for (std::uint64_t done = 0; done < elements.size();) {
        const std::uint64_t left = elements.size() - done;
        const std::uint64_t row_left = matrix_.columns - (first + done) % matrix_.columns;
        const std::uint64_t count = row_by_row ? std::min(left, row_left) : left;
        read(first + done, elements.subspan(done, count));
        done += count;
    }
}

void BlockRestorer::read_codes(std::uint64_t first, std::span<std::uint8_t> codes,
                               std::span<std::byte> scratch) const {
    if (codes.empty()) return;
    const std::uint64_t start = byte_of(first);
    const std::uint64_t stop =
        std::min(byte_of(first + codes.size() - 1) + (scheme_.bits == 8 ? 1 : scheme_.bits),
                 parts_[0].byte_count);
    file_->read_at(scratch.first(stop - start), offsets_[0] + start);
    std::uint8_t part[kChunk + 8];
    for (std::uint64_t done = 0; done < codes.size();) {
        const std::uint64_t place = (first + done) % matrix_.packed_row;
        const std::uint64_t skipped = scheme_.bits == 8 ? 0 : place % 8;
        const std::uint64_t count =
            std::min({kChunk, matrix_.packed_row - place, codes.size() - done});
        quant::unpack(as_codes(scratch.data()) + (byte_of(first + done) - start), count + skipped,
                      scheme_.bits, scheme_.symmetric, part);
        std::copy_n(part + skipped, count, codes.begin() + static_cast<std::ptrdiff_t>(done));
        done += count;
    }
}

void BlockRestorer::read_states(std::uint64_t first, std::span<float> scale,
                                std::span<float> zero_point) const {
    if (scale.empty()) return;
    const States states = read_states(first, first + scale.size() - 1);
    std::copy_n(states.scale.begin(), scale.size(), scale.begin());
    std::copy_n(states.zero_point.begin(), zero_point.size(), zero_point.begin());
}

void BlockRestorer::read(std::uint64_t first, std::span<float> values,
                         std::span<std::byte> scratch) const {
    cut_run(first, values,
            [&](std::uint64_t at, std::span<float> run) { read_run(at, run, scratch); });
}

void BlockRestorer::read_codes(std::uint64_t first, std::span<formats::CodedElement> elements,
                               std::span<std::byte> scratch) const {
    const auto code_of = [&](std::uint8_t byte) {
        return scheme_.symmetric ? std::int32_t{static_cast<std::int8_t>(byte)}
                                 : std::int32_t{byte};
    };
    cut_run(first, elements, [&](std::uint64_t at, std::span<formats::CodedElement> run) {
        visit_run(at, run.size(), scratch,
                  [&](std::uint64_t done, const std::uint8_t* codes, std::uint64_t count,
                      const kernels::BlockLoop& loop) {
                      for (std::uint64_t i = 0; i < count; ++i)
                          run[done + i] = {code_of(codes[i]), loop.scale[i], loop.zero_point[i]};
                  });
    });
}

}  // namespace octet::octet_set
