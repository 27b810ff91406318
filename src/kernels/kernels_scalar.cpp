// The specification: every loop, one element at a time.
#define XXH_INLINE_ALL 1
#define XXH_VECTOR XXH_SCALAR
#include <xxhash.h>

#include "kernels/block_scalar.hpp"
#include "kernels/hash_text.hpp"
#include "kernels/point_text.hpp"
#include "kernels/range_search_text.hpp"
#include "kernels/scalar_text.hpp"
#include "kernels/state_text.hpp"
#include "kernels/tables.hpp"
#include "kernels/two_level_text.hpp"

namespace octet::kernels {
namespace {

void range_f32(const void* values, std::size_t count, Range& range) {
    for (std::size_t i = 0; i < count; ++i) add_range(load<float>(values, i), range);
}

void range_and_hash_f32(const void* values, std::size_t count, Range& range, HashState& state) {
    range_f32(values, count, range);
    hash_add(state, values, count * sizeof(float));
}

bool column_ranges(const void* values, std::size_t rows, std::size_t count, float* min,
                   float* max) {
    bool finite = true;
    for (std::size_t row = 0; row < rows; ++row) {
        for (std::size_t i = 0; i < count; ++i)
            finite = extend_range(load<float>(values, row * count + i), min[i], max[i]) && finite;
    }
    return finite;
}

bool row_ranges(const void* values, std::size_t count, std::size_t run, float* min, float* max) {
    bool finite = true;
    for (std::size_t first = 0; first < count; first += run, ++min, ++max)
        finite =
            extend_by_run(values, first, count - first < run ? count : first + run, *min, *max) &&
            finite;
    return finite;
}

void quantize_block(const void* values, std::size_t rows, std::size_t count, const BlockLoop& first,
                    std::uint8_t* codes, BlockSums& sums) {
    with_kind(first, [&]<BlockKind kKind, bool kTruncate>() {
        BlockLoop block = first;
        for (std::size_t row = 0; row < rows; ++row, codes += count) {
            for (std::size_t start = 0; start < count; start += kFoldElements) {
                const std::size_t stop =
                    count - start < kFoldElements ? count : start + kFoldElements;
                FoldSums fold = {};
                quantize_part<kKind, kTruncate>(part_of(values, row * count), start, stop, block,
                                                codes, fold, sums.clipped);
                add_fold(fold, sums.lanes);
            }
            to_next_row(block);
        }
    });
}

void restore_block(const std::uint8_t* codes, std::size_t count, const BlockLoop& block,
                   float* out) {
    with_kind(block, [&]<BlockKind kKind, bool kTruncate>() {
        restore_part<kKind>(codes, 0, count, block, out);
    });
}

void pack_halves(const std::uint8_t* codes, std::size_t bytes, std::uint8_t* packed) {
    pack_pairs(codes, 0, bytes, packed);
}

void widen_f16(const void* values, std::size_t count, float* out) {
    for (std::size_t i = 0; i < count; ++i) out[i] = f16_to_f32(load<std::uint16_t>(values, i));
}

void widen_bf16(const void* values, std::size_t count, float* out) {
    for (std::size_t i = 0; i < count; ++i) out[i] = bf16_to_f32(load<std::uint16_t>(values, i));
}

}  // namespace

const Kernels kScalarKernels = {
    "scalar",
    range_f32,
    range_and_hash_f32,
    column_ranges,
    row_ranges,
    quantize_block,
    restore_block,
    block_error_f64,
    block_states,
    block_bounds,
    largest_numbers,
    pack_halves,
    widen_f16,
    widen_bf16,
    narrow_f64_loop,
    narrow_to_f16_loop,
    narrow_to_bf16_loop,
    widen_to_f64_loop,
    hash_begin,
    hash_add,
    hash_end,
    range_search<ScalarColumns>,
    two_level_search<ScalarColumns>,
    noise_of_points<ScalarColumns>,
};

}  // namespace octet::kernels
