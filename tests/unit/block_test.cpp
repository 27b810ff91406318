// Channels and groups: packing, the loops on every instruction set, states and their bounds, and
// how tensors are cut.
#include <cmath>
#include <limits>
#include <optional>

#include "codecs/work_plan.hpp"
#include "quant/active_kernels.hpp"
#include "quant/block_codec.hpp"
#include "quant/packing.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

TEST_CASE("packed codes lie bit by bit, the first in the lowest bits, and come back") {
    std::mt19937 random(5);
    for (const unsigned bits : {2U, 3U, 4U, 5U, 6U, 8U}) {
        for (std::size_t count = 0; count < 150; ++count) {
            std::vector<std::uint8_t> codes(count);
            for (std::uint8_t& code : codes) code = static_cast<std::uint8_t>(random());
            std::vector<std::uint8_t> expected(quant::packed_bytes(count, bits));
            for (std::size_t bit = 0; bit < count * bits; ++bit) {
                const unsigned set = (codes[bit / bits] >> (bit % bits)) & 1U;
                expected[bit / 8] =
                    static_cast<std::uint8_t>(expected[bit / 8] | (set << (bit % 8)));
            }
            std::vector<std::uint8_t> packed(codes);
            quant::pack(packed.data(), count, bits, packed.data());  // in place
            packed.resize(expected.size());
            REQUIRE(packed == expected);
            for (const bool is_signed : {false, true}) {
                std::vector<std::uint8_t> back(count);
                quant::unpack(packed.data(), count, bits, is_signed, back.data());
                for (std::size_t i = 0; i < count; ++i) {
                    const unsigned low = codes[i] & ((1U << bits) - 1U);
                    const bool negative = is_signed && (low >> (bits - 1U)) != 0;
                    REQUIRE(back[i] == ((negative ? low | (0xFFU << bits) : low) & 0xFFU));
                }
            }
        }
    }
}

std::vector<float> noise(std::size_t count, float spread, std::uint32_t seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0.0F, spread);
    std::vector<float> values(count);
    for (float& value : values) value = normal(random);
    return values;
}

/// What a table gives for one run of elements with parameters of their own.
struct Coded {
    std::vector<std::uint8_t> codes;
    std::vector<float> restored;
    kernels::BlockSums sums{};
    kernels::LaneSums exact{};

    friend bool operator==(const Coded& a, const Coded& b) {
        return a.codes == b.codes &&
               std::memcmp(a.restored.data(), b.restored.data(), a.restored.size() * 4) == 0 &&
               std::memcmp(&a.sums, &b.sums, sizeof(a.sums)) == 0 &&
               std::memcmp(&a.exact, &b.exact, sizeof(a.exact)) == 0;
    }
};

TEST_CASE("the loops over blocks are the same on every instruction set") {
    for (const std::size_t count : {1U, 15U, 16U, 17U, 511U, 512U, 1100U}) {
        const std::vector<float> values = noise(count, 1.0F, 3);
        std::vector<float> scale = noise(count, 0.02F, 4);
        for (std::size_t i = 0; i < count; ++i) scale[i] = i % 7 == 0 ? 0.0F : std::fabs(scale[i]);
        const std::vector<double> wide(values.begin(), values.end());
        for (const auto kind : {kernels::BlockKind::kReal, kernels::BlockKind::kInteger,
                                kernels::BlockKind::kSymmetric, kernels::BlockKind::kMiddle}) {
            std::vector<float> zero_point = noise(count, 1.0F, 5);
            for (std::size_t i = 0; i < count; ++i) {
                if (kind == kernels::BlockKind::kInteger)
                    zero_point[i] = static_cast<float>(i % 256);
            }
            for (const bool truncate : {false, true}) {
                const bool is_signed =
                    kind == kernels::BlockKind::kSymmetric || kind == kernels::BlockKind::kMiddle;
                const float most = is_signed ? 127.0F : 255.0F;
                const kernels::BlockLoop loop{kind,         truncate,         most, 0.5F, 64.0F,
                                              scale.data(), zero_point.data()};
                std::optional<Coded> first;
                for (const kernels::Kernels* k : available_kernels()) {
                    Coded found{std::vector<std::uint8_t>(count), std::vector<float>(count)};
                    k->quantize_block(values.data(), 1, count, loop, found.codes.data(),
                                      found.sums);
                    k->restore_block(found.codes.data(), count, loop, found.restored.data());
                    k->block_error_f64(wide.data(), found.codes.data(), count, loop, found.exact);
                    CAPTURE(k->name, count, static_cast<int>(kind), truncate);
                    if (!first) first = found;
                    REQUIRE(found == *first);
                }
                if (count >= 511) REQUIRE(first->sums.clipped > 0);
            }
        }
    }
}

/// Rows that share a scale by runs, as the loops take them; misaligned by 3 bytes, as values in a
/// mapped file may be.
struct Rows {
    std::size_t rows = 3;
    std::size_t count;
    std::size_t run;
    std::size_t across = (count + run - 1) / run;
    std::vector<float> values = noise(rows * count, 1.0F, 13);
    std::vector<float> scale = noise(rows * across, 0.02F, 14);
    std::vector<float> zero_point = noise(rows * across, 1.0F, 15);
    std::vector<std::byte> moved = std::vector<std::byte>(rows * count * sizeof(float) + 3);

    Rows(std::size_t count_, std::size_t run_) : count(count_), run(run_) {
        for (float& one : scale) one = std::fabs(one);
        scale[across - 1] = 0;
        std::memcpy(moved.data() + 3, values.data(), values.size() * sizeof(float));
    }

    /// One parameter an element.
    std::vector<float> each(const std::vector<float>& numbers) const {
        std::vector<float> all;
        for (std::size_t i = 0; i < rows * count; ++i)
            all.push_back(numbers[i / count * across + i % count / run]);
        return all;
    }
};

TEST_CASE("runs of elements that share a scale are coded and restored as if each had its own") {
    const std::pair<std::size_t, std::size_t> sizes[] = {
        {1, 16}, {16, 16}, {100, 32}, {770, 64}, {770, 770}, {530, 1024}, {1100, 48}, {513, 512}};
    for (const auto& [count, run] : sizes) {
        const Rows rows(count, run);
        const std::vector<float> scale = rows.each(rows.scale);
        for (const auto kind : {kernels::BlockKind::kReal, kernels::BlockKind::kInteger,
                                kernels::BlockKind::kSymmetric, kernels::BlockKind::kMiddle}) {
            std::vector<float> own = rows.zero_point;
            for (std::size_t i = 0; i < own.size(); ++i) {
                if (kind == kernels::BlockKind::kInteger) own[i] = static_cast<float>(i % 16);
            }
            const std::vector<float> zero_point = rows.each(own);
            const kernels::BlockLoop loop{
                kind, false, 7.0F, 0.5F, 64.0F, rows.scale.data(), own.data(), run, rows.across};
            const kernels::BlockLoop each{
                kind, false, 7.0F, 0.5F, 64.0F, scale.data(), zero_point.data(), 1, count};
            for (const kernels::Kernels* k : available_kernels()) {
                Coded found{std::vector<std::uint8_t>(3 * count), std::vector<float>(count)};
                Coded expected = found;
                k->quantize_block(rows.moved.data() + 3, 3, count, loop, found.codes.data(),
                                  found.sums);
                k->quantize_block(rows.values.data(), 3, count, each, expected.codes.data(),
                                  expected.sums);
                k->restore_block(found.codes.data(), count, loop, found.restored.data());
                k->restore_block(expected.codes.data(), count, each, expected.restored.data());
                const std::vector<double> wide(rows.values.begin(), rows.values.end());
                k->block_error_f64(wide.data(), found.codes.data(), count, loop, found.exact);
                k->block_error_f64(wide.data(), found.codes.data(), count, each, expected.exact);
                CAPTURE(k->name, count, run, static_cast<int>(kind));
                REQUIRE(found == expected);
            }
        }
    }
}

TEST_CASE("quotients that are promised to be codes give what limited ones give") {
    const std::vector<float> values = noise(1100, 1.0F, 21);
    const auto [min, max] = std::minmax_element(values.begin(), values.end());
    for (const auto kind : {kernels::BlockKind::kReal, kernels::BlockKind::kSymmetric}) {
        for (const float most : {1.0F, 7.0F, 15.0F, 127.0F, 255.0F}) {
            const bool real = kind == kernels::BlockKind::kReal;
            const float scale = real ? (*max - *min) / most : std::max(*max, -*min) / most;
            for (const bool truncate : {false, true}) {
                kernels::BlockLoop loop{kind,  truncate, most,  0.5F,
                                        64.0F, &scale,   &*min, values.size()};
                for (const kernels::Kernels* k : available_kernels()) {
                    Coded limited{std::vector<std::uint8_t>(values.size()), std::vector<float>(1)};
                    Coded plain = limited;
                    loop.is_plain = false;
                    k->quantize_block(values.data(), 1, values.size(), loop, limited.codes.data(),
                                      limited.sums);
                    loop.is_plain = true;
                    k->quantize_block(values.data(), 1, values.size(), loop, plain.codes.data(),
                                      plain.sums);
                    CAPTURE(k->name, most, truncate);
                    REQUIRE(limited.sums.clipped == 0);
                    REQUIRE(plain == limited);
                }
            }
        }
    }
}

TEST_CASE(
    "ranges of columns and of runs are the same on every instruction set and notice what is not "
    "finite") {
    const std::pair<std::size_t, std::size_t> sizes[] = {
        {1, 16}, {16, 16}, {37, 18}, {100, 64}, {770, 32}, {64, 64}, {1545, 48}, {4133, 64}};
    for (const auto& [count, run] : sizes) {
        for (const std::size_t rows : {1U, 8U, 19U}) {
            const std::vector<float> values = noise(rows * count, 1.0F, 6);
            const std::size_t runs = (count + run - 1) / run;
            for (const kernels::Kernels* k : available_kernels()) {
                std::vector<float> min = noise(count, 1.0F, 7);
                std::vector<float> max = min;
                std::vector<float> expected_min = min;
                std::vector<float> expected_max = max;
                for (std::size_t i = 0; i < rows * count; ++i) {
                    expected_min[i % count] = std::min(expected_min[i % count], values[i]);
                    expected_max[i % count] = std::max(expected_max[i % count], values[i]);
                }
                CAPTURE(k->name, count, run, rows);
                REQUIRE(k->column_ranges(values.data(), rows, count, min.data(), max.data()));
                REQUIRE((min == expected_min && max == expected_max));
                min = max = expected_min = expected_max = noise(runs, 0.1F, 8);
                for (std::size_t i = 0; i < count; ++i) {
                    expected_min[i / run] = std::min(expected_min[i / run], values[i]);
                    expected_max[i / run] = std::max(expected_max[i / run], values[i]);
                }
                REQUIRE(k->row_ranges(values.data(), count, run, min.data(), max.data()));
                REQUIRE((min == expected_min && max == expected_max));
                for (const float bad : {std::numeric_limits<float>::infinity(),
                                        std::numeric_limits<float>::quiet_NaN()}) {
                    for (const std::size_t at : {std::size_t{0}, count / 2, count - 1}) {
                        std::vector<float> spoiled = values;
                        spoiled[at] = bad;
                        REQUIRE_FALSE(
                            k->column_ranges(spoiled.data(), rows, count, min.data(), max.data()));
                        REQUIRE_FALSE(
                            k->row_ranges(spoiled.data(), count, run, min.data(), max.data()));
                        min = max = noise(std::max(count, runs), 0.1F, 8);
                    }
                }
            }
        }
    }
}

/// Ranges of every size, with zeros, constants, subnormals and what overflows 16 bits.
void make_ranges(std::vector<float>& min, std::vector<float>& max, std::uint32_t seed) {
    std::mt19937 random(seed);
    for (std::size_t i = 0; i < min.size(); ++i) {
        const int exponent = seed % 2 == 0 ? -6 : static_cast<int>(random() % 250) - 140;
        const float a = std::ldexp(static_cast<float>(random() % 4001) - 2000.0F, exponent - 11);
        const float b =
            random() % 8 == 0
                ? a
                : std::ldexp(static_cast<float>(random() % 4001) - 2000.0F, exponent - 11);
        min[i] = std::min(a, b);
        max[i] = std::max(a, b);
    }
}

TEST_CASE("states and bounds of many blocks are those of one after the other") {
    std::vector<float> min(150);
    std::vector<float> max(150);
    std::vector<float> scale(150);
    std::vector<float> zero_point(150);
    std::uint64_t overflowed = 0;
    for (const char* const name :
         {"u8-channel-axis1", "u4-channel-axis1-f16", "u8-channel-axis1-bf16", "s8-channel-axis1",
          "s4-channel-axis1-f16", "s6-channel-axis1-bf16", "u8-channel-axis1-intzp",
          "u4-channel-axis1-intzp-f16", "u3-channel-axis1-intzp-bf16", "u8-channel-axis1-trunc"}) {
        const Scheme scheme = *parse_scheme(name);
        for (std::uint32_t seed = 0; seed < 200; ++seed) {
            make_ranges(min, max, seed);
            if (seed % 5 == 4) std::swap(min[77], max[77]);  // no values
            const kernels::StateArrays blocks{min.data(), max.data(), scale.data(),
                                              zero_point.data()};
            const std::uint64_t found = quant::block_states(scheme, blocks, min.size());
            CAPTURE(name, seed, found);
            double bound = 0;
            for (std::size_t i = 0; i < std::min<std::size_t>(found + 1, min.size()); ++i) {
                const quant::BlockState state = quant::block_state(scheme, {min[i], max[i], true});
                if (std::isinf(state.scale) != (i == found)) FAIL(i);
                if (i == found) break;
                if (bits_of(state.scale) != bits_of(scale[i])) FAIL(i);
                if (bits_of(state.zero_point) != bits_of(zero_point[i])) FAIL(i);
                bound = std::max(
                    bound, quant::block_bound(scheme, state, {min[i], max[i], true}, Dtype::kF64));
            }
            REQUIRE(quant::largest_block_bound(scheme, blocks, found, Dtype::kF64) == bound);
            if (found < min.size()) ++overflowed;
        }
    }
    REQUIRE(overflowed > 0);
}

TEST_CASE("states, bounds and packed codes are the same on every instruction set") {
    constexpr std::size_t kCount = 61;  // tails everywhere
    std::vector<float> min(kCount);
    std::vector<float> max(kCount);
    for (std::uint32_t seed = 0; seed < 60; ++seed) {
        make_ranges(min, max, seed);
        std::vector<std::uint32_t> expected;
        for (const kernels::Isa isa : quant::available_isas()) {
            const kernels::Kernels& k = *kernels::kernels_for(isa);
            std::vector<float> numbers(3 * kCount);
            const kernels::StateArrays blocks{min.data(), max.data(), numbers.data(),
                                              numbers.data() + kCount};
            const kernels::StateLoop states{15.0F, seed % 3 == 0, seed % 3 == 1,
                                            static_cast<kernels::StateRounding>(seed / 3 % 3)};
            const kernels::StateFlags met = k.block_states(states, blocks, kCount);
            const kernels::BoundLoop bounds{static_cast<kernels::BlockKind>(seed / 9 % 4), 15.0F,
                                            0.5F};
            numbers.push_back(k.block_bounds(bounds, blocks, kCount, numbers.data() + 2 * kCount));
            kernels::LargestNumbers largest;
            k.largest_numbers(min.data(), max.data(), numbers.data(), kCount, largest);
            numbers.insert(numbers.end(), {largest.magnitude, largest.scale, largest.least_scale});
            std::vector<std::uint32_t> found = {met.has_empty ? 1U : 0U,
                                                met.has_infinite ? 1U : 0U};
            for (const float number : numbers)
                found.push_back(std::isnan(number) ? 0x7FC00000U : bits_of(number));
            std::vector<std::uint8_t> codes(2 * kCount + seed);
            for (std::size_t i = 0; i < codes.size(); ++i)
                codes[i] = static_cast<std::uint8_t>(i * (seed + 77));
            k.pack_halves(codes.data(), codes.size() / 2, codes.data());  // in place
            found.insert(found.end(), codes.begin(),
                         codes.begin() + static_cast<std::ptrdiff_t>(codes.size() / 2));
            if (expected.empty()) expected = found;
            CAPTURE(seed, k.name);
            REQUIRE(found == expected);
        }
    }
}

TEST_CASE("numbers round up to 16 bits and no further than the next one") {
    std::mt19937 random(8);
    for (int i = 0; i < 20000; ++i) {
        const float value = float_of(static_cast<std::uint32_t>(random()));
        if (!std::isfinite(value)) continue;
        const float brain = quant::rounded_up(value, ScaleDtype::kBF16);
        REQUIRE(brain >= value);
        REQUIRE((bits_of(brain) & 0xFFFFU) == 0);
        if (brain != value && std::isfinite(brain))
            REQUIRE(quant::rounded_down(value, ScaleDtype::kBF16) < value);
        const float half = quant::rounded_up(value, ScaleDtype::kF16);
        REQUIRE(half >= value);
        std::uint16_t stored = 0;
        kernels::Narrowing exact{};
        kernels::kernels_for(kernels::Isa::kScalar)->narrow_to_f16(&half, 1, &stored, exact);
        if (std::isfinite(half)) REQUIRE(exact.max_abs_difference == 0.0F);
        REQUIRE(std::isinf(half) == (value > 65504.0F));
    }
}

TEST_CASE("no error of a block exceeds its bound, whatever the scheme and the values") {
    for (const char* const name :
         {"s8", "u8", "u4", "u8-intzp", "u2-intzp", "s3", "u5-trunc", "s6-trunc", "u4-intzp-trunc",
          "u8-channel-f16", "s8-channel-f16", "u6-channel-bf16", "u8-channel-intzp-bf16"}) {
        Scheme scheme = *parse_scheme(name);
        std::mt19937 random(9);
        for (int round = 0; round < 300; ++round) {
            const float spread = std::ldexp(1.0F, static_cast<int>(random() % 30) - 20);
            std::vector<float> values =
                noise(1 + random() % 60, spread, static_cast<std::uint32_t>(random()));
            const float shift =
                round % 3 == 0 ? spread * static_cast<float>(random() % 2000) : 0.0F;
            for (float& value : values) value += shift;
            float min = 0;
            float max = 0;
            float scale = 0;
            float zero_point = 0;
            const quant::Blocks blocks{1, values.size(), 1, 1, &min, &max, &scale, &zero_point};
            const quant::Tile tile{1, values.size(), values.data(), nullptr};
            quant::clear_ranges(blocks);
            REQUIRE(quant::add_ranges(tile, blocks));
            std::uint64_t overflowed = 0;
            REQUIRE(quant::make_states(scheme, tile, nullptr, blocks, overflowed));
            std::vector<std::uint8_t> codes(values.size());
            const quant::ErrorSums sums = quant::quantize_tile(
                scheme, tile, blocks, quant::sum_factors(blocks), codes.data());
            CAPTURE(name, round, min, max, scale, zero_point);
            REQUIRE(sums.max_abs_error <= quant::largest_bound(scheme, blocks, Dtype::kF32));
        }
    }
}

}  // namespace
}  // namespace octet::test
