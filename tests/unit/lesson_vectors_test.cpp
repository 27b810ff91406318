// The lesson's arithmetic as torch computed it: testdata/lesson_vectors.json, on every instruction
// set.
#include <algorithm>
#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include "plain_tensor.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

using nlohmann::json;

const json& vectors() {
    static const json all =
        json::parse(read_file(std::string(OCTET_TESTDATA_DIR) + "/lesson_vectors.json"));
    return all;
}

std::vector<float> floats_of(const json& bits) {
    std::vector<float> values;
    for (const json& pattern : bits) values.push_back(float_of(pattern.get<std::uint32_t>()));
    return values;
}

struct Lesson {
    explicit Lesson(const json& entry)
        : values(floats_of(entry["values_bits"])),
          scale_bits(entry["scale_bits"].get<std::uint32_t>()),
          zero_point_bits(entry["zero_point_bits"].get<std::uint32_t>()),
          truncated(entry["codes_truncate"].get<std::vector<std::uint8_t>>()),
          nearest(entry["codes_nearest"].get<std::vector<std::uint8_t>>()),
          restored(floats_of(entry["restored_truncate_bits"])) {}

    std::vector<float> values;
    std::uint32_t scale_bits;
    std::uint32_t zero_point_bits;
    std::vector<std::uint8_t> truncated;
    std::vector<std::uint8_t> nearest;
    std::vector<float> restored;
};

/// Bit for bit, except where torch keeps a zero point of -0 and octet stores +0: a restored 0 may
/// differ in its sign.
bool same_restored(const std::vector<float>& ours, const Lesson& lesson) {
    constexpr std::uint32_t kMinusZero = 0x80000000U;
    for (std::size_t i = 0; i < ours.size(); ++i) {
        const bool same = lesson.zero_point_bits == kMinusZero
                              ? ours[i] == lesson.restored[i]
                              : bits_of(ours[i]) == bits_of(lesson.restored[i]);
        if (!same) return false;
    }
    return ours.size() == lesson.restored.size();
}

void check_lesson(const kernels::Kernels& table, const Lesson& lesson) {
    const std::size_t count = lesson.values.size();
    kernels::Range range = quant::empty_range();
    table.range_f32(lesson.values.data(), count, range);
    REQUIRE(range.finite);
    const quant::BlockState state = plain_state(range);
    REQUIRE(bits_of(state.scale) == lesson.scale_bits);
    REQUIRE(bits_of(state.zero_point) ==
            (lesson.zero_point_bits == 0x80000000U ? 0U : lesson.zero_point_bits));

    std::vector<std::uint8_t> codes(count);
    kernels::BlockSums sums{};
    table.quantize_block(lesson.values.data(), 1, count,
                         plain_loop(state, count, Rounding::kNearest), codes.data(), sums);
    REQUIRE(codes == lesson.nearest);
    const kernels::BlockLoop truncate = plain_loop(state, count, Rounding::kTruncate);
    table.quantize_block(lesson.values.data(), 1, count, truncate, codes.data(), sums);
    REQUIRE(codes == lesson.truncated);
    std::vector<float> restored(count);
    table.restore_block(codes.data(), count, truncate, restored.data());
    REQUIRE(same_restored(restored, lesson));
}

TEST_CASE("all 17 lesson vectors are bit identical on every instruction set") {
    REQUIRE(vectors()["cases"].size() == 17);
    for (const auto& [name, entry] : vectors()["cases"].items()) {
        for (const kernels::Kernels* table : available_kernels()) {
            INFO(name << " with " << table->name);
            check_lesson(*table, Lesson(entry));
        }
    }
}

TEST_CASE("the codec of the product gives the lesson vectors too") {
    for (const auto& [name, entry] : vectors()["cases"].items()) {
        INFO(name);
        const Lesson lesson(entry);
        const PlainTensor nearest = plain_tensor(lesson.values, Rounding::kNearest);
        REQUIRE(bits_of(nearest.state.scale) == lesson.scale_bits);
        REQUIRE(nearest.codes == lesson.nearest);
        const PlainTensor truncated = plain_tensor(lesson.values, Rounding::kTruncate);
        REQUIRE(truncated.codes == lesson.truncated);
        REQUIRE(same_restored(truncated.restored, lesson));
    }
}

/// True if `code` is what some real value that prints as `printed` gets.
bool consistent(double printed, int code, const quant::BlockState& state) {
    constexpr double kHalfDigit = 0.00005;
    const auto code_of = [&](double value) {
        const float difference = static_cast<float>(value) - state.zero_point;
        return static_cast<int>(difference / state.scale);
    };
    return code_of(printed - kHalfDigit) <= code && code <= code_of(printed + kHalfDigit);
}

TEST_CASE("the 36 printed values of the lesson have the printed codes") {
    const json& printout = vectors()["lesson_printout"];
    const auto low = printout["min_between"].get<std::vector<double>>();
    const auto high = printout["max_between"].get<std::vector<double>>();
    const auto values = printout["values"].get<std::vector<std::vector<double>>>();
    const auto codes = printout["codes"].get<std::vector<std::vector<int>>>();
    std::size_t printed = 0;
    for (std::size_t row = 0; row < values.size(); ++row)
        printed += std::min(values[row].size(), codes[row].size());
    REQUIRE(printed == 36);
    const auto all_consistent = [&](float min, float max) {
        const quant::BlockState state = plain_state({min, max, true});
        for (std::size_t row = 0; row < values.size(); ++row) {
            for (std::size_t column = 0; column < values[row].size(); ++column) {
                if (!consistent(values[row][column], codes[row][column], state)) return false;
            }
        }
        return true;
    };
    constexpr int kSteps = 50;
    int found = 0;
    for (int i = 0; i <= kSteps; ++i) {
        for (int j = 0; j <= kSteps; ++j) {
            const double min = low[0] + (low[1] - low[0]) * i / kSteps;
            const double max = high[0] + (high[1] - high[0]) * j / kSteps;
            found += all_consistent(static_cast<float>(min), static_cast<float>(max)) ? 1 : 0;
        }
    }
    REQUIRE(found > 0);
    // The check can fail: another range, or one code changed, is not consistent.
    REQUIRE_FALSE(all_consistent(static_cast<float>(low[0] - 0.02), static_cast<float>(high[0])));
}

}  // namespace
}  // namespace octet::test
