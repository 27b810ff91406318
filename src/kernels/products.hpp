// The inner loops of running a model: products of weights, as floats or as codes, with activations,
// and the functions between them. A table for each instruction set, as in kernels.hpp, but without
// its promise of the same bits everywhere: AVX2, AVX-512 and NEON multiply and add in one rounding,
// and the order of a sum follows the width of the registers. Within one table a result depends on
// the operands alone, not on how the work is shared out. Weights have any alignment; activations
// are floats in memory of their own. Functions are pure, never throw, and may run in any number of
// threads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernels.hpp"

namespace octet::kernels {

/// Columns of a panel of multiply_panel().
inline constexpr std::size_t kPanelColumns = 32;

/// Integers as they are stored: a byte each, or packed, least significant bit of byte 0 first.
/// Begin with a whole byte.
struct Codes {
    const std::uint8_t* bytes;
    unsigned bits;   ///< 2, 3, 4, 5, 6 or 8
    bool is_signed;  ///< two's complement
};

/// Some tokens that are multiplied with the same weights: token t has its activations at x + t *
/// x_pitch and its sums at y + t * y_pitch.
struct Tokens {
    std::size_t count;
    const float* x;
    std::size_t x_pitch;
    float* y;
    std::size_t y_pitch;
};

/// Rows of codes, `pitch` bytes apart. What stands for code c of row r is code * scale + offset
/// with the floats at r / group * states_pitch + c, or the code alone.
struct RowsOfCodes {
    Codes codes;  ///< of the first row
    std::size_t pitch;
    std::size_t count;
    std::size_t columns;
    const float* scales = nullptr;  ///< null: the codes alone
    const float* offsets = nullptr;
    std::size_t group = 1;  ///< rows
    std::size_t states_pitch = 0;
};

/// Memory that will be read next: rows of some bytes, `pitch` bytes apart.
struct Area {
    const std::uint8_t* first = nullptr;
    std::size_t row_bytes = 0;
    std::size_t pitch = 0;
    std::size_t rows = 0;
};

/// The states of a row of groups of two levels: small numbers and, as many, the floats that they
/// are multiplied with.
struct SmallStates {
    Codes scales;
    const float* super_scales;
    Codes zero_points;               ///< signed, of as many bits as the scales
    const float* super_zero_points;  ///< null: no zero points
    float middle;                    ///< the code that stands for the zero point
};

/// Outputs of two levels, rows of codes `pitch` bytes apart, within one superblock of each:
/// `groups` <= kMaxSuperblockGroups groups of `group` inputs, of which the last may have fewer.
struct SmallDots {
    std::size_t outputs;
    std::size_t count;  ///< inputs
    std::size_t group;  ///< >= 16
    std::size_t groups;
    std::size_t readable;  ///< small numbers of an output, and sums, that can be read, >= groups;
                           ///< sums beyond the groups are 0
    Codes codes;
    std::size_t pitch;
    Codes scales;
    std::size_t scales_pitch;
    const float* super_scales;  ///< one an output
    Codes zero_points;          ///< no bytes: none
    std::size_t zero_points_pitch;
    const float* super_zero_points;
    float middle;                      ///< the code that stands for the zero point
    const std::uint32_t* group_of_16;  ///< of each 16 inputs the group of the first
    const std::int32_t*
        is_next;  ///< of each input 1 where its group is not that of the first of its 16, else 0
};

/// One implementation of every loop.
struct Products {
    const char* name;

    /// The sum of weights[i] * x[i].
    float (*dot_f32)(const void* weights, const float* x, std::size_t count);

    /// The sum of code i * x[i] * scales[i / group]; group >= 16.
    float (*dot_codes)(const Codes& codes, const float* x, std::size_t count, const float* scales,
                       std::size_t group);

    /// y[o] += the sum of ((code i - middle) * small scale * super scale + small zero point * super
    /// zero point) * x[i], of each output; sums[g] is that of the x of group g.
    void (*dots_of_two_levels)(const SmallDots& dots, const float* x, const float* sums, float* y);

    /// y[c] += sum over r of x[r] * weight c of row r, r < rows, c < columns; `pitch` bytes lie
    /// between the beginnings of two rows. Columns are independent of each other: cutting them into
    /// ranges changes nothing.
    void (*add_rows_f32)(const void* weights, std::size_t pitch, const float* x, std::size_t rows,
                         float* y, std::size_t columns);
    void (*add_rows_codes)(const Codes& codes, std::size_t pitch, const float* x, std::size_t rows,
                           float* y, std::size_t columns);

    /// y[c] += sum over r of x[r] * what stands for code c of row r, of each of some tokens; codes
    /// are read and restored once for all of them. `next` is asked for meanwhile. Of codes alone
    /// the new sums are those that add_rows_codes() makes of zeros, to the bit.
    void (*add_rows_of_tokens)(const RowsOfCodes& rows, const Tokens& tokens, const Area& next);

    /// What RowsOfCodes has of `count` columns: scales[c] = small scale * its float, offsets[c] =
    /// small zero point * its float - middle * scales[c].
    void (*restore_small_states)(const SmallStates& states, std::size_t count, float* scales,
                                 float* offsets);

    /// y[c] += code c * x[c].
    void (*add_products)(const Codes& codes, const float* x, float* y, std::size_t count);

    /// y[c] += a[c] * s[c] + b[c] * z[c].
    void (*add_two_products)(const float* a, const float* s, const float* b, const float* z,
                             float* y, std::size_t count);

    /// out[i] = code i.
    void (*widen_codes)(const Codes& codes, std::size_t count, float* out);

    /// out[t * out_pitch + c] = sum over k of x[t * x_pitch + k] * panel[k * kPanelColumns + c], t
    /// < tokens, k < depth, all kPanelColumns columns. `panel` is aligned to 64 bytes.
    void (*multiply_panel)(const float* x, std::size_t x_pitch, std::size_t tokens,
                           const float* panel, std::size_t depth, float* out,
                           std::size_t out_pitch);

    /// out[c * rows + r] = in[r * columns + c].
    void (*transpose)(const float* in, std::size_t rows, std::size_t columns, float* out);

    /// values[i] = exp(values[i] - largest); returns their sum. No value exceeds `largest`.
    float (*exponentials)(float* values, std::size_t count, float largest);

    /// x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))): GELU as GPT-2 and T5 1.1 have it
    /// ("gelu_new").
    void (*gelu)(float* values, std::size_t count);
};

/// The loops for that instruction set, or null when not built in or not supported by this processor
/// and system.
const Products* products_for(Isa isa) noexcept;

}  // namespace octet::kernels
