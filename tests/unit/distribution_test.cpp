// Searches among counts instead of values: near the best range, whatever the values look like;
// order statistics by halves of keys.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "quant/distribution.hpp"
#include "quant/order_statistics.hpp"
#include "quant/point_search.hpp"
#include "quant/range_search.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

enum class Shape { kNormal, kOutliers, kOneSided, kTwoHills, kUniform, kFarFromZero };
constexpr Shape kShapes[] = {Shape::kNormal,   Shape::kOutliers, Shape::kOneSided,
                             Shape::kTwoHills, Shape::kUniform,  Shape::kFarFromZero};

std::vector<float> values_like(Shape shape, std::size_t count, std::mt19937& random) {
    std::normal_distribution<float> normal(0.0F, 0.1F);
    std::vector<float> values(count);
    for (std::size_t i = 0; i < count; ++i) {
        const float x = normal(random);
        values[i] = shape == Shape::kOutliers      ? (i % 400 == 0 ? 30 * x : x)
                    : shape == Shape::kOneSided    ? (i % 300 == 0 ? 5 + x : std::fabs(x))
                    : shape == Shape::kTwoHills    ? (i % 3 == 0 ? 1 + x : x - 1)
                    : shape == Shape::kUniform     ? static_cast<float>(random() % 10'000) * 1e-4F
                    : shape == Shape::kFarFromZero ? 100 + x
                                                   : x;
    }
    return values;
}

/// Sum of squared errors as the codec restores.
double noise_of(const std::vector<float>& values, const Scheme& scheme,
                const quant::BlockState& state) {
    const bool integer = !scheme.symmetric && scheme.zero_point == ZeroPoint::kInteger;
    const float largest = quant::largest_code(scheme);
    const float added = scheme.symmetric || integer ? 0.0F : state.zero_point;
    const float least = scheme.symmetric ? -largest : integer ? -state.zero_point : 0.0F;
    const float most = integer ? largest - state.zero_point : largest;
    double noise = 0;
    for (const float x : values) {
        const float q = std::clamp(std::nearbyint((x - added) / state.scale), least, most);
        const float product = q * state.scale;
        const double error = static_cast<double>(x) - static_cast<double>(product + added);
        noise += error * error;
    }
    return noise;
}

kernels::Range whole_of(const std::vector<float>& values) {
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    return {*low, *high, true};
}

quant::BlockState searched(const std::vector<float>& values, const Scheme& scheme, bool in_bins) {
    const kernels::Range whole = whole_of(values);
    if (!in_bins) {
        std::vector<float> sorted = values;
        std::sort(sorted.begin(), sorted.end());
        return quant::search_state(scheme, quant::Distribution(sorted), whole).state;
    }
    const quant::Window window = quant::window_of(whole.min, whole.max);
    std::vector<std::uint32_t> counts(quant::kBins);
    quant::count_values(values, window, counts.data());
    REQUIRE(std::accumulate(counts.begin(), counts.end(), std::size_t{0}) == values.size());
    quant::Distribution bins(window, std::vector<std::uint64_t>(counts.begin(), counts.end()));
    const quant::SearchedState found = quant::search_state(scheme, bins, whole);
    if (!bins.is_coarse_for(found.state)) return found.state;
    const quant::Zoom zoom = bins.zoom_around(found.range);
    const auto inside =
        std::accumulate(counts.begin() + zoom.first, counts.begin() + zoom.last, std::size_t{0});
    std::fill(counts.begin(), counts.end(), 0U);
    quant::count_values(values, window, zoom, counts.data());
    REQUIRE(std::accumulate(counts.begin(), counts.end(), std::size_t{0}) == inside);
    bins.refine(zoom, std::vector<std::uint64_t>(counts.begin(), counts.end()));
    return quant::search_state(scheme, bins, found.range).state;
}

/// The least noise of ranges between all pairs of ends out of `each` places on each side, denser
/// near the values' own ends and near the middle.
double best_of_grid(const std::vector<float>& values, const Scheme& scheme, int each) {
    std::vector<float> sorted = values;
    std::sort(sorted.begin(), sorted.end());
    const double middle = scheme.symmetric ? 0.0 : static_cast<double>(sorted[sorted.size() / 2]);
    double low = static_cast<double>(sorted.front()) - middle;
    double high = static_cast<double>(sorted.back()) - middle;
    if (scheme.symmetric) high = std::max(high, -low);
    double best = HUGE_VAL;
    for (int i = 0; i < each; ++i) {
        for (int j = scheme.symmetric ? i : 0; j < (scheme.symmetric ? i + 1 : each); ++j) {
            const double above = middle + high * std::pow(0.97, i);
            const double below = scheme.symmetric ? -above : middle + low * std::pow(0.97, j);
            const quant::BlockState state = quant::block_state(
                scheme, {static_cast<float>(below), static_cast<float>(above), true});
            if (std::isnormal(state.scale)) best = std::min(best, noise_of(values, scheme, state));
        }
    }
    return best;
}

TEST_CASE(
    "a range searched among all values is within 2 percent of the best of a grid of 25,000 ranges "
    "or better") {
    std::mt19937 random(41);
    for (const char* name : {"u8-mse", "u4-mse", "u2-mse", "s8-mse", "s4-mse", "s2-mse",
                             "u4-intzp-mse", "u8-intzp-mse"}) {
        const Scheme scheme = parse_scheme(name).value();
        for (const Shape shape : kShapes) {
            const std::vector<float> values = values_like(shape, 900, random);
            const double found = noise_of(values, scheme, searched(values, scheme, false));
            const double best = best_of_grid(values, scheme, 160);
            const double plain =
                noise_of(values, scheme, quant::block_state(scheme, whole_of(values)));
            INFO(name << " shape " << static_cast<int>(shape) << " to best " << found / best
                      << " to plain " << found / plain);
            CHECK(found <= best * 1.02);
            CHECK(found <= plain);
        }
    }
}

TEST_CASE(
    "the noise of few values has the same bits on every instruction set, and is that of the "
    "codec") {
    std::mt19937 random(46);
    for (const char* name : {"u8-mse", "u4-mse", "s8-mse", "s3-mse", "u8-intzp-mse"}) {
        const Scheme scheme = parse_scheme(name).value();
        for (const std::size_t count : {1U, 15U, 16U, 17U, 100U, 1024U}) {
            const std::vector<float> values = values_like(Shape::kOneSided, count, random);
            const kernels::Range part = {-0.2F, 4.5F, true};  // some values lie beyond
            const quant::BlockState state = quant::block_state(scheme, part);
            const float largest = quant::largest_code(scheme);
            kernels::PointFit fit = {state.scale, 0.0F, -largest, largest};
            if (!scheme.symmetric) fit = {state.scale, state.zero_point, 0.0F, largest};
            if (scheme.zero_point == ZeroPoint::kInteger && !scheme.symmetric)
                fit = {state.scale, 0.0F, -state.zero_point, largest - state.zero_point};
            const double scalar =
                available_kernels().front()->noise_of_points(values.data(), count, fit);
            for (const kernels::Kernels* loops : available_kernels()) {
                INFO(name << " " << count << " values, " << loops->name);
                CHECK(loops->noise_of_points(values.data(), count, fit) == scalar);
            }
            const double noise =
                scalar * static_cast<double>(state.scale) * static_cast<double>(state.scale);
            CHECK(std::fabs(noise - noise_of(values, scheme, state)) <= 1e-4 * noise);
        }
    }
}

TEST_CASE(
    "a whole tensor of few values is searched in its tile, never worse than its plain range") {
    std::mt19937 random(47);
    for (const char* name : {"u8-mse", "u4-mse", "s4-mse", "u3-intzp-mse"}) {
        const Scheme scheme = parse_scheme(name).value();
        for (const std::size_t columns : {1U, 2U, 33U, 1024U, 8192U}) {
            const std::vector<float> values = values_like(Shape::kOutliers, 2 * columns, random);
            const kernels::Range whole = whole_of(values);
            const quant::Tile tile = {2, columns, values.data(), nullptr};
            const quant::BlockState found = quant::search_points(scheme, tile, whole);
            const double plain = noise_of(values, scheme, quant::block_state(scheme, whole));
            INFO(name << " " << values.size() << " values");
            CHECK(noise_of(values, scheme, found) <= plain * (1 + 1e-6));
            const double best = noise_of(values, scheme, searched(values, scheme, false));
            CHECK(noise_of(values, scheme, found) <= std::min(best, plain) * (1 + 1e-6));
        }
    }
    const Scheme scheme = parse_scheme("u8-mse").value();
    const std::vector<float> same(40, 1.5F);
    const quant::BlockState state =
        quant::search_points(scheme, {4, 10, same.data(), nullptr}, {1.5F, 1.5F, true});
    CHECK(state.scale == 0.0F);
    CHECK(state.zero_point == 1.5F);
    const std::vector<float> wide = {-3e38F, 3e38F};
    CHECK(std::isinf(
        quant::search_points(scheme, {1, 2, wide.data(), nullptr}, {-3e38F, 3e38F, true}).scale));
}

TEST_CASE("bins lead to the same noise as the values themselves, within 1 percent") {
    std::mt19937 random(42);
    for (const char* name : {"u8-mse", "u4-mse", "u2-mse", "s8-mse", "s3-mse", "u4-intzp-mse"}) {
        const Scheme scheme = parse_scheme(name).value();
        for (const Shape shape : kShapes) {
            std::vector<float> values = values_like(shape, 20'000, random);
            // So far out that a bin holds everything else.
            if (shape == Shape::kUniform) values[0] = 2000;
            const double found = noise_of(values, scheme, searched(values, scheme, true));
            const double exact = noise_of(values, scheme, searched(values, scheme, false));
            INFO(name << " shape " << static_cast<int>(shape) << " ratio " << found / exact);
            CHECK(found <= exact * 1.01);
        }
    }
}

TEST_CASE(
    "channels searched 16 at a time lose no more than 5 percent to a search among each one's "
    "sorted values") {
    std::mt19937 random(44);
    constexpr std::size_t kInputs = 768;
    for (const char* name :
         {"u8-channel-axis1-mse", "u4-channel-axis1-mse", "u2-channel-axis1-mse",
          "s8-channel-axis1-mse", "s4-channel-axis1-mse", "u4-channel-axis1-intzp-mse"}) {
        const Scheme scheme = parse_scheme(name).value();
        for (const Shape shape :
             {Shape::kNormal, Shape::kOutliers, Shape::kOneSided, Shape::kTwoHills}) {
            std::vector<std::vector<float>> columns;
            std::vector<float> block(kInputs * kernels::kBlockColumns);
            for (std::size_t c = 0; c < kernels::kBlockColumns; ++c) {
                columns.push_back(values_like(shape, kInputs, random));
                for (std::size_t i = 0; i < kInputs; ++i)
                    block[i * kernels::kBlockColumns + c] = columns[c][i];
            }
            const auto found = quant::search_range({block.data(), nullptr, kInputs}, scheme,
                                                   *available_kernels().back());
            double noise = 0;
            double best = 0;
            double plain = 0;
            for (std::size_t c = 0; c < columns.size(); ++c) {
                noise += noise_of(columns[c], scheme, {found.scale[c], found.zero_point[c]});
                best += noise_of(columns[c], scheme, searched(columns[c], scheme, false));
                plain +=
                    noise_of(columns[c], scheme, quant::block_state(scheme, whole_of(columns[c])));
            }
            INFO(name << " shape " << static_cast<int>(shape) << " to best " << noise / best
                      << " to plain " << noise / plain);
            CHECK(noise <= best * 1.05);
            CHECK(noise <= plain);
        }
    }
}

TEST_CASE("a channel whose squares overflow keeps its plain range") {
    std::mt19937 random(45);
    for (const char* name :
         {"u8-channel-axis1-mse", "s4-channel-axis1-mse", "u4-channel-axis1-intzp-mse"}) {
        const Scheme scheme = parse_scheme(name).value();
        std::vector<float> block(100 * kernels::kBlockColumns);
        for (float& value : block) value = static_cast<float>(random() % 1000) * 1e33F - 3e35F;
        for (const kernels::Kernels* loops : available_kernels()) {
            const auto found = quant::search_range({block.data(), nullptr, 100}, scheme, *loops);
            for (std::size_t c = 0; c < kernels::kBlockColumns; ++c) {
                std::vector<float> column;
                for (std::size_t i = 0; i < 100; ++i)
                    column.push_back(block[i * kernels::kBlockColumns + c]);
                const quant::BlockState plain = quant::block_state(scheme, whole_of(column));
                REQUIRE(std::fabs(found.scale[c] - plain.scale) <= 1e-6F * plain.scale);
                REQUIRE(std::fabs(found.zero_point[c] - plain.zero_point) <=
                        1e-6F * std::fabs(plain.zero_point));
            }
        }
    }
}

TEST_CASE("order statistics by halves of keys are those of sorting") {
    std::mt19937 random(43);
    std::vector<float> values(5000);
    for (float& value : values) {
        do {
            value = float_of(static_cast<std::uint32_t>(random()));
        } while (!std::isfinite(value));
    }
    values[7] = 0.0F;
    values[8] = -0.0F;
    for (const bool magnitudes : {false, true}) {
        std::vector<float> sorted = values;
        for (float& value : sorted) value = magnitudes ? std::fabs(value) : value;
        std::sort(sorted.begin(), sorted.end());
        std::vector<std::uint32_t> upper(quant::kHalfKeys);
        quant::count_upper_halves(values, magnitudes, upper.data());
        const std::vector<std::uint64_t> upper_counts(upper.begin(), upper.end());
        REQUIRE(!quant::has_infinite_keys(upper_counts));
        for (std::uint64_t place = 0; place < values.size(); place += 7) {
            const quant::HalfKey key = quant::find_half_key(upper_counts, place);
            std::vector<std::uint32_t> lower(quant::kHalfKeys);
            quant::count_lower_halves(values, magnitudes, key.half, lower.data());
            const std::vector<std::uint64_t> lower_counts(lower.begin(), lower.end());
            const quant::HalfKey last = quant::find_half_key(lower_counts, place - key.before);
            REQUIRE(quant::value_of_key(key.half, last.half) == sorted[place]);
        }
        std::vector<float> infinite = {1, magnitudes ? INFINITY : -INFINITY};
        quant::count_upper_halves(infinite, magnitudes, upper.data());
        REQUIRE(quant::has_infinite_keys(std::vector<std::uint64_t>(upper.begin(), upper.end())));
        std::fill(upper.begin(), upper.end(), 0U);
        infinite = {NAN};
        quant::count_upper_halves(infinite, magnitudes, upper.data());
        REQUIRE(quant::has_infinite_keys(std::vector<std::uint64_t>(upper.begin(), upper.end())));
    }
}

}  // namespace
}  // namespace octet::test
