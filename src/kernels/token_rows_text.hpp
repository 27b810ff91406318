// Products of the tokens of a short prompt with rows of codes, which are read and converted once
// for all of them. Included by product_text.hpp alone.
#pragma once

#include <cstdint>

#include <xsimd/xsimd.hpp>

#include "kernels/products.hpp"
#include "kernels/weight_rows.hpp"

/// Some turns of the loop that follows at a time. Arrays stay in registers only where every loop
/// over them is taken apart.
#if defined(__clang__)
#define OCTET_UNROLL_4 _Pragma("unroll 4")
#define OCTET_UNROLL_8 _Pragma("unroll 8")
#else
#define OCTET_UNROLL_4 _Pragma("GCC unroll 4")
#define OCTET_UNROLL_8 _Pragma("GCC unroll 8")
#endif

namespace octet::kernels {
namespace {

constexpr std::size_t kLineBytes = 64;

/// The lines of an area in the order of memory, as it can be brought fastest, to be asked for one
/// by one while something else is computed. Addresses, not pointers: there may be no area, and
/// lines begin before it and end behind it.
class ComingLines {
  public:
    /// In so many shares.
    ComingLines(const Area& area, std::size_t shares)
        : area_(area),
          first_(reinterpret_cast<std::uintptr_t>(area.first)),
          lines_of_share_((area.rows * (area.row_bytes / kLineBytes + 1) + shares) /
                          std::size_t{shares + 1}) {
        begin_row();
    }

    std::size_t lines_of_share() const { return lines_of_share_; }

    std::uintptr_t at() const { return at_; }
    std::uintptr_t end_of_row() const { return end_; }
    void begin_at(std::uintptr_t at) { at_ = at; }

    /// Out of line, as few rows end.
    __attribute__((noinline)) void begin_next_row() {
        first_ += area_.pitch;
        area_.rows -= area_.rows > 0 ? 1 : 0;
        begin_row();
    }

  private:
    void begin_row() {
        const bool is_over = area_.rows == 0;  // the last line again and again
        at_ = first_ - first_ % kLineBytes;
        end_ = first_ + area_.row_bytes;
        if (is_over) area_.pitch = 0;
    }

    Area area_;
    std::uintptr_t first_;
    std::size_t lines_of_share_;
    std::uintptr_t at_ = 0;
    std::uintptr_t end_ = 0;
};

/// The new sums of kTokens tokens and kBlocks x 16 columns from `c` on, in registers until all rows
/// are done.
template <std::size_t kTokens, std::size_t kBlocks, bool kRestored, typename Rows>
inline void add_rows_of_strip(const RowsOfCodes& rows, const Tokens& tokens, std::size_t c,
                              ComingLines& coming) {
    constexpr std::size_t kRegisters = kBlocks * kParts;
    constexpr std::size_t kLinesOf4Rows =
        (kBlocks * Rows::kBitsEach + 7) / 8;  // as many as they are themselves
    const std::size_t pitch = rows.pitch;
    const std::size_t x_pitch = tokens.x_pitch;
    const float* x = tokens.x;
    const unsigned char* row = rows.codes.bytes + c / 8 * Rows::kBitsEach;
    std::uintptr_t at = coming.at();
    std::uintptr_t end = coming.end_of_row();
    Floats sums[kTokens][kRegisters];
    OCTET_UNROLL_8
    for (std::size_t t = 0; t < kTokens; ++t) {
        OCTET_UNROLL_4
        for (std::size_t j = 0; j < kRegisters; ++j) sums[t][j] = Floats(0.0F);
    }
    Floats scales[kRegisters];
    Floats offsets[kRegisters];
    const auto add_row = [&] {
        Floats w[kBlocks][kParts];
        for (std::size_t block = 0; block < kBlocks; ++block)
            Rows::load_16(row, block * kLanes, w[block]);
        for (std::size_t j = 0; kRestored && j < kRegisters; ++j)
            w[j / kParts][j % kParts] = fused(w[j / kParts][j % kParts], scales[j], offsets[j]);
        OCTET_UNROLL_8
        for (std::size_t t = 0; t < kTokens; ++t) {
            const Floats factor(x[t * x_pitch]);
            OCTET_UNROLL_4
            for (std::size_t j = 0; j < kRegisters; ++j)
                sums[t][j] = fused(factor, w[j / kParts][j % kParts], sums[t][j]);
        }
        ++x;
        row += pitch;
    };
    const auto ask = [&] {
        __builtin_prefetch(reinterpret_cast<const void*>(at));
        at += kLineBytes;
        if (__builtin_expect(at < end, 1)) return;
        coming.begin_next_row();
        at = coming.at();
        end = coming.end_of_row();
    };
    std::size_t left = rows.count;
    std::size_t asked = 0;
    for (std::size_t state = c; left > 0; state += rows.states_pitch) {
        for (std::size_t j = 0; kRestored && j < kRegisters; ++j) {
            scales[j] = Floats::load_unaligned(rows.scales + state + j * kWidth);
            offsets[j] = Floats::load_unaligned(rows.offsets + state + j * kWidth);
        }
        std::size_t some = kRestored && rows.group < left ? rows.group : left;
        left -= some;
        for (; some >= 4; some -= 4) {
            for (std::size_t i = 0; i < kLinesOf4Rows; ++i) ask();
            asked += kLinesOf4Rows;
            OCTET_UNROLL_4
            for (std::size_t i = 0; i < 4; ++i) add_row();
        }
        for (; some > 0; --some) add_row();
    }
    for (; asked < coming.lines_of_share(); ++asked) ask();
    coming.begin_at(at);
    OCTET_UNROLL_8
    for (std::size_t t = 0; t < kTokens; ++t) {
        float* const y = tokens.y + t * tokens.y_pitch + c;
        OCTET_UNROLL_4
        for (std::size_t j = 0; j < kRegisters; ++j)
            (Floats::load_unaligned(y + j * kWidth) + sums[t][j]).store_unaligned(y + j * kWidth);
    }
}

/// One column, as the lanes have it.
template <std::size_t kTokens, bool kRestored, typename Rows>
inline void add_rows_of_column(const RowsOfCodes& rows, const Tokens& tokens, std::size_t c) {
    for (std::size_t t = 0; t < kTokens; ++t) {
        float sum = 0.0F;
        for (std::size_t r = 0; r < rows.count; ++r) {
            float w = Rows::one(rows.codes.bytes + r * rows.pitch, c);
            const std::size_t state = kRestored ? r / rows.group * rows.states_pitch + c : 0;
            if (kRestored) w = fused(w, rows.scales[state], rows.offsets[state]);
            sum = fused(tokens.x[t * tokens.x_pitch + r], w, sum);
        }
        tokens.y[t * tokens.y_pitch + c] += sum;
    }
}

template <std::size_t kTokens, bool kRestored, typename Rows>
inline void add_rows_of_some_tokens(const RowsOfCodes& rows, const Tokens& tokens,
                                    const Area& next) {
    constexpr std::size_t kMost = kParts == 1 ? 2 : 1;  // 16 of 32 registers, or 8 of 16
    ComingLines coming(next, rows.columns / (kMost * kLanes));
    std::size_t c = 0;
    for (; c + kMost * kLanes <= rows.columns; c += kMost * kLanes)
        add_rows_of_strip<kTokens, kMost, kRestored, Rows>(rows, tokens, c, coming);
    if (kMost > 1 && c + kLanes <= rows.columns) {
        add_rows_of_strip<kTokens, 1, kRestored, Rows>(rows, tokens, c, coming);
        c += kLanes;
    }
    for (; c < rows.columns; ++c) add_rows_of_column<kTokens, kRestored, Rows>(rows, tokens, c);
}

template <bool kRestored, typename Rows>
inline void add_rows_of_all_tokens(const RowsOfCodes& rows, Tokens left, Area next) {
    constexpr std::size_t kMost = kParts == 1 ? 8 : kParts == 2 ? 4 : 2;
    const auto add = [&](auto some) {
        constexpr std::size_t kSome = decltype(some)::value;
        for (; left.count >= kSome; left.count -= kSome) {
            add_rows_of_some_tokens<kSome, kRestored, Rows>(rows, left, next);
            left.x += kSome * left.x_pitch;
            left.y += kSome * left.y_pitch;
            next.rows = 0;  // it has been asked for
        }
    };
    add(std::integral_constant<std::size_t, kMost>());
    if constexpr (kMost > 4) add(std::integral_constant<std::size_t, 4>());
    if constexpr (kMost > 2) add(std::integral_constant<std::size_t, 2>());
    add(std::integral_constant<std::size_t, 1>());
}

void add_rows_of_tokens(const RowsOfCodes& rows, const Tokens& tokens, const Area& next) {
    with_rows(rows.codes, [&](auto kind) {
        using Rows = decltype(kind);
        if (rows.scales == nullptr) return add_rows_of_all_tokens<false, Rows>(rows, tokens, next);
        add_rows_of_all_tokens<true, Rows>(rows, tokens, next);
    });
}

void restore_small_states(const SmallStates& states, std::size_t count, float* scales,
                          float* offsets) {
    const Floats shift(-states.middle);
    const std::uint8_t* const zero_points =
        states.super_zero_points != nullptr ? states.zero_points.bytes : nullptr;
    with_rows(states.scales, [&](auto rows) {
        using ZeroPointRows = CodeRows<decltype(rows)::kBitsEach, true>;
        std::size_t i = 0;
        for (; i + kLanes <= count; i += kLanes) {
            Floats s[kParts];
            Floats z[kParts];
            rows.load_16(states.scales.bytes, i, s);
            if (zero_points != nullptr) ZeroPointRows::load_16(zero_points, i, z);
            for (std::size_t part = 0; part < kParts; ++part) {
                const std::size_t at = i + part * kWidth;
                const Floats scale = s[part] * Floats::load_unaligned(states.super_scales + at);
                Floats offset = scale * shift;
                if (zero_points != nullptr)
                    offset = fused(z[part], Floats::load_unaligned(states.super_zero_points + at),
                                   offset);
                scale.store_unaligned(scales + at);
                offset.store_unaligned(offsets + at);
            }
        }
        for (; i < count; ++i) {
            scales[i] = rows.one(states.scales.bytes, i) * states.super_scales[i];
            offsets[i] = scales[i] * -states.middle;
            if (zero_points == nullptr) continue;
            offsets[i] =
                fused(ZeroPointRows::one(zero_points, i), states.super_zero_points[i], offsets[i]);
        }
    });
}

}  // namespace
}  // namespace octet::kernels
