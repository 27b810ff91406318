// The promise |x - x'| <= bound, measured in double over many distributions, and what quantizing
// again does.
#include <algorithm>
#include <cmath>
#include <limits>

#include "plain_tensor.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

/// Elements of `dtype` as bytes, made from doubles, and the doubles that those bytes really are.
struct Source {
    Dtype dtype;
    std::vector<std::byte> bytes;
    std::vector<double> exact;
};

Source source_of(Dtype dtype, const std::vector<double>& values) {
    Source source{dtype, std::vector<std::byte>(values.size() * (dtype_bits(dtype) / 8)), {}};
    kernels::Narrowing narrowing{};
    const auto doubles = std::as_bytes(std::span(values));
    if (dtype == Dtype::kF64) {
        std::copy(doubles.begin(), doubles.end(), source.bytes.begin());
        source.exact = values;
        return source;
    }
    quant::convert_values(Dtype::kF64, doubles, dtype, source.bytes, narrowing);
    source.exact.resize(values.size());
    quant::convert_values(dtype, source.bytes, Dtype::kF64,
                          std::as_writable_bytes(std::span(source.exact)), narrowing);
    return source;
}

PlainTensor round_trip(const Source& source, Rounding rounding) {
    return plain_tensor(source.dtype, source.bytes, rounding);
}

void check_bound(const Source& source, Rounding rounding, const std::string& label) {
    const PlainTensor result = round_trip(source, rounding);
    if (result.is_refused) return;
    const double bound = result.bound;
    for (std::size_t i = 0; i < source.exact.size(); ++i) {
        const double error = std::fabs(source.exact[i] - static_cast<double>(result.restored[i]));
        if (error > bound) {
            FAIL(label << " " << dtype_name(source.dtype)
                       << (rounding == Rounding::kNearest ? " nearest" : " truncate") << ": value "
                       << std::hexfloat << source.exact[i] << " restored as " << result.restored[i]
                       << " in " << result.range.min << " .. " << result.range.max << " is off by "
                       << error << ", bound " << bound);
        }
    }
}

constexpr int kDistributions = 10;

/// A tensor of one of ten shapes of values, all of them finite.
std::vector<double> draw_tensor(int distribution, std::mt19937_64& random) {
    std::normal_distribution<double> normal(0.0, 1.0);
    std::uniform_real_distribution<double> uniform(0.0, 1.0);
    const double scale = std::ldexp(1.0 + uniform(random), static_cast<int>(random() % 24) - 12);
    std::vector<double> values(16 + random() % 400);
    for (double& value : values) {
        switch (distribution) {
            case 0:
                value = scale * normal(random);
                break;
            case 1:
                value = scale * uniform(random);
                break;
            case 2:  // both ends near a power of two
                value = (random() % 2 == 0 ? 1.0 : -1.0) * (1.0 - 1e-6 * uniform(random));
                break;
            case 3:  // anywhere between ends near a power of two
                value = 2.0 * uniform(random) - 1.0 + (random() % 8 == 0 ? 0x1p-20 : 0.0);
                break;
            case 4:  // a huge offset with a tiny spread
                value = 1e6 + 0.5 * uniform(random);
                break;
            case 5:
                value = -60000.0 - 100.0 * uniform(random);
                break;
            case 6:  // subnormal as float32
                value = 1e-40 * normal(random);
                break;
            case 7:  // scales around the smallest normal number
                value = 255.0 * 0x1p-126 * (uniform(random) - 0.5) *
                        (1.0 + static_cast<double>(random() % 4));
                break;
            case 8:  // heavy tails
                value = scale * normal(random) / (0.01 + std::fabs(normal(random)));
                break;
            default:  // large, still a float32 and a BF16
                value = 1.6e38 * (2.0 * uniform(random) - 1.0);
        }
    }
    return values;
}

TEST_CASE("no error exceeds the bound in random tensors of many distributions") {
    std::mt19937_64 random(31);
    for (int round = 0; round < 150; ++round) {
        for (int distribution = 0; distribution < kDistributions; ++distribution) {
            const std::vector<double> values = draw_tensor(distribution, random);
            for (const Dtype dtype : {Dtype::kF32, Dtype::kF16, Dtype::kBF16, Dtype::kF64}) {
                const Source source = source_of(dtype, values);
                const std::string label = "distribution " + std::to_string(distribution);
                check_bound(source, Rounding::kNearest, label);
                check_bound(source, Rounding::kTruncate, label);
            }
        }
    }
}

/// The worst that four thousand million values next to the borders between codes gave: 2.992
/// (nearest) and 1.453 (truncate) ulp of the larger end beyond scale/2 and scale.
TEST_CASE("the worst known ranges stay within the bound") {
    struct Worst {
        double min;
        double max;
        double value;
        Rounding rounding;
    };
    const Worst worst[] = {
        {-0x1.fd1724p+0, 0x1.ff00c8p+0, 0x1.00fad2p+0, Rounding::kNearest},
        {-0x1.fc5018p+0, 0x1.fa2d82p+0, 0x1.7cdbb6p+0, Rounding::kNearest},
        {-0x1.ede90cp+13, 0x1.d35a2ep+13, 0x1.b7146ap+13, Rounding::kNearest},
        {0x1.72d214p+20, 0x1.ecb8bap+20, 0x1.ced80ap+20, Rounding::kNearest},
        {-0x1.15146p+0, 0x1.082b58p+0, 0x1.ea2204p-1, Rounding::kTruncate},
        {-0x1.f87adap+2, 0x1.fb4282p+6, 0x1.e83e64p+6, Rounding::kTruncate},
        {-0x1.9d24d8p+20, -0x1.5a66f6p+20, -0x1.5cc1fep+20, Rounding::kTruncate},
    };
    for (const Worst& w : worst)
        check_bound(source_of(Dtype::kF32, {w.min, w.max, w.value}), w.rounding, "worst");
}

/// The float32 values around the border between two codes, where the error is largest.
std::vector<double> around_border(float min, float max, double code) {
    const double scale = static_cast<double>((max - min) / 255.0F);
    auto value = static_cast<float>(static_cast<double>(min) + code * scale);
    for (int i = 0; i < 3; ++i) value = std::nextafter(value, min);
    std::vector<double> values{static_cast<double>(min), static_cast<double>(max)};
    for (int i = 0; i < 7; ++i, value = std::nextafter(value, max)) {
        if (value >= min && value <= max) values.push_back(static_cast<double>(value));
    }
    return values;
}

TEST_CASE("no error exceeds the bound next to the border between two codes") {
    std::mt19937_64 random(32);
    std::uniform_real_distribution<float> uniform(0.0F, 1.0F);
    for (int round = 0; round < 60'000; ++round) {
        const float high = 1.0F + uniform(random);
        const float low = round % 3 == 0   ? -1.0F - uniform(random)
                          : round % 3 == 1 ? -uniform(random)
                                           : 0.999F;
        const auto code = static_cast<double>(random() % 255);
        check_bound(source_of(Dtype::kF32, around_border(low, high, code + 0.5)),
                    Rounding::kNearest, "border");
        check_bound(source_of(Dtype::kF32, around_border(low, high, code + 1.0)),
                    Rounding::kTruncate, "border");
    }
}

double ulp_of_larger_end(const kernels::Range& range) {
    const float larger = std::max(std::fabs(range.min), std::fabs(range.max));
    return std::ldexp(1.0, std::max(std::ilogb(larger), -126) - 23);
}

/// Codes of what `codes` restore to, by the same state.
std::vector<std::uint8_t> coded_again(const quant::BlockState& state, Rounding rounding) {
    std::vector<std::uint8_t> all(256);
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint8_t>(i);
    std::vector<float> restored(all.size());
    const kernels::BlockLoop loop = plain_loop(state, all.size(), rounding);
    quant::active_kernels().restore_block(all.data(), all.size(), loop, restored.data());
    kernels::BlockSums sums{};
    std::vector<std::uint8_t> again(all.size());
    quant::active_kernels().quantize_block(restored.data(), 1, all.size(), loop, again.data(),
                                           sums);
    return again;
}

/// By the same scale and zero point; a range found anew may differ, since code 255 need not restore
/// to max.
TEST_CASE("what was restored gets the same nearest codes again when the scale is 8 ulp or more") {
    std::mt19937_64 random(33);
    int checked = 0;
    int smaller_and_different = 0;
    for (int round = 0; round < 20'000; ++round) {
        std::uniform_real_distribution<float> uniform(-2.0F, 2.0F);
        const float offset =
            round % 2 == 0 ? 0.0F : std::ldexp(1.0F, static_cast<int>(random() % 22));
        const float a = offset + uniform(random);
        const float b = offset + uniform(random);
        const kernels::Range range{std::min(a, b), std::max(a, b), true};
        const quant::BlockState state = plain_state(range);
        const bool wide = static_cast<double>(state.scale) >= 8.0 * ulp_of_larger_end(range);
        const std::vector<std::uint8_t> nearest = coded_again(state, Rounding::kNearest);
        const std::vector<std::uint8_t> truncated = coded_again(state, Rounding::kTruncate);
        bool same = true;
        bool at_most_one_less = true;
        for (std::size_t code = 0; code < 256; ++code) {
            same = same && nearest[code] == code;
            at_most_one_less =
                at_most_one_less && (truncated[code] == code || truncated[code] + 1U == code);
        }
        if (!wide) smaller_and_different += same ? 0 : 1;
        if (!wide) continue;
        ++checked;
        INFO("range " << std::hexfloat << range.min << " to " << range.max << " scale "
                      << state.scale);
        REQUIRE(same);
        REQUIRE(at_most_one_less);
    }
    REQUIRE(checked > 10'000);
    REQUIRE(smaller_and_different > 0);  // the condition is needed
}

TEST_CASE("a round trip keeps the minimum and nearest rounding keeps its code 0") {
    std::mt19937_64 random(34);
    for (int distribution = 0; distribution < kDistributions; ++distribution) {
        const Source source = source_of(Dtype::kF32, draw_tensor(distribution, random));
        const PlainTensor result = round_trip(source, Rounding::kNearest);
        INFO("distribution " << distribution);
        REQUIRE(*std::min_element(result.restored.begin(), result.restored.end()) ==
                result.range.min);
    }
}

}  // namespace
}  // namespace octet::test
