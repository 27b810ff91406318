// Values at the ends of what floats hold: states under which they come back finite, sums that
// neither overflow nor vanish, and totals.
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "formats/octet_set/totals.hpp"
#include "quant/block_codec.hpp"
#include "quant/difference.hpp"
#include "quant/exact_sums.hpp"
#include "quant/finite_state.hpp"
#include "quant/two_level.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

constexpr float kMost = std::numeric_limits<float>::max();
constexpr float kMostF16 = 65504.0F;
constexpr float kMostBF16 = 0x1.FEp127F;

Scheme scheme_of(std::string_view name) {
    const auto scheme = parse_scheme(name);
    REQUIRE(scheme);
    return *scheme;
}

kernels::Range range_of(float a, float b) {
    return {std::min(a, b), std::max(a, b), true};
}

/// The number of that scale's dtype below.
float number_below(float scale, ScaleDtype dtype) {
    return quant::rounded_down(std::nextafter(scale, 0.0F), dtype);
}

TEST_CASE("the largest float in a symmetric block comes back finite") {
    const Scheme scheme = scheme_of("s8");
    const kernels::Range range = range_of(-kMost, 2.0F);
    quant::BlockState state = quant::block_state(scheme, range);
    REQUIRE_FALSE(quant::restores_finite(scheme, state, range, Dtype::kF32));
    const float before = state.scale;
    REQUIRE(quant::settle_state(scheme, range, Dtype::kF32, state));
    REQUIRE(state.scale == std::nextafter(before, 0.0F));
    REQUIRE(std::isfinite(state.scale * 127.0F));
}

TEST_CASE(
    "a state of codes that are truncated never changes: it is refused where the largest value "
    "comes back infinite") {
    int refused = 0;
    for (const char* name : {"u8-trunc", "s8-trunc", "u8-intzp-trunc", "u8-group16-trunc-bf16",
                             "u4-group16-trunc-f16"}) {
        const Scheme scheme = scheme_of(name);
        for (int i = 0; i < 200; ++i) {
            const float least = -kMostF16 + static_cast<float>(i) * 32.0F;
            const kernels::Range range =
                range_of(least, kMostF16 - static_cast<float>(i / 2) * 32.0F);
            const quant::BlockState before = quant::block_state(scheme, range);
            if (std::isinf(before.scale)) continue;
            quant::BlockState state = before;
            const bool settled = quant::settle_state(scheme, range, Dtype::kF16, state);
            REQUIRE(settled == quant::restores_finite(scheme, before, range, Dtype::kF16));
            REQUIRE(state.scale == before.scale);
            REQUIRE(state.zero_point == before.zero_point);
            refused += settled ? 0 : 1;
        }
    }
    REQUIRE(refused > 0);
}

TEST_CASE(
    "a zero point that its dtype rounds beyond the end of F16 is refused, as no scale brings it "
    "back") {
    const Scheme scheme = scheme_of("u8-group16-bf16");
    const kernels::Range range = range_of(-kMostF16, 1.0F);
    quant::BlockState state = quant::block_state(scheme, range);
    REQUIRE(state.zero_point == -65536.0F);
    REQUIRE_FALSE(quant::settle_state(scheme, range, Dtype::kF16, state));
    REQUIRE(quant::settle_state(scheme, range, Dtype::kF32, state));
}

TEST_CASE("a scale is lowered number by number, no further than the values need") {
    std::mt19937 random(3);
    const auto any = [&](double from, double to) {
        return std::uniform_real_distribution(from, to)(random);
    };
    int lowered = 0;
    for (const char* name : {"u8", "s8", "u4", "s2", "u2-intzp", "u8-intzp", "u8-group16-f16",
                             "u2-group16-f16", "s4-group16-f16", "u4-group16-bf16",
                             "s8-channel-bf16", "u3-group16-intzp-f16", "u2-channel-intzp-bf16"}) {
        const Scheme scheme = scheme_of(name);
        for (const Dtype source : {Dtype::kF16, Dtype::kBF16, Dtype::kF32}) {
            const float most = source == Dtype::kF16    ? kMostF16
                               : source == Dtype::kBF16 ? kMostBF16
                                                        : kMost;
            for (int i = 0; i < 300; ++i) {
                const double near = i % 3 == 0 ? 1.0 : any(0.98, 1.0);
                const kernels::Range range =
                    range_of(static_cast<float>(static_cast<double>(most) * near),
                             static_cast<float>(static_cast<double>(most) * any(-1.0, 1.0) / 2));
                const quant::BlockState first = quant::block_state(scheme, range);
                if (std::isinf(first.scale)) continue;
                quant::BlockState state = first;
                if (!quant::settle_state(scheme, range, source, state)) continue;
                INFO(name << ' ' << range.min << ' ' << range.max);
                REQUIRE(quant::restores_finite(scheme, state, range, source));
                REQUIRE(state.zero_point == first.zero_point);
                if (state.scale == first.scale) continue;
                ++lowered;
                float scale = first.scale;
                for (int step = 0; step < 3000 && scale != state.scale; ++step) {
                    REQUIRE_FALSE(
                        quant::restores_finite(scheme, {scale, state.zero_point}, range, source));
                    scale = number_below(scale, scheme.scale_dtype);
                    REQUIRE(scale >= state.scale);
                }
            }
        }
    }
    REQUIRE(lowered > 100);
}

/// One tile under a scheme: states as they follow from the ranges, settled, codes and sums.
struct Coded {
    std::vector<float> values;
    std::vector<float> min, max, scale, zero_point;
    std::vector<std::uint8_t> codes;
    quant::ErrorSums sums;

    Coded(const char* name, std::uint64_t rows, std::vector<float> made,
          const double* exact = nullptr)
        : values(std::move(made)), codes(values.size()) {
        const Scheme scheme = scheme_of(name);
        const std::uint64_t columns = values.size() / rows;
        quant::Blocks blocks =
            quant::blocks_of(quant::grid_of(scheme, {rows, columns, columns}), rows, columns);
        for (auto* all : {&min, &max, &scale, &zero_point}) all->resize(blocks.count);
        blocks.min = min.data();
        blocks.max = max.data();
        blocks.scale = scale.data();
        blocks.zero_point = zero_point.data();
        quant::clear_ranges(blocks);
        const quant::Tile tile = {rows, columns, values.data(), exact};
        REQUIRE(quant::add_ranges(tile, blocks));
        std::uint64_t number = 0;
        REQUIRE(quant::make_states(scheme, tile, nullptr, blocks, number));
        quant::SumFactors factors = quant::sum_factors(blocks);
        REQUIRE(quant::settle_states(scheme, blocks, Dtype::kF32, factors) == blocks.count);
        sums = quant::quantize_tile(scheme, tile, blocks, factors, codes.data());
    }
};

TEST_CASE("what subnormal weights lose is counted, though their squares vanish in float32") {
    std::vector<float> values(64);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 5) * 1e-45F;
    const Coded coded("u8-group16-axis0", 1, values);
    double squares = 0;
    for (const float value : values)
        squares += static_cast<double>(value) * static_cast<double>(value);
    REQUIRE(coded.scale == std::vector<float>(4, 0.0F));
    REQUIRE_THAT(coded.sums.signal.as_double(), Catch::Matchers::WithinRel(squares, 1e-12));
    REQUIRE(coded.sums.noise == coded.sums.signal);
    REQUIRE(quant::sqnr_db(coded.sums.signal, coded.sums.noise) == 0.0);
}

TEST_CASE("a small error beside a scale of 1e27 is counted") {
    const Coded coded("u8", 1, {0.0F, 1e-10F, 255e27F});
    REQUIRE(coded.codes == std::vector<std::uint8_t>{0, 0, 255});
    const double last =
        static_cast<double>(coded.values[2]) - static_cast<double>(coded.scale[0] * 255.0F);
    REQUIRE(last == 0.0);
    REQUIRE_THAT(coded.sums.noise.as_double(), Catch::Matchers::WithinRel(1e-20, 1e-6));
}

TEST_CASE("an error larger than the largest float has a finite sum of squares") {
    std::vector<float> values(64, kMost / 2);
    values[5] = -kMost * 0.9F;
    const Coded coded("u8-channel-pct90", 1, values);
    const double error = static_cast<double>(values[5]) - static_cast<double>(kMost / 2);
    REQUIRE_THAT(coded.sums.max_abs_error, Catch::Matchers::WithinRel(-error, 1e-12));
    REQUIRE_THAT(coded.sums.noise.as_double(), Catch::Matchers::WithinRel(error * error, 1e-12));
}

TEST_CASE("float64 values below 1e-160 have an SQNR, and errors are counted from them") {
    std::vector<double> exact(40);
    for (std::size_t i = 0; i < exact.size(); ++i) exact[i] = static_cast<double>(i + 1) * 1e-200;
    const Coded coded("s8-group16-axis0", 1, std::vector<float>(exact.size()), exact.data());
    REQUIRE(quant::sqnr_db(coded.sums.signal, coded.sums.noise) == 0.0);
    REQUIRE(coded.sums.max_abs_error == exact.back());
    double squares = 0;
    for (std::size_t i = 1; i <= exact.size(); ++i) squares += static_cast<double>(i * i);
    const TensorStatistics statistics = quant::tensor_statistics(coded.sums, exact.size(), 1.0);
    REQUIRE_THAT(statistics.rmse,
                 Catch::Matchers::WithinRel(std::sqrt(squares / 40) * 1e-200, 1e-5));
}

TEST_CASE("sums of squares of any float64 numbers add up, and ordinary ones as doubles do") {
    using quant::WideSum;
    WideSum plain = 0.1;
    plain += 0.2;
    REQUIRE(plain == WideSum(0.1 + 0.2));
    WideSum tiny = quant::times_square(1e-200, 3.0);
    REQUIRE(tiny.as_double() == 0.0);
    tiny += quant::times_square(2e-200, 1.0);
    REQUIRE_THAT(quant::root_of_mean(tiny, 7.0), Catch::Matchers::WithinRel(1e-200, 1e-12));
    WideSum huge = quant::times_square(1e200, 1.0);
    REQUIRE_THAT(quant::root_of_mean(huge, 1.0), Catch::Matchers::WithinRel(1e200, 1e-12));
    REQUIRE_THAT(quant::sqnr_db(huge, tiny),
                 Catch::Matchers::WithinRel(8000.0 - 10 * std::log10(7.0), 1e-12));
    REQUIRE(quant::is_less(tiny, huge));
    REQUIRE(quant::is_less(tiny, 1e-300));
    REQUIRE_FALSE(quant::is_less(huge, huge));
    huge += tiny;
    REQUIRE(huge == quant::times_square(1e200, 1.0));
    REQUIRE(quant::sqnr_db(WideSum(), tiny) == -std::numeric_limits<double>::infinity());
}

TEST_CASE("checkpoints of float64 numbers that no square of a double holds are compared") {
    for (const double unit : {1e-300, 1e-200, 1e200}) {
        const std::vector<double> a = {3 * unit, -4 * unit};
        const std::vector<double> b = {3 * unit, -2 * unit};
        quant::DifferenceTile tile(0, 0);
        tile.add(a, b);
        const quant::DifferenceSums sums = tile.sums();
        REQUIRE_THAT(quant::sqnr_db(sums.signal, sums.noise),
                     Catch::Matchers::WithinRel(10 * std::log10(25.0 / 4), 1e-9));
        REQUIRE_THAT(quant::root_of_mean(sums.noise, 1.0),
                     Catch::Matchers::WithinRel(2 * unit, 1e-12));
        REQUIRE_THAT(quant::cosine(sums),
                     Catch::Matchers::WithinRel(17.0 / (5 * std::sqrt(13.0)), 1e-12));
    }
}

TEST_CASE("float32 values whose difference overflows are compared") {
    const std::vector<float> a = {kMost, 1.0F};
    const std::vector<float> b = {-kMost, 1.0F};
    quant::DifferenceTile tile(0, 0);
    tile.add(a, b);
    REQUIRE(tile.sums().max_abs_error == 2 * static_cast<double>(kMost));
    REQUIRE(tile.sums().max_element == 0);
    REQUIRE_THAT(quant::sqnr_db(tile.sums().signal, tile.sums().noise),
                 Catch::Matchers::WithinRel(-10 * std::log10(4.0), 1e-9));
}

TEST_CASE("the total SQNR of tensors whose squares no double holds is theirs") {
    TensorReport tensor;
    tensor.dtype = Dtype::kF64;
    tensor.shape = {100};
    tensor.scheme = Scheme{};
    tensor.statistics = TensorStatistics{};
    tensor.statistics->rmse = 1e-200;
    tensor.statistics->sqnr_db = 7.5;
    const Totals totals = octet_set::totals_of({tensor, tensor}, 0.0);
    REQUIRE_THAT(*totals.sqnr_db, Catch::Matchers::WithinRel(7.5, 1e-6));
    tensor.statistics->sqnr_db = 1e300;  // of a sidecar that says what it likes
    REQUIRE(std::isinf(*octet_set::totals_of({tensor}, 0.0).sqnr_db));
}

TEST_CASE("two levels lower the scale that their groups share") {
    const Scheme scheme = scheme_of("u4-group16-axis0-two");
    const float small_scale[2] = {63, 20};
    const float small_zero_point[2] = {31, 0};
    float super_scale = 139.0F;  // 63 times it 8,757; 131,008 / 15 is 8,734
    float super_zero_point = 140.875F;
    float min[2] = {-65504.0F, -100.0F};
    float max[2] = {65504.0F, 100.0F};
    float scale[2] = {small_scale[0] * super_scale, small_scale[1] * super_scale};
    float zero_point[2] = {small_zero_point[0] * super_zero_point, 0.0F};  // 4,367
    quant::Blocks blocks;
    blocks.columns_each = 16;
    blocks.across = blocks.count = 2;
    blocks.min = min;
    blocks.max = max;
    blocks.scale = scale;
    blocks.zero_point = zero_point;
    std::vector<float> small(small_scale, small_scale + 2);
    std::vector<float> small_zero(small_zero_point, small_zero_point + 2);
    blocks.small_scale = small.data();
    blocks.small_zero_point = small_zero.data();
    blocks.super_scale = &super_scale;
    blocks.super_zero_point = &super_zero_point;
    const float before = super_scale;
    REQUIRE_FALSE(quant::restores_finite(scheme, {scale[0], zero_point[0]},
                                         range_of(min[0], max[0]), Dtype::kF16));
    quant::SumFactors factors = quant::sum_factors(blocks);
    REQUIRE(quant::settle_states(scheme, blocks, Dtype::kF16, factors) == 2);
    REQUIRE(super_scale < before);
    REQUIRE(super_scale == 138.625F);
    for (int i = 0; i < 2; ++i) {
        REQUIRE(scale[i] == small_scale[i] * super_scale);
        REQUIRE(quant::restores_finite(scheme, {scale[i], zero_point[i]}, range_of(min[i], max[i]),
                                       Dtype::kF16));
    }
}

TEST_CASE("of two levels a zero point beyond the end goes toward 0") {
    const Scheme scheme = scheme_of("u4-group16-axis0-two");
    float small_scale = 1;
    float small_zero_point = 31;
    float super_scale = 130.0F;
    float super_zero_point =
        2114.0F;  // 31 times it 65,534, which F16 takes for infinite; the next is 2,112
    float min = 65504.0F;
    float max = 65504.0F;
    float scale = super_scale;
    float zero_point = small_zero_point * super_zero_point;
    quant::Blocks blocks;
    blocks.columns_each = 16;
    blocks.count = 1;
    blocks.min = &min;
    blocks.max = &max;
    blocks.scale = &scale;
    blocks.zero_point = &zero_point;
    blocks.small_scale = &small_scale;
    blocks.small_zero_point = &small_zero_point;
    blocks.super_scale = &super_scale;
    blocks.super_zero_point = &super_zero_point;
    quant::SumFactors factors = quant::sum_factors(blocks);
    REQUIRE(quant::settle_states(scheme, blocks, Dtype::kF16, factors) == 1);
    REQUIRE(super_zero_point == 2112.0F);
    REQUIRE(zero_point == 31 * 2112.0F);
    REQUIRE(super_scale == 130.0F);
}

TEST_CASE("with scale 0 the bound holds for the difference as float32 rounds it") {
    const Scheme scheme = scheme_of("u4-group16-mse-f16");
    std::mt19937 random(9);
    int rounded_up = 0;
    for (int i = 0; i < 100; ++i) {
        const float value = std::uniform_real_distribution<float>(1e8F, 4e8F)(random);
        const quant::BlockState state = {
            0.0F, -std::uniform_real_distribution<float>(1.0F, 1e4F)(random)};
        const double bound = quant::block_bound(scheme, state, range_of(value, value), Dtype::kF32);
        REQUIRE(static_cast<double>(value - state.zero_point) <= bound);
        const double exact = static_cast<double>(value) - static_cast<double>(state.zero_point);
        rounded_up += static_cast<double>(value - state.zero_point) > exact ? 1 : 0;
    }
    REQUIRE(quant::block_bound(scheme, {0.0F, 0.5F}, range_of(0.5F, 0.5F), Dtype::kF32) == 0.0);
    REQUIRE(rounded_up > 10);
}

}  // namespace
}  // namespace octet::test
