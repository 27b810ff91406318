// Products of few tokens with codes, which stay integers until the sums of a group are there: y =
// sum over groups of scale * (codes . x) + offset * sum(x). With two levels the small numbers of
// the groups stay integers, too, until those of a superblock are there: y = sum over superblocks of
// S * sum over groups of s * ((codes - middle) . x) + Z * sum over groups of z * sum(x).
#include <algorithm>

#include "model/few.hpp"
#include "model/multiply.hpp"
#include "quant/packing.hpp"

namespace octet::model {
namespace {

/// Small numbers that can be read of each of those outputs: registers are quicker than a tail, and
/// what follows are zeros in the sums.
std::size_t readable_groups(const Few& few, const Outputs& outputs, std::size_t g,
                            std::size_t groups, unsigned bits) {
    constexpr std::size_t kTogether = 16;
    const std::size_t more = (groups + kTogether - 1) / kTogether * kTogether;
    const std::size_t after_last = few.weight.rows - (outputs.first + outputs.count - 1);
    const std::size_t there = quant::packed_bytes(few.weight.state.grid.across, bits) * after_last;
    return g + groups == few.groups() && (g + more) * bits / 8 <= there ? more : groups;
}

/// The floats of the superblocks of some outputs.
void super_floats_of_outputs(const Few& few, const std::byte* stored, const Outputs& outputs,
                             std::size_t super, float* out) {
    if (few.weight.state.two->supers.across == 1)  // they lie together
        return super_floats_of(few.weight, stored, outputs.first, 0, outputs.count, out);
    for (std::size_t i = 0; i < outputs.count; ++i)
        super_floats_of(few.weight, stored, outputs.first + i, super, 1, out + i);
}

void add_dots_of_two_levels(const Few& few, const Outputs& outputs) {
    const TwoLevels& two = *few.weight.state.two;
    float scales[kOutputsAtOnce];
    float zero_points[kOutputsAtOnce];
    kernels::SmallDots dots{};
    dots.outputs = outputs.count;
    dots.group = few.group;
    dots.pitch = few.weight.row_bytes;
    dots.super_scales = scales;
    dots.super_zero_points = zero_points;
    dots.middle = static_cast<float>(two.shape.code_offset);
    dots.is_next = few.is_next.data();
    dots.group_of_16 = few.group_of_16.data();
    for (std::size_t g = 0; g < few.groups(); g += two.groups_across) {
        const std::size_t first = g * few.group;
        dots.groups = std::min<std::size_t>(two.groups_across, few.groups() - g);
        dots.count = std::min(dots.groups * few.group, few.x.columns - first);
        dots.codes = codes_of(few.weight, outputs.first, first);
        dots.scales = small_scales_of(few.weight, outputs.first, g);
        dots.scales_pitch = quant::packed_bytes(few.weight.state.grid.across, dots.scales.bits);
        dots.readable = readable_groups(few, outputs, g, dots.groups, dots.scales.bits);
        super_floats_of_outputs(few, two.scales, outputs, g / two.groups_across, scales);
        if (two.zero_points != nullptr) {
            dots.zero_points = small_zero_points_of(few.weight, outputs.first, g);
            dots.zero_points_pitch =
                quant::packed_bytes(few.weight.state.grid.across, dots.zero_points.bits);
            super_floats_of_outputs(few, two.zero_points, outputs, g / two.groups_across,
                                    zero_points);
        }
        for (std::size_t t = 0; t < few.x.rows; ++t)
            few.loops.dots_of_two_levels(dots, few.x.row(t) + first, few.sums.row(t) + g,
                                         few.out.row(t) + outputs.first);
    }
}

/// True where the superblocks of an output are cut at multiples of 8 groups, at which small numbers
/// can be read.
bool has_readable_superblocks(const Few& few) {
    return few.weight.state.two &&
           (few.weight.state.grid.across <= few.weight.state.two->groups_across ||
            few.weight.state.two->groups_across % 8 == 0);
}

/// `parts` = start x sum of x + codes x x, of the inputs of a group.
void sum_group(const Few& few, std::size_t group, float start, const Outputs& outputs,
               float* parts) {
    const std::size_t first = group * few.group;
    const std::size_t count = std::min(few.group, few.x.columns - first);
    std::fill_n(parts, outputs.count, start == 0.0F ? 0.0F : start * few.sums.row(0)[group]);
    few.loops.add_rows_codes(codes_of(few.weight, first, outputs.first), few.weight.row_bytes,
                             few.x.row(0) + first, count, parts, outputs.count);
}

/// Calls `call(first, count, scales, offsets)` for pieces of the outputs, counted from their first,
/// with their states in a row of the grid.
template <typename Call>
void with_states(const Few& few, std::size_t grid_row, const Outputs& outputs, Call call) {
    float scales[kMostAtOnce];
    float offsets[kMostAtOnce];
    const bool by_column = few.weight.state.grid.across > 1;
    const std::size_t most = std::min(kMostAtOnce, outputs.count);
    if (!by_column) {
        states_of(few.weight, grid_row, 0, 1, scales, offsets);
        std::fill(scales + 1, scales + most, scales[0]);
        std::fill(offsets + 1, offsets + most, offsets[0]);
    }
    for (std::size_t first = 0; first < outputs.count; first += kMostAtOnce) {
        const std::size_t count = std::min(kMostAtOnce, outputs.count - first);
        if (by_column)
            states_of(few.weight, grid_row, outputs.first + first, count, scales, offsets);
        call(first, count, scales, offsets);
    }
}

void add_groups(const Few& few, std::size_t begin, std::size_t end, const Outputs& outputs,
                float* partial, float* parts) {
    for (std::size_t g = begin; g < end; ++g) {
        sum_group(few, g, 0.0F, outputs, parts);
        const auto add = [&](std::size_t first, std::size_t count, const float* scales,
                             const float* offsets) {
            const float sum = few.sums.row(0)[g];
            for (std::size_t c = 0; c < count; ++c)
                partial[first + c] += parts[first + c] * scales[c] + offsets[c] * sum;
        };
        with_states(few, g, outputs, add);
    }
}

/// y += scaled * S + shifted * Z, of a row of superblocks.
void add_supers(const Few& few, std::size_t super, const Outputs& outputs, const float* scaled,
                const float* shifted, float* partial) {
    const TwoLevels& two = *few.weight.state.two;
    float scales[kMostAtOnce];
    float zero_points[kMostAtOnce] = {};
    for (std::size_t first = 0; first < outputs.count; first += kMostAtOnce) {
        const std::size_t count = std::min(kMostAtOnce, outputs.count - first);
        const std::size_t column = outputs.first + first;
        super_floats_of(few.weight, two.scales, super, column, count, scales);
        if (two.zero_points != nullptr)
            super_floats_of(few.weight, two.zero_points, super, column, count, zero_points);
        few.loops.add_two_products(scaled + first, scales, shifted + first, zero_points,
                                   partial + first, count);
    }
}

/// `scaled` += small scale x (codes - middle) x x, of the inputs of a group. `room` has as many
/// floats as `scaled`.
void add_scaled_group(const Few& few, std::size_t group, const Outputs& outputs, float* scaled,
                      float* room) {
    sum_group(few, group, -static_cast<float>(few.weight.state.two->shape.code_offset), outputs,
              room);
    few.loops.add_products(small_scales_of(few.weight, group, outputs.first), room, scaled,
                           outputs.count);
}

/// Of groups of one superblock.
void add_superblock(const Few& few, std::size_t begin, std::size_t end, const Outputs& outputs,
                    float* partial, float* room) {
    const TwoLevels& two = *few.weight.state.two;
    const std::size_t size = outputs.count;
    float* const parts = room;
    float* const scaled = room + size;
    float* const shifted = parts;  // when the last group is done
    std::fill_n(scaled, size, 0.0F);
    for (std::size_t g = begin; g < end; ++g) add_scaled_group(few, g, outputs, scaled, parts);
    std::fill_n(shifted, size, 0.0F);
    if (two.zero_points != nullptr) {
        const kernels::Codes zero_points = small_zero_points_of(few.weight, begin, outputs.first);
        const std::size_t pitch =
            quant::packed_bytes(few.weight.state.grid.across, zero_points.bits);
        few.loops.add_rows_codes(zero_points, pitch, few.sums.row(0) + begin, end - begin, shifted,
                                 outputs.count);
    }
    add_supers(few, begin / two.groups_down, outputs, scaled, shifted, partial);
}

}  // namespace

void dot_with_codes(const Few& few, std::size_t first_output, std::size_t output_count) {
    const WeightMatrix& weight = few.weight;
    for (std::size_t t = 0; t < few.x.rows; ++t)
        std::fill_n(few.out.row(t) + first_output, output_count, 0.0F);
    if (has_readable_superblocks(few))
        return add_dots_of_two_levels(few, {first_output, output_count});
    float scales[kMostAtOnce];
    float offsets[kMostAtOnce];
    const bool is_one = weight.state.grid.down == 1 && few.groups() == 1;  // state for all
    if (is_one) states_of(weight, 0, 0, 1, scales, offsets);
    for (std::size_t output = first_output; output < first_output + output_count; ++output) {
        for (std::size_t g = 0; g < few.groups(); g += kMostAtOnce) {
            const std::size_t groups = std::min(kMostAtOnce, few.groups() - g);
            const std::size_t first = g * few.group;
            const std::size_t count = std::min(groups * few.group, few.x.columns - first);
            if (!is_one)
                states_of(weight, output / weight.state.grid.rows_each, g, groups, scales, offsets);
            const kernels::Codes codes = codes_of(weight, output, first);
            for (std::size_t t = 0; t < few.x.rows; ++t) {
                const float* const sums = few.sums.row(t) + g;
                few.out.row(t)[output] +=
                    few.loops.dot_codes(codes, few.x.row(t) + first, count, scales, few.group) +
                    (groups == 1 ? offsets[0] * sums[0] : few.loops.dot_f32(offsets, sums, groups));
            }
        }
    }
}

void add_code_rows(const Few& few, std::size_t first, std::size_t count, const Outputs& outputs,
                   float* partial, float* room) {
    if (few.is_plain()) {
        return few.loops.add_rows_codes(codes_of(few.weight, first, outputs.first),
                                        few.weight.row_bytes, few.x.row(0) + first, count, partial,
                                        outputs.count);
    }
    std::size_t g = first / few.group;
    const std::size_t end = (first + count + few.group - 1) / few.group;
    if (!few.weight.state.two) return add_groups(few, g, end, outputs, partial, room);
    for (const std::size_t groups = few.weight.state.two->groups_down; g < end;) {
        const std::size_t next = std::min(end, (g / groups + 1) * groups);
        add_superblock(few, g, next, outputs, partial, room);
        g = next;
    }
}

void finish_sums(const Few& few, const Outputs& outputs, const float* sums, std::size_t pitch) {
    if (!few.is_plain()) {
        for (std::size_t t = 0; t < few.x.rows; ++t)
            std::copy_n(sums + t * pitch, outputs.count, few.out.row(t) + outputs.first);
        return;
    }
    with_states(
        few, 0, outputs,
        [&](std::size_t first, std::size_t count, const float* scales, const float* offsets) {
            for (std::size_t t = 0; t < few.x.rows; ++t) {
                float* const y = few.out.row(t) + outputs.first + first;
                const float* const sum = sums + t * pitch + first;
                for (std::size_t c = 0; c < count; ++c)
                    y[c] = sum[c] * scales[c] + offsets[c] * few.sums.row(t)[0];
            }
        });
}

}  // namespace octet::model
