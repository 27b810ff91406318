// Scale, zero point, bound and factors of sums at the extremes of float32.
#include <algorithm>
#include <cmath>
#include <limits>

#include "plain_tensor.hpp"
#include "quant/error_sums.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

constexpr float kMost = std::numeric_limits<float>::max();

kernels::Range range_of(float min, float max) {
    return {min, max, true};
}

TEST_CASE("scale and zero point are the lesson's two float32 operations") {
    const quant::BlockState state = plain_state(range_of(-1.27F, 1.8665F));
    volatile float span = 1.8665F - -1.27F;
    volatile float scale = span / 255.0F;
    REQUIRE(state.scale == scale);
    REQUIRE(state.zero_point == -1.27F);
}

TEST_CASE("a constant has scale 0 and comes back exactly") {
    for (const float value : {1.0F, -3.75e-12F, kMost, -kMost, 0x1p-149F, 0.0F}) {
        for (const Rounding rounding : {Rounding::kNearest, Rounding::kTruncate}) {
            const PlainTensor result = plain_tensor(std::vector<float>(37, value), rounding);
            INFO("constant " << value);
            REQUIRE(result.state.scale == 0.0F);
            REQUIRE(result.codes == std::vector<std::uint8_t>(37, 0));
            REQUIRE(result.restored == std::vector<float>(37, value));
            REQUIRE(result.bound == 0.0);
            REQUIRE(result.sums.noise == 0.0);
            REQUIRE(result.sums.clipped == 0);
        }
    }
}

TEST_CASE("a minimum of minus zero is stored as zero") {
    const quant::BlockState state = plain_state(range_of(-0.0F, 1.0F));
    REQUIRE(bits_of(state.zero_point) == 0U);
    const PlainTensor zeros = plain_tensor({-0.0F, 0.0F, -0.0F}, Rounding::kNearest);
    REQUIRE(bits_of(zeros.state.zero_point) == 0U);
    REQUIRE(zeros.restored == std::vector<float>{0.0F, 0.0F, 0.0F});
}

TEST_CASE("an empty tensor has no state and no error") {
    const kernels::Range empty = quant::empty_range();
    const quant::BlockState state = plain_state(empty);
    REQUIRE(state.scale == 0.0F);
    REQUIRE(state.zero_point == 0.0F);
    REQUIRE(quant::block_bound(Scheme{}, state, empty, Dtype::kF64) == 0.0);
    REQUIRE(plain_tensor({}, Rounding::kTruncate).sums.clipped == 0);
    const TensorStatistics statistics = quant::tensor_statistics({}, 0, 0.0);
    REQUIRE(statistics.rmse == 0.0);
    REQUIRE(std::isinf(statistics.sqnr_db));
}

/// Such a range has no scale.
bool overflows(const kernels::Range& range) {
    return std::isinf(plain_state(range).scale);
}

TEST_CASE("a range overflows float32 only when its difference does") {
    REQUIRE(overflows(range_of(-kMost, kMost)));
    REQUIRE(overflows(range_of(-0x1p127F, 0x1p127F)));
    // 2^128 - 2^103 lies half way to the number after the largest, which rounds to infinity; a step
    // less does not.
    REQUIRE(overflows(range_of(-0x1p127F, 0x1.fffffep126F)));
    REQUIRE_FALSE(overflows(range_of(-0x1p127F, 0x1.fffffcp126F)));
    REQUIRE_FALSE(overflows(range_of(0.0F, kMost)));
    REQUIRE_FALSE(overflows(range_of(-kMost, -kMost)));
}

TEST_CASE("a scale that underflows to 0 gives codes 0 and the span as bound") {
    const float step = 0x1p-149F;
    const std::vector<float> values{1.0F * step, 50.0F * step, 100.0F * step};
    for (const Rounding rounding : {Rounding::kNearest, Rounding::kTruncate}) {
        const PlainTensor result = plain_tensor(values, rounding);
        REQUIRE(result.state.scale == 0.0F);
        REQUIRE(result.codes == std::vector<std::uint8_t>{0, 0, 0});
        REQUIRE(result.bound == std::ldexp(99.0, -149));
        REQUIRE(result.sums.max_abs_error == std::ldexp(99.0, -149));
        REQUIRE(result.sums.clipped == 0);
    }
}

TEST_CASE("with a subnormal scale clipping is counted and within the bound") {
    const float step = 0x1p-149F;
    // 255 steps of 1 or of 2 reach less than these spans: the largest values are clipped.
    bool clipped_somewhere = false;
    for (int span = 128; span < 2000; ++span) {
        const std::vector<float> values{0.0F, static_cast<float>(span) * step,
                                        static_cast<float>(span / 2) * step};
        for (const Rounding rounding : {Rounding::kNearest, Rounding::kTruncate}) {
            const PlainTensor result = plain_tensor(values, rounding);
            std::uint64_t clipped = 0;
            for (const float value : values) {
                const float quotient = value / result.state.scale;
                const float code = rounding == Rounding::kNearest ? std::nearbyint(quotient)
                                                                  : std::trunc(quotient);
                clipped += result.state.scale != 0.0F && code > 255.0F ? 1 : 0;
            }
            REQUIRE(result.sums.clipped == clipped);
            clipped_somewhere = clipped_somewhere || clipped > 0;
            for (std::size_t i = 0; i < values.size(); ++i) {
                INFO("span " << span << " element " << i);
                const double error =
                    static_cast<double>(values[i]) - static_cast<double>(result.restored[i]);
                REQUIRE(std::fabs(error) <= result.bound);
            }
        }
    }
    REQUIRE(clipped_somewhere);
}

TEST_CASE("codes of ordinary ranges are never clipped") {
    std::mt19937 random(21);
    for (int i = 0; i < 200'000; ++i) {
        const float a = float_of(static_cast<std::uint32_t>(random()));
        const float b = float_of(static_cast<std::uint32_t>(random()));
        if (!std::isfinite(a) || !std::isfinite(b)) continue;
        const kernels::Range range = range_of(std::min(a, b), std::max(a, b));
        if (overflows(range)) continue;
        const quant::BlockState state = plain_state(range);
        if (state.scale < std::numeric_limits<float>::min()) continue;
        INFO("range " << range.min << " to " << range.max);
        const float ends[2] = {range.min, range.max};
        for (const Rounding rounding : {Rounding::kNearest, Rounding::kTruncate}) {
            std::uint8_t codes[2];
            kernels::BlockSums sums{};
            available_kernels().front()->quantize_block(ends, 1, 2, plain_loop(state, 2, rounding),
                                                        codes, sums);
            REQUIRE(sums.clipped == 0);
        }
    }
}

TEST_CASE("factors keep squares of any magnitude in range") {
    for (int exponent = -149; exponent <= 127; ++exponent) {
        const float value = std::ldexp(1.0F, exponent);
        kernels::Range range = range_of(-value / 2, value);
        quant::BlockState state = plain_state(range);
        const quant::SumFactors factors = quant::sum_factors(one_block(range, state, 2));
        INFO("magnitude 2^" << exponent);
        for (const float factor : {factors.signal, factors.noise}) {
            int ignored = 0;
            REQUIRE(std::frexp(factor, &ignored) == 0.5F);
        }
        const float scaled = value * factors.signal;
        REQUIRE(scaled <= 0x1p32F);
        REQUIRE(scaled >= (exponent < -126 ? 0x1p-23F : 0x1p-32F));
        if (std::abs(exponent) <= 20) REQUIRE((factors.signal == 1.0F && factors.noise == 1.0F));
    }
}

TEST_CASE("statistics come back in the unit of the weights at every magnitude") {
    std::mt19937 random(22);
    std::normal_distribution<float> normal(0.0F, 1.0F);
    std::vector<float> unit(4096);
    for (float& value : unit) value = normal(random);
    const double expected = quant::sqnr_db(plain_tensor(unit, Rounding::kNearest).sums.signal,
                                           plain_tensor(unit, Rounding::kNearest).sums.noise);
    for (int exponent = -100; exponent <= 120; exponent += 20) {
        std::vector<float> scaled(unit);
        for (float& value : scaled) value = std::ldexp(value, exponent);
        const PlainTensor result = plain_tensor(scaled, Rounding::kNearest);
        INFO("scaled by 2^" << exponent);
        REQUIRE(quant::sqnr_db(result.sums.signal, result.sums.noise) == expected);
    }
}

TEST_CASE("the lanes of a tile are summed as their exact values up to rounding") {
    kernels::LaneSums lanes{};
    for (std::size_t i = 0; i < kernels::kLanes; ++i) {
        lanes.signal[i] = static_cast<double>(i + 1);
        lanes.noise[i] = 4.0;
    }
    lanes.max_abs_error = 0.25;
    const quant::ErrorSums sums = quant::tile_sums(lanes, 0.5F, 4.0F);
    REQUIRE(sums.signal == 136.0 * 4.0);
    REQUIRE(sums.noise == 64.0 / 16.0);
    REQUIRE(sums.max_abs_error == 0.25);
    quant::ErrorSums total{1.0, 2.0, 0.5, 3};
    total.merge(sums);
    REQUIRE(total.signal == 545.0);
    REQUIRE(total.noise == 6.0);
    REQUIRE(total.max_abs_error == 0.5);
    REQUIRE(total.clipped == 3);
}

TEST_CASE("statistics have six digits and nothing lost is infinite") {
    const TensorStatistics statistics =
        quant::tensor_statistics({1000.0, 0.3, 0.123456789, 2}, 10, 0.987654321);
    REQUIRE(statistics.max_abs_error == 0.123457);
    REQUIRE(statistics.bound == 0.987655);  // upward: it is not to be exceeded
    REQUIRE(statistics.rmse == 0.173205);
    REQUIRE(statistics.sqnr_db == 35.2288);
    REQUIRE(statistics.clipped == 2);
    REQUIRE(quant::sqnr_db(1.0, 0.0) == std::numeric_limits<double>::infinity());
    REQUIRE(quant::sqnr_db(0.0, 0.0) == std::numeric_limits<double>::infinity());
}

}  // namespace
}  // namespace octet::test
