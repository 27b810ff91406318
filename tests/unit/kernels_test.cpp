// Every instruction set against the scalar loops, bit for bit.
#include <algorithm>
#include <cmath>
#include <limits>

#include "plain_tensor.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

enum class Values { kOrdinary, kHuge, kTiny, kSubnormal, kConstant, kOffset, kWide };

float draw(Values kind, std::mt19937& random) {
    std::normal_distribution<float> normal(0.0F, 1.0F);
    switch (kind) {
        case Values::kOrdinary:
            return normal(random);
        case Values::kHuge:
            return std::uniform_real_distribution<float>(-1.6e38F, 1.6e38F)(random);
        case Values::kTiny:
            return normal(random) * 1e-30F;
        case Values::kSubnormal:
            return normal(random) * 1e-41F;
        case Values::kConstant:
            return -0.7F;
        case Values::kOffset:
            return 1e6F + normal(random);
        case Values::kWide:
            return std::ldexp(normal(random), static_cast<int>(random() % 80) - 40);
    }
    return 0.0F;
}

/// Elements at an address that is `shift` bytes off any alignment.
template <typename T>
class Unaligned {
  public:
    Unaligned(const std::vector<T>& values, std::size_t shift)
        : bytes_(values.size() * sizeof(T) + 64), shift_(shift) {
        if (!values.empty())
            std::memcpy(bytes_.data() + shift_, values.data(), values.size() * sizeof(T));
    }
    const void* data() const { return bytes_.data() + shift_; }
    void* data() { return bytes_.data() + shift_; }
    std::vector<T> values(std::size_t count) const {
        std::vector<T> copy(count);
        if (count > 0) std::memcpy(copy.data(), bytes_.data() + shift_, count * sizeof(T));
        return copy;
    }

  private:
    std::vector<unsigned char> bytes_;
    std::size_t shift_;
};

bool same_bits(const void* a, const void* b, std::size_t byte_count) {
    return byte_count == 0 || std::memcmp(a, b, byte_count) == 0;
}

bool same_sums(const kernels::LaneSums& a, const kernels::LaneSums& b) {
    return same_bits(a.signal, b.signal, sizeof a.signal) &&
           same_bits(a.noise, b.noise, sizeof a.noise) &&
           same_bits(&a.max_abs_error, &b.max_abs_error, sizeof a.max_abs_error);
}

/// Every tail length at several block counts, then the edges of a folding block, then any size up
/// to 2000.
std::vector<std::size_t> sizes(std::mt19937& random) {
    std::vector<std::size_t> result;
    for (std::size_t i = 0; i <= 48; ++i) result.push_back(i);
    for (const std::size_t i :
         {495U, 511U, 512U, 513U, 527U, 528U, 1023U, 1024U, 1025U, 1999U, 2000U})
        result.push_back(i);
    for (int i = 0; i < 12; ++i) result.push_back(random() % 2001);
    return result;
}

struct Sample {
    std::vector<float> values;
    std::size_t shift;
    kernels::Range range;
    quant::BlockState state;
    quant::SumFactors factors;
    std::string label;

    bool is_refused() const { return std::isinf(state.scale); }

    kernels::BlockLoop loop(Rounding rounding) const {
        kernels::BlockLoop loop = plain_loop(state, values.size(), rounding);
        loop.signal_factor = factors.signal;
        loop.noise_factor = factors.noise;
        loop.is_plain = factors.has_normal_scales;
        return loop;
    }
};

/// The codes of a sample, which `sums` are extended by.
void quantize(const kernels::Kernels& table, const Sample& sample, Rounding rounding,
              const void* values, std::uint8_t* codes, kernels::BlockSums& sums) {
    table.quantize_block(values, 1, sample.values.size(), sample.loop(rounding), codes, sums);
}

/// Runs `check` on many samples; `scalar` gives each its range.
template <typename Check>
void for_each_sample(unsigned seed, Check check) {
    std::mt19937 random(seed);
    for (const Values kind : {Values::kOrdinary, Values::kHuge, Values::kTiny, Values::kSubnormal,
                              Values::kConstant, Values::kOffset, Values::kWide}) {
        for (const std::size_t size : sizes(random)) {
            Sample sample;
            for (std::size_t i = 0; i < size; ++i) sample.values.push_back(draw(kind, random));
            sample.shift = random() % 4;
            sample.range = quant::empty_range();
            available_kernels().front()->range_f32(sample.values.data(), size, sample.range);
            sample.state = plain_state(sample.range);
            sample.factors = quant::sum_factors(one_block(sample.range, sample.state, size));
            sample.label = "kind " + std::to_string(static_cast<int>(kind)) + " size " +
                           std::to_string(size) + " shift " + std::to_string(sample.shift);
            check(sample);
        }
    }
}

TEST_CASE("the scalar loops come first among those available and every table has its name") {
    const auto tables = available_kernels();
    REQUIRE(std::string(tables.front()->name) == "scalar");
    const auto isas = quant::available_isas();
    for (std::size_t i = 0; i < isas.size(); ++i)
        REQUIRE(std::string(tables[i]->name) == kernels::isa_name(isas[i]));
}

TEST_CASE("every instruction set is found by its name and no other") {
    for (const kernels::Kernels* table : available_kernels())
        REQUIRE(&quant::kernels_named(table->name) == table);
    REQUIRE(&quant::kernels_named(nullptr) == available_kernels().back());
    REQUIRE(&quant::kernels_named("") == available_kernels().back());
    const std::string error = error_of([] { quant::kernels_named("avx3"); });
    REQUIRE(error.rfind("2 OCTET_ISA: no instruction set 'avx3' here; use one of scalar", 0) == 0);
}

TEST_CASE("range is the same on every instruction set") {
    for_each_sample(1, [](const Sample& sample) {
        const Unaligned<float> source(sample.values, sample.shift);
        for (const kernels::Kernels* table : available_kernels()) {
            INFO(table->name << ", " << sample.label);
            kernels::Range range = quant::empty_range();
            table->range_f32(source.data(), sample.values.size(), range);
            REQUIRE(range.min == sample.range.min);
            REQUIRE(range.max == sample.range.max);
            REQUIRE(range.finite);
        }
    });
}

TEST_CASE("range agrees with the standard library and extends what it is given") {
    std::mt19937 random(2);
    std::vector<float> values(777);
    for (float& value : values) value = draw(Values::kWide, random);
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    for (const kernels::Kernels* table : available_kernels()) {
        INFO(table->name);
        kernels::Range range = quant::empty_range();
        table->range_f32(values.data(), 333, range);
        table->range_f32(values.data() + 333, values.size() - 333, range);
        REQUIRE(range.min == *low);
        REQUIRE(range.max == *high);
        kernels::Range wider{-kInfinity, 3e38F, true};
        table->range_f32(values.data(), values.size(), wider);
        REQUIRE(wider.min == -kInfinity);
        REQUIRE(wider.max == 3e38F);
    }
}

TEST_CASE("a value that is not finite is noticed at every position") {
    for (const float bad :
         {kInfinity, -kInfinity, std::numeric_limits<float>::quiet_NaN(), float_of(0xFF800001U)}) {
        for (const std::size_t size : {1U, 15U, 16U, 31U, 32U, 47U, 100U}) {
            for (std::size_t position = 0; position < size; ++position) {
                std::vector<float> values(size, 1.5F);
                values[position] = bad;
                for (const kernels::Kernels* table : available_kernels()) {
                    kernels::Range range = quant::empty_range();
                    table->range_f32(values.data(), size, range);
                    INFO(table->name << ", " << bad << " at " << position << " of " << size);
                    REQUIRE_FALSE(range.finite);
                }
            }
        }
    }
}

TEST_CASE("the largest finite values count as finite") {
    const std::vector<float> values(64, std::numeric_limits<float>::max());
    for (const kernels::Kernels* table : available_kernels()) {
        kernels::Range range = quant::empty_range();
        table->range_f32(values.data(), values.size(), range);
        REQUIRE(range.finite);
    }
}

TEST_CASE("codes and error sums are the same on every instruction set") {
    for_each_sample(3, [](const Sample& sample) {
        if (sample.is_refused()) return;
        const std::size_t size = sample.values.size();
        const Unaligned<float> source(sample.values, sample.shift);
        for (const Rounding rounding : {Rounding::kNearest, Rounding::kTruncate}) {
            std::vector<std::uint8_t> expected(size);
            kernels::BlockSums expected_sums{};
            quantize(*available_kernels().front(), sample, rounding, source.data(), expected.data(),
                     expected_sums);
            for (const kernels::Kernels* table : available_kernels()) {
                INFO(table->name << (rounding == Rounding::kTruncate ? ", truncate, "
                                                                     : ", nearest, ")
                                 << sample.label);
                std::vector<std::uint8_t> target(size + 4, 0xA5);
                kernels::BlockSums sums{};
                quantize(*table, sample, rounding, source.data(), target.data() + sample.shift,
                         sums);
                REQUIRE(same_bits(target.data() + sample.shift, expected.data(), size));
                REQUIRE(
                    std::all_of(target.begin() + static_cast<std::ptrdiff_t>(sample.shift + size),
                                target.end(), [](std::uint8_t byte) { return byte == 0xA5; }));
                REQUIRE(same_sums(sums.lanes, expected_sums.lanes));
                REQUIRE(sums.clipped == expected_sums.clipped);
            }
        }
    });
}

TEST_CASE("the scalar codes are the documented formula") {
    for_each_sample(4, [](const Sample& sample) {
        if (sample.is_refused() || sample.state.scale == 0.0F) return;
        const std::size_t size = sample.values.size();
        std::vector<std::uint8_t> nearest(size);
        std::vector<std::uint8_t> truncated(size);
        kernels::BlockSums sums{};
        const kernels::Kernels& scalar = *available_kernels().front();
        quantize(scalar, sample, Rounding::kNearest, sample.values.data(), nearest.data(), sums);
        quantize(scalar, sample, Rounding::kTruncate, sample.values.data(), truncated.data(), sums);
        for (std::size_t i = 0; i < size; ++i) {
            const float difference = sample.values[i] - sample.state.zero_point;
            const float quotient = difference / sample.state.scale;
            const float clamped = std::fmin(std::fmax(quotient, 0.0F), 255.0F);
            const bool same = static_cast<float>(nearest[i]) == std::rint(clamped) &&
                              static_cast<float>(truncated[i]) == std::floor(clamped);
            if (!same) FAIL(sample.label << " element " << i << " quotient " << quotient);
        }
    });
}

TEST_CASE("the error sums are those of the restored values") {
    for_each_sample(5, [](const Sample& sample) {
        if (sample.is_refused()) return;
        const std::size_t size = sample.values.size();
        std::vector<std::uint8_t> codes(size);
        std::vector<float> restored(size);
        kernels::BlockSums sums{};
        const kernels::Kernels& scalar = *available_kernels().front();
        quantize(scalar, sample, Rounding::kNearest, sample.values.data(), codes.data(), sums);
        scalar.restore_block(codes.data(), size, sample.loop(Rounding::kNearest), restored.data());
        double noise = 0;
        double largest = 0;
        for (std::size_t i = 0; i < size; ++i) {
            const double error = static_cast<double>(sample.values[i] - restored[i]);
            noise += std::pow(error * static_cast<double>(sample.factors.noise), 2);
            largest = std::fmax(largest, std::fabs(error));
        }
        double summed = 0;
        for (const double lane : sums.lanes.noise) summed += lane;
        INFO(sample.label);
        REQUIRE(sums.lanes.max_abs_error == largest);
        REQUIRE(std::fabs(summed - noise) <= 1e-4 * noise);
    });
}

TEST_CASE("restoring is the same on every instruction set for every code") {
    for (const auto& [scale, zero_point] :
         std::vector<std::pair<float, float>>{{0.0123F, -1.27F},
                                              {0.0F, 3.5F},
                                              {1e-42F, -1e-40F},
                                              {1.2e36F, -1.5e38F},
                                              {0x1p-149F, 0.0F}}) {
        for (std::size_t size = 0; size <= 300; ++size) {
            std::vector<std::uint8_t> codes(size);
            for (std::size_t i = 0; i < size; ++i) codes[i] = static_cast<std::uint8_t>(i * 7);
            for (const kernels::Kernels* table : available_kernels()) {
                std::vector<float> out(size + 1, 42.0F);
                Unaligned<std::uint8_t> source(codes, size % 4);
                const quant::BlockState state{scale, zero_point};
                table->restore_block(static_cast<const std::uint8_t*>(source.data()), size,
                                     plain_loop(state, size, Rounding::kNearest), out.data());
                INFO(table->name << " size " << size << " scale " << scale);
                bool same = true;
                for (std::size_t i = 0; i < size; ++i) {
                    volatile float product = static_cast<float>(codes[i]) * scale;
                    volatile float sum = product + zero_point;
                    same = same && bits_of(out[i]) == bits_of(sum);
                }
                REQUIRE(same);
                REQUIRE(out.back() == 42.0F);
            }
        }
    }
}

TEST_CASE("float64 errors are the same on every instruction set and counted in float64") {
    for_each_sample(6, [](const Sample& sample) {
        if (sample.is_refused()) return;
        const std::size_t size = sample.values.size();
        std::vector<double> values(size);
        std::mt19937 random(static_cast<unsigned>(size));
        for (std::size_t i = 0; i < size; ++i)
            values[i] = static_cast<double>(sample.values[i]) *
                        (1.0 + 1e-9 * static_cast<double>(random() % 100));
        const Unaligned<double> source(values, 1 + sample.shift);
        std::vector<std::uint8_t> codes(size);
        kernels::BlockSums ignored{};
        const kernels::Kernels& scalar = *available_kernels().front();
        const kernels::BlockLoop loop = sample.loop(Rounding::kNearest);
        quantize(scalar, sample, Rounding::kNearest, sample.values.data(), codes.data(), ignored);
        kernels::LaneSums expected{};
        scalar.block_error_f64(source.data(), codes.data(), size, loop, expected);
        double largest = 0;
        for (std::size_t i = 0; i < size; ++i) {
            volatile float product = static_cast<float>(codes[i]) * sample.state.scale;
            volatile float restored = product + sample.state.zero_point;
            largest = std::fmax(largest, std::fabs(values[i] - static_cast<double>(restored)));
        }
        INFO(sample.label);
        REQUIRE(expected.max_abs_error == largest);
        for (const kernels::Kernels* table : available_kernels()) {
            INFO(table->name);
            kernels::LaneSums sums{};
            table->block_error_f64(source.data(), codes.data(), size, loop, sums);
            REQUIRE(same_sums(sums, expected));
        }
    });
}

}  // namespace
}  // namespace octet::test
