// Two-level schemes: what the search may choose, that nothing it could have chosen nearby is
// better, and that every instruction set chooses the same.
#include <algorithm>
#include <cmath>

#include "quant/two_level.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

constexpr std::size_t kColumns = kernels::kBlockColumns;

std::vector<float> random_block(std::size_t inputs, std::mt19937& random, float offset = 0.0F) {
    std::vector<float> values(inputs * kColumns);
    std::normal_distribution<float> normal(offset, 0.1F);
    for (float& value : values) value = normal(random) * (random() % 50 == 0 ? 5.0F : 1.0F);
    return values;
}

Scheme scheme_of(std::string_view name) {
    return parse_scheme(name).value();
}

/// What a superblock becomes: state, codes counted from the middle, and what those restore to.
struct Quantized {
    std::vector<float> small_scales;
    std::vector<float> small_zero_points;
    std::vector<float> super_scales;
    std::vector<float> super_zero_points;
    std::vector<float> scales;
    std::vector<int> steps;
    std::vector<float> restored;
};

Quantized quantized(const std::vector<float>& values, const Scheme& scheme,
                    const kernels::Kernels& loops, const float* weights = nullptr) {
    const std::size_t inputs = values.size() / kColumns;
    const quant::TwoLevelShape shape = quant::two_level_shape(scheme);
    Quantized q;
    const std::size_t states = (inputs + scheme.group_size - 1) / scheme.group_size * kColumns;
    q.small_scales.resize(states);
    q.small_zero_points.resize(states);
    kernels::TwoLevelState state = {q.small_scales.data(), q.small_zero_points.data(), {}, {}};
    quant::search_superblock({values.data(), weights, inputs}, scheme, shape, loops, state);
    q.super_scales.assign(state.super_scale, state.super_scale + kColumns);
    q.super_zero_points.assign(state.super_zero_point, state.super_zero_point + kColumns);
    for (std::size_t i = 0; i < values.size(); ++i) {
        const std::size_t at = i / kColumns / scheme.group_size * kColumns + i % kColumns;
        const float scale = q.small_scales[at] * q.super_scales[i % kColumns];
        const float zero_point = q.small_zero_points[at] * q.super_zero_points[i % kColumns];
        const float largest = static_cast<float>((1 << (scheme.bits - 1)) - 1);
        const float step = std::clamp(std::nearbyint((values[i] - zero_point) / scale),
                                      scheme.symmetric ? -largest : -largest - 1.0F, largest);
        const float product = step * scale;
        q.scales.push_back(scale);
        q.steps.push_back(static_cast<int>(step));
        q.restored.push_back(product + zero_point);
    }
    return q;
}

/// Sum of squared errors, of all columns or of one.
double noise_of(const std::vector<float>& values, const Quantized& block,
                const float* weights = nullptr) {
    double noise = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const double error =
            static_cast<double>(values[i]) - static_cast<double>(block.restored[i]);
        noise +=
            error * error * (weights == nullptr ? 1.0 : static_cast<double>(weights[i / kColumns]));
    }
    return noise;
}

const char* const kSchemes[] = {
    "u4-group18-axis1-mse-two", "u4-group32-axis0-mse-two", "u8-group18-axis1-mse-two",
    "u6-group16-axis1-mse-two", "u2-group23-axis1-mse-two", "s4-group32-axis1-mse-two",
    "s8-group64-axis1-two",     "u3-group17-axis0-two",     "u5-group1024-axis0-mse-two"};

TEST_CASE("two-level numbers are the same on every instruction set") {
    std::mt19937 random(3);
    for (const char* name : kSchemes) {
        const Scheme scheme = scheme_of(name);
        for (const std::size_t inputs : {1U, 15U, 18U, 100U, 768U, 800U}) {
            for (const float factor : {1.0F, 1e-6F, 1e6F, 1e30F, 0.0F}) {
                std::vector<float> values =
                    random_block(inputs, random, inputs == 100 ? 1.0F : 0.0F);
                for (float& value : values) value *= factor;
                // Some columns of one sign, with many zeros, beside others.
                for (std::size_t i = 0; inputs == 800 && i < values.size(); ++i) {
                    if (i % kColumns < 5) values[i] = std::max(values[i], 0.0F);
                }
                std::vector<float> weights(inputs);
                for (float& weight : weights) weight = static_cast<float>(random() % 100) * 0.01F;
                const float* used = inputs == 768 ? weights.data() : nullptr;
                const auto expected = quantized(values, scheme, *available_kernels().front(), used);
                for (const kernels::Kernels* loops : available_kernels()) {
                    INFO(name << " inputs " << inputs << " factor " << factor << " on "
                              << loops->name);
                    const auto block = quantized(values, scheme, *loops, used);
                    REQUIRE(block.small_scales == expected.small_scales);
                    REQUIRE(block.small_zero_points == expected.small_zero_points);
                    REQUIRE(block.super_scales == expected.super_scales);
                    REQUIRE(block.super_zero_points == expected.super_zero_points);
                    REQUIRE(block.steps == expected.steps);
                    REQUIRE(block.restored == expected.restored);
                }
            }
        }
    }
}

TEST_CASE("two-level numbers fit their bits and super floats are F16 numbers") {
    std::mt19937 random(4);
    for (const char* name : kSchemes) {
        const Scheme scheme = scheme_of(name);
        const quant::TwoLevelShape shape = quant::two_level_shape(scheme);
        REQUIRE(shape.superblock % scheme.group_size == 0);
        REQUIRE(shape.superblock / scheme.group_size <= kernels::kMaxSuperblockGroups);
        for (const std::size_t inputs : {1U, 17U, 40U, 768U}) {
            const std::vector<float> values =
                random_block(inputs, random, inputs == 40 ? -3.0F : 0.0F);
            const Quantized q = quantized(values, scheme, *available_kernels().back());
            const auto scale_limit = static_cast<float>(1U << shape.scale_bits);
            for (const float small : q.small_scales)
                REQUIRE((small >= 1 && small < scale_limit && small == std::trunc(small)));
            const float limit =
                scheme.symmetric ? 1.0F : static_cast<float>(1U << (shape.zero_point_bits - 1));
            for (const float small : q.small_zero_points) {
                REQUIRE((small >= -limit && small < limit && small == std::trunc(small)));
                if (scheme.symmetric) REQUIRE(small == 0.0F);
            }
            for (const std::vector<float>& supers : {q.super_scales, q.super_zero_points}) {
                std::vector<std::uint16_t> halves(kColumns);
                kernels::Narrowing narrowing = {};
                available_kernels().front()->narrow_to_f16(supers.data(), kColumns, halves.data(),
                                                           narrowing);
                REQUIRE(narrowing.max_abs_difference == 0.0F);
            }
        }
    }
}

TEST_CASE("a two-level search is never worse than the plain ranges and gains much at few bits") {
    std::mt19937 random(5);
    const std::pair<std::size_t, float> kCases[] = {{5, 1.0F},    {250, 1.0F}, {8, 1e-3F},
                                                    {250, 1e-4F}, {40, 1e-5F}, {250, 1e-30F}};
    for (const char* bits : {"u2", "u3", "u4", "u5", "u6", "u8", "s3", "s4", "s8"}) {
        for (const char* group : {"16", "18", "24", "32", "100"}) {
            const std::string plain = std::string(bits) + "-group" + group + "-axis1";
            for (const auto& [inputs, factor] : kCases) {
                std::vector<float> values = random_block(inputs, random);
                for (float& value : values) value *= factor;
                const auto& loops = *available_kernels().back();
                const auto searched = quantized(values, scheme_of(plain + "-mse-two"), loops);
                const auto covered = quantized(values, scheme_of(plain + "-two"), loops);
                INFO(plain << " inputs " << inputs << " factor " << factor);
                for (std::size_t i = 0; i < values.size(); ++i) {
                    REQUIRE(std::isfinite(searched.restored[i]));
                }
                REQUIRE(noise_of(values, searched) <= noise_of(values, covered) * (1 + 1e-12));
            }
        }
    }
}

TEST_CASE("without a search no value lies beyond the outermost codes") {
    std::mt19937 random(6);
    for (const char* name :
         {"u4-group18-axis1-two", "s4-group32-axis1-two", "u8-group16-axis1-two"}) {
        const Scheme scheme = scheme_of(name);
        const std::vector<float> values = random_block(300, random);
        const auto block = quantized(values, scheme, *available_kernels().back());
        for (std::size_t i = 0; i < values.size(); ++i) {
            INFO(name << " element " << i);
            REQUIRE(std::fabs(values[i] - block.restored[i]) <= block.scales[i] * 0.5001F);
        }
    }
}

/// The least noise of one group with any small numbers, the super floats being given.
double best_noise_by_trying_all(const std::vector<float>& values, std::size_t column,
                                std::size_t start, std::size_t end, const Quantized& block) {
    double best = HUGE_VAL;
    for (int s = 1; s < 16; ++s) {
        for (int z = -8; z < 8; ++z) {
            const float scale = static_cast<float>(s) * block.super_scales[column];
            const float zero = static_cast<float>(z) * block.super_zero_points[column];
            double noise = 0;
            for (std::size_t i = start; i < end; ++i) {
                const float x = values[i * kColumns + column];
                const float q = std::clamp(std::nearbyint((x - zero) / scale), -8.0F, 7.0F);
                const float product = q * scale;
                const double error = static_cast<double>(x) - static_cast<double>(product + zero);
                noise += error * error;
            }
            best = std::min(best, noise);
        }
    }
    return best;
}

TEST_CASE(
    "small numbers are within 3 percent of the best of all 240 pairs for their super floats") {
    std::mt19937 random(7);
    const Scheme scheme = scheme_of("u4-group18-axis1-mse-two");
    double found = 0;
    double best = 0;
    for (int trial = 0; trial < 4; ++trial) {
        const std::vector<float> values = random_block(256, random);
        const auto block = quantized(values, scheme, *available_kernels().back());
        found += noise_of(values, block);
        for (std::size_t column = 0; column < kColumns; ++column) {
            for (std::size_t start = 0; start < 256; start += 18) {
                best += best_noise_by_trying_all(values, column, start,
                                                 std::min<std::size_t>(256, start + 18), block);
            }
        }
    }
    INFO("found " << found << " best " << best << " ratio " << found / best);
    REQUIRE(found >= best * (1 - 1e-5));
    REQUIRE(found <= best * 1.03);
}

TEST_CASE("weights move the error to inputs that matter less") {
    std::mt19937 random(8);
    const Scheme scheme = scheme_of("u4-group32-axis1-mse-two");
    const std::vector<float> values = random_block(512, random);
    std::vector<float> weights(512);
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = i % 4 == 0 ? 1.0F : 0.01F;
    const auto& loops = *available_kernels().back();
    const double plain = noise_of(values, quantized(values, scheme, loops), weights.data());
    const double weighted =
        noise_of(values, quantized(values, scheme, loops, weights.data()), weights.data());
    INFO("plain " << plain << " weighted " << weighted);
    REQUIRE(weighted < plain * 0.8);
    const std::vector<float> ones(512, 1.0F);
    REQUIRE(quantized(values, scheme, loops, ones.data()).steps ==
            quantized(values, scheme, loops).steps);
}

}  // namespace
}  // namespace octet::test
