// Every float32 there is, through every instruction set: hidden, because it takes about a minute an
// instruction set. Run it with `octet_tests [exhaustive]`; a sample of the same runs with the
// others.
#include <algorithm>
#include <cmath>
#include <limits>

#include "plain_tensor.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

constexpr std::uint64_t kBlock = 1U << 16U;
constexpr std::uint64_t kPatterns = std::uint64_t{1} << 32U;

/// The float of that pattern; what lies outside of the range counts as its nearest end, NaN as the
/// minimum.
float in_range(std::uint32_t pattern, const kernels::Range& range) {
    const float x = float_of(pattern);
    return std::isnan(x) ? range.min : std::clamp(x, range.min, range.max);
}

struct Outcome {
    std::vector<std::uint8_t> codes = std::vector<std::uint8_t>(kBlock);
    kernels::BlockSums sums{};
};

void quantize(const kernels::Kernels& table, const std::vector<float>& values,
              const kernels::BlockLoop& loop, Outcome& outcome) {
    outcome.sums = {};
    table.quantize_block(values.data(), 1, values.size(), loop, outcome.codes.data(), outcome.sums);
}

/// Compares blocks of consecutive patterns, every `step`-th block; returns how many patterns were
/// compared.
std::uint64_t compare_blocks(kernels::Range range, std::uint64_t step) {
    quant::BlockState state = plain_state(range);
    const quant::SumFactors factors = quant::sum_factors(one_block(range, state, kBlock));
    const std::vector<const kernels::Kernels*> tables = available_kernels();
    std::vector<float> values(kBlock);
    Outcome expected;
    Outcome outcome;
    std::uint64_t compared = 0;
    for (std::uint64_t block = 0; block < kPatterns / kBlock; block += step) {
        for (std::uint64_t i = 0; i < kBlock; ++i)
            values[i] = in_range(static_cast<std::uint32_t>(block * kBlock + i), range);
        for (const Rounding rounding : {Rounding::kNearest, Rounding::kTruncate}) {
            kernels::BlockLoop loop = plain_loop(state, kBlock, rounding);
            loop.signal_factor = factors.signal;
            loop.noise_factor = factors.noise;
            loop.is_plain = factors.has_normal_scales;
            quantize(*tables.front(), values, loop, expected);
            for (std::size_t k = 1; k < tables.size(); ++k) {
                quantize(*tables[k], values, loop, outcome);
                const bool same =
                    outcome.codes == expected.codes &&
                    std::memcmp(&outcome.sums, &expected.sums, sizeof(outcome.sums)) == 0;
                if (!same) FAIL(tables[k]->name << " differs in block " << block);
            }
        }
        compared += kBlock;
    }
    return compared;
}

TEST_CASE("all float32 patterns give the same codes and sums on every instruction set",
          "[.][exhaustive]") {
    REQUIRE(compare_blocks({-3.70001F, 5.1234567F, true}, 1) == kPatterns);
}

TEST_CASE("float32 patterns from all over give the same codes and sums on every instruction set") {
    constexpr std::uint64_t kStep = 997;  // a prime: blocks of all exponents
    for (const kernels::Range range : {kernels::Range{-3.70001F, 5.1234567F, true},
                                       {-1e-3F, 2e-9F, true},
                                       {0.0F, std::numeric_limits<float>::max(), true},
                                       {-1e-41F, 3e-42F, true}})
        REQUIRE(compare_blocks(range, kStep) == (kPatterns / kBlock + kStep - 1) / kStep * kBlock);
}

}  // namespace
}  // namespace octet::test
