// F16, BF16 and F64 to and from float32, against references written in double arithmetic.
#include <algorithm>
#include <cmath>
#include <limits>

#include "support.hpp"

namespace octet::test {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// A small binary float: bits of exponent and mantissa, from the definition of the format.
struct Format {
    int exponent_bits;
    int mantissa_bits;

    int bias() const { return (1 << (exponent_bits - 1)) - 1; }
    int largest_exponent() const { return (1 << exponent_bits) - 2 - bias(); }
    int smallest_exponent() const { return 1 - bias(); }
};

constexpr Format kF16{5, 10};
constexpr Format kBF16{8, 7};

double value_of(std::uint16_t bits, const Format& format) {
    const int mantissa = bits & ((1 << format.mantissa_bits) - 1);
    const int exponent = (bits >> format.mantissa_bits) & ((1 << format.exponent_bits) - 1);
    const double sign = (bits & 0x8000U) != 0 ? -1.0 : 1.0;
    if (exponent == (1 << format.exponent_bits) - 1) {
        const bool nan = mantissa != 0;
        return nan ? std::numeric_limits<double>::quiet_NaN()
                   : sign * std::numeric_limits<double>::infinity();
    }
    if (exponent == 0)
        return sign * std::ldexp(mantissa, format.smallest_exponent() - format.mantissa_bits);
    return sign * std::ldexp((1 << format.mantissa_bits) + mantissa,
                             exponent - format.bias() - format.mantissa_bits);
}

/// The nearest value of the format, ties to even, in double: infinity beyond the last one's half
/// step.
double rounded(double value, const Format& format) {
    if (value == 0.0 || !std::isfinite(value)) return value;
    const int exponent = std::max(std::ilogb(value), format.smallest_exponent());
    const double step = std::ldexp(1.0, exponent - format.mantissa_bits);
    const double result = std::nearbyint(value / step) * step;
    const double limit = std::ldexp(2.0, format.largest_exponent());
    return std::fabs(result) >= limit
               ? std::copysign(std::numeric_limits<double>::infinity(), value)
               : result;
}

using Widen = void (*)(const void*, std::size_t, float*);
using Narrow = void (*)(const float*, std::size_t, void*, kernels::Narrowing&);

std::vector<std::uint16_t> all_halves() {
    std::vector<std::uint16_t> all(65536);
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint16_t>(i);
    return all;
}

void check_widening(Widen widen, Narrow narrow, const Format& format) {
    const std::vector<std::uint16_t> all = all_halves();
    std::vector<float> wide(all.size());
    std::vector<std::uint16_t> back(all.size());
    kernels::Narrowing narrowing{};
    widen(all.data(), all.size(), wide.data());
    narrow(wide.data(), wide.size(), back.data(), narrowing);
    for (std::size_t i = 0; i < all.size(); ++i) {
        const double expected = value_of(all[i], format);
        const bool same = std::isnan(expected)
                              ? std::isnan(wide[i]) && std::isnan(value_of(back[i], format))
                              : static_cast<double>(wide[i]) == expected &&
                                    std::signbit(wide[i]) == std::signbit(expected) &&
                                    back[i] == all[i];
        if (!same) FAIL("input " << i << " widened to " << wide[i] << ", expected " << expected);
    }
    REQUIRE(narrowing.max_abs_difference == 0.0F);
    REQUIRE_FALSE(narrowing.overflowed);
}

void check_narrowing(Narrow narrow, const std::vector<float>& values, const Format& format) {
    std::vector<std::uint16_t> out(values.size());
    kernels::Narrowing narrowing{};
    narrow(values.data(), values.size(), out.data(), narrowing);
    float largest = 0;
    bool overflowed = false;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const double exact = static_cast<double>(values[i]);
        const double expected = rounded(exact, format);
        const double narrowed = value_of(out[i], format);
        const bool same = narrowed == expected && std::signbit(narrowed) == std::signbit(exact);
        if (!same) FAIL("value " << std::hexfloat << values[i] << " narrowed to bits " << out[i]);
        overflowed = overflowed || (std::isinf(expected) && std::isfinite(exact));
        if (std::isfinite(exact))
            largest = std::max(largest, static_cast<float>(std::fabs(exact - expected)));
    }
    REQUIRE(narrowing.max_abs_difference == largest);
    REQUIRE(narrowing.overflowed == overflowed);
}

/// Every value of the format with its neighbours, the middle to the next one, and the middle's
/// neighbours.
std::vector<float> around_every_value(const Format& format) {
    std::vector<float> values;
    for (std::uint32_t i = 0; i < 65535; ++i) {
        const double here = value_of(static_cast<std::uint16_t>(i), format);
        const double next = value_of(static_cast<std::uint16_t>(i + 1), format);
        if (!std::isfinite(here) || !std::isfinite(next)) continue;
        for (const double exact : {here, (here + next) / 2}) {
            const auto value = static_cast<float>(exact);
            values.push_back(value);
            values.push_back(std::nextafter(value, kInfinity));
            values.push_back(std::nextafter(value, -kInfinity));
        }
    }
    return values;
}

std::vector<float> random_floats(unsigned seed, std::size_t count) {
    std::mt19937 random(seed);
    std::vector<float> values;
    while (values.size() < count) {
        const float value = float_of(static_cast<std::uint32_t>(random()));
        if (!std::isnan(value)) values.push_back(value);
    }
    return values;
}

TEST_CASE("all 65536 F16 values widen exactly and narrow back to themselves") {
    for (const kernels::Kernels* table : available_kernels()) {
        INFO(table->name);
        check_widening(table->widen_f16, table->narrow_to_f16, kF16);
    }
}

TEST_CASE("all 65536 BF16 values widen exactly and narrow back to themselves") {
    for (const kernels::Kernels* table : available_kernels()) {
        INFO(table->name);
        check_widening(table->widen_bf16, table->narrow_to_bf16, kBF16);
    }
}

TEST_CASE("narrowing to F16 rounds to nearest with ties to even around every value") {
    for (const kernels::Kernels* table : available_kernels()) {
        INFO(table->name);
        check_narrowing(table->narrow_to_f16, around_every_value(kF16), kF16);
        check_narrowing(table->narrow_to_f16, random_floats(11, 100'000), kF16);
    }
}

TEST_CASE("narrowing to BF16 rounds to nearest with ties to even around every value") {
    for (const kernels::Kernels* table : available_kernels()) {
        INFO(table->name);
        check_narrowing(table->narrow_to_bf16, around_every_value(kBF16), kBF16);
        check_narrowing(table->narrow_to_bf16, random_floats(12, 100'000), kBF16);
    }
}

TEST_CASE("F16 overflows from 65520 on and not before") {
    const auto narrowed = [](const kernels::Kernels& table, float value, bool& overflowed) {
        std::uint16_t half = 0;
        kernels::Narrowing narrowing{};
        table.narrow_to_f16(&value, 1, &half, narrowing);
        overflowed = narrowing.overflowed;
        return half;
    };
    for (const kernels::Kernels* table : available_kernels()) {
        for (const float value : {65504.0F, 65505.0F, std::nextafter(65520.0F, 0.0F)}) {
            bool overflowed = true;
            REQUIRE(narrowed(*table, value, overflowed) == 0x7BFF);
            REQUIRE_FALSE(overflowed);
            REQUIRE(narrowed(*table, -value, overflowed) == 0xFBFF);
            REQUIRE_FALSE(overflowed);
        }
        for (const float value : {65520.0F, 65536.0F, std::numeric_limits<float>::max()}) {
            bool overflowed = false;
            REQUIRE(narrowed(*table, value, overflowed) == 0x7C00);
            REQUIRE(overflowed);
            REQUIRE(narrowed(*table, -value, overflowed) == 0xFC00);
            REQUIRE(overflowed);
        }
        bool overflowed = true;
        REQUIRE(narrowed(*table, kInfinity, overflowed) == 0x7C00);
        REQUIRE_FALSE(overflowed);
    }
}

TEST_CASE("NaN stays a quiet NaN whatever its payload") {
    for (const kernels::Kernels* table : available_kernels()) {
        for (const std::uint32_t bits :
             {0x7F800001U, 0x7FC00000U, 0xFFFFFFFFU, 0x7F80FFFFU, 0xFF812345U}) {
            const float nan = float_of(bits);
            std::uint16_t half = 0;
            kernels::Narrowing narrowing{};
            table->narrow_to_f16(&nan, 1, &half, narrowing);
            REQUIRE((half & 0x7E00U) == 0x7E00U);
            REQUIRE((half >> 15U) == (bits >> 31U));
            table->narrow_to_bf16(&nan, 1, &half, narrowing);
            REQUIRE((half & 0x7FC0U) == 0x7FC0U);
            REQUIRE((half >> 15U) == (bits >> 31U));
            REQUIRE_FALSE(narrowing.overflowed);
        }
    }
}

TEST_CASE("float64 narrows to the nearest float32 with ties to even and widens exactly") {
    std::mt19937_64 random(13);
    std::vector<double> values{1.0 + 0x1p-24, 1.0 + 3 * 0x1p-24,    0x1p-150, 3e-46, 1e300,
                               -1e300,        3.4028235677973366e38};
    for (int i = 0; i < 20'000; ++i)
        values.push_back(std::ldexp(static_cast<double>(random()) + 0.5,
                                    static_cast<int>(random() % 280) - 204));
    for (const kernels::Kernels* table : available_kernels()) {
        std::vector<unsigned char> shifted(values.size() * sizeof(double) + 1);
        std::memcpy(shifted.data() + 1, values.data(), values.size() * sizeof(double));
        std::vector<float> out(values.size());
        table->narrow_f64(shifted.data() + 1, values.size(), out.data());
        constexpr Format kF32{8, 23};
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (static_cast<double>(out[i]) != rounded(values[i], kF32))
                FAIL(table->name << " value " << values[i] << " narrowed to " << out[i]);
        }
        std::vector<double> wide(values.size());
        table->widen_to_f64(out.data(), out.size(), wide.data());
        for (std::size_t i = 0; i < values.size(); ++i)
            REQUIRE(bits_as<std::uint64_t>(wide[i]) ==
                    bits_as<std::uint64_t>(static_cast<double>(out[i])));
    }
}

TEST_CASE("conversions give the same bits on every instruction set at every size and alignment") {
    const std::vector<float> values = random_floats(14, 2000);
    const kernels::Kernels& scalar = *available_kernels().front();
    for (std::size_t size = 0; size <= 70; ++size) {
        for (std::size_t shift = 0; shift < 4; ++shift) {
            for (const kernels::Kernels* table : available_kernels()) {
                for (const Narrow narrow : {table->narrow_to_f16, table->narrow_to_bf16}) {
                    const bool f16 = narrow == table->narrow_to_f16;
                    std::vector<unsigned char> out(size * 2 + 8, 0x5A);
                    std::vector<std::uint16_t> expected(size + 1);
                    kernels::Narrowing narrowing{};
                    kernels::Narrowing scalar_narrowing{};
                    narrow(values.data() + size * 3, size, out.data() + shift, narrowing);
                    (f16 ? scalar.narrow_to_f16 : scalar.narrow_to_bf16)(
                        values.data() + size * 3, size, expected.data(), scalar_narrowing);
                    INFO(table->name << " size " << size << " shift " << shift);
                    REQUIRE(std::memcmp(out.data() + shift, expected.data(), size * 2) == 0);
                    REQUIRE(out[shift + size * 2] == 0x5A);
                    REQUIRE(bits_of(narrowing.max_abs_difference) ==
                            bits_of(scalar_narrowing.max_abs_difference));
                    REQUIRE(narrowing.overflowed == scalar_narrowing.overflowed);
                    std::vector<float> wide(size + 1, 7.0F);
                    std::vector<float> wide_scalar(size + 1, 7.0F);
                    (f16 ? table->widen_f16 : table->widen_bf16)(out.data() + shift, size,
                                                                 wide.data());
                    (f16 ? scalar.widen_f16 : scalar.widen_bf16)(expected.data(), size,
                                                                 wide_scalar.data());
                    REQUIRE(std::memcmp(wide.data(), wide_scalar.data(),
                                        wide.size() * sizeof(float)) == 0);
                }
            }
        }
    }
}

}  // namespace
}  // namespace octet::test
