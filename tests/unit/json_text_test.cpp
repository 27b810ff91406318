// The JSON that octet writes: numbers that read back, statistics, layout.
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include <nlohmann/json.hpp>

#include "base/json_text.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

std::string float_text(float value) {
    std::string text;
    append_json_float(text, value);
    return text;
}

std::string statistic_text(double value) {
    std::string text;
    append_json_statistic(text, value);
    return text;
}

bool reads_back(const std::string& text, float value) {
    const float direct = std::strtof(text.c_str(), nullptr);
    const auto by_double = static_cast<float>(std::strtod(text.c_str(), nullptr));
    return bits_of(direct) == bits_of(value) && bits_of(by_double) == bits_of(value);
}

/// Digits of the mantissa without leading and trailing zeros.
int significant_digits(const std::string& text) {
    std::string digits;
    for (const char c : text) {
        if (c == 'e') break;
        if (c >= '0' && c <= '9') digits += c;
    }
    const std::size_t first = digits.find_first_not_of('0');
    const std::size_t last = digits.find_last_not_of('0');
    return first == digits.npos ? 1 : static_cast<int>(last - first + 1);
}

/// True if some decimal of `digits` digits reads back: the nearest of that length or one of its two
/// neighbours.
bool shorter_exists(float value, int digits) {
    char buffer[64];
    std::snprintf(buffer, sizeof buffer, "%.*e", digits - 1, static_cast<double>(value));
    if (reads_back(buffer, value)) return true;
    const std::string text = buffer;
    const std::size_t e = text.find('e');
    const double step = std::pow(10.0, std::atoi(text.c_str() + e + 1) - (digits - 1));
    for (const double neighbour : {-1.0, 1.0}) {
        std::snprintf(buffer, sizeof buffer, "%.*e", digits - 1,
                      std::strtod(text.c_str(), nullptr) + neighbour * step);
        if (reads_back(buffer, value)) return true;
    }
    return false;
}

/// What is rounded, whether it has to be or not.
std::string rounded_text(double value) {
    char buffer[64];
    std::string text(buffer,
                     std::to_chars(std::begin(buffer), std::end(buffer), six_digits(value)).ptr);
    if (text.find_first_of(".e") == text.npos) text += ".0";
    return text;
}

std::vector<float> sample_floats(std::size_t count) {
    std::mt19937 random(41);
    std::vector<float> values{
        0x1p-149F,   0x1.fffffcp-127F, 0x1p-126F,     std::numeric_limits<float>::max(),
        0.1F,        1.0F / 3.0F,      16777216.0F,   1e10F,
        1e-5F,       123456.0F,        7.038531e-26F, 9.5367431640625e-07F,
        8.589973e9F, 1.00000075e-36F};
    while (values.size() < count) {
        const float value = float_of(static_cast<std::uint32_t>(random()));
        if (std::isfinite(value)) values.push_back(value);
    }
    return values;
}

TEST_CASE("printed floats read back both as float and by way of double") {
    for (const float value : sample_floats(300'000)) {
        const std::string text = float_text(value);
        if (!reads_back(text, value)) FAIL(text << " for bits " << bits_of(value));
    }
}

TEST_CASE("a float that reads back directly but not by way of double gets more digits") {
    // The shortest text of this float lies within a double's half ulp of the middle between two
    // floats.
    const float known = 7.038531e-26F;
    REQUIRE(std::strtof("7.038531e-26", nullptr) == known);
    REQUIRE(static_cast<float>(std::strtod("7.038531e-26", nullptr)) != known);
    REQUIRE(float_text(known) != "7.038531e-26");
    REQUIRE(reads_back(float_text(known), known));
}

TEST_CASE("printed floats have no more digits than it takes") {
    for (const float value : sample_floats(5'000)) {
        const std::string text = float_text(value);
        const int digits = significant_digits(text);
        INFO(text << " has " << digits << " digits");
        REQUIRE(digits <= 17);
        if (digits > 1) REQUIRE_FALSE(shorter_exists(value, digits - 1));
    }
}

TEST_CASE("printed floats are JSON numbers that are never taken for integers") {
    for (const float value : sample_floats(5'000)) {
        const nlohmann::json parsed = nlohmann::json::parse(float_text(value));
        REQUIRE(parsed.is_number_float());
        REQUIRE(static_cast<float>(parsed.get<double>()) == value);
    }
    REQUIRE(float_text(1.0F) == "1.0");
    REQUIRE(float_text(0.0F) == "0.0");
    REQUIRE(float_text(-3.0F) == "-3.0");
    REQUIRE(float_text(0.1F) == "0.1");
    REQUIRE(float_text(16777216.0F) == "16777216.0");
}

TEST_CASE("statistics have six digits and strings for what is not finite") {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    REQUIRE(statistic_text(kInfinity) == "\"inf\"");
    REQUIRE(statistic_text(-kInfinity) == "\"-inf\"");
    REQUIRE(statistic_text(std::nan("")) == "\"nan\"");
    REQUIRE(statistic_text(0.0) == "0.0");
    REQUIRE(statistic_text(24.0) == "24.0");
    REQUIRE(statistic_text(1.0 / 3.0) == "0.333333");
    REQUIRE(statistic_text(123456789.0) == "123457000.0");
    REQUIRE(statistic_text(1.5e-40) == "1.5e-40");
    REQUIRE(six_digits(1000005.0) == 1000000.0);  // ties to even
    REQUIRE(six_digits(1000015.0) == 1000020.0);
    REQUIRE(six_digits(999999.5) == 1e6);
    REQUIRE(six_digits(-2.0000004) == -2.0);
    REQUIRE(six_digits(kInfinity) == kInfinity);
    REQUIRE(std::isnan(six_digits(std::nan(""))));
    REQUIRE(six_digits(0.0) == 0.0);
    REQUIRE_FALSE(std::signbit(six_digits(-std::nan(""))));
}

TEST_CASE(
    "a bound in six digits is not below the bound and less than one in the sixth digit above it") {
    REQUIRE(six_digits_up(0.0) == 0.0);
    REQUIRE(six_digits_up(1.16512) == 1.16512);
    REQUIRE(six_digits_up(1.165121) == 1.16513);
    REQUIRE(six_digits_up(1.1651299) == 1.16513);
    REQUIRE(six_digits_up(9.999991) == 10.0);
    REQUIRE(six_digits_up(123456789.0) == 123457000.0);
    REQUIRE(six_digits_up(123456289.0) == 123457000.0);
    REQUIRE(six_digits_up(1e-310) == 1e-310);
    REQUIRE(std::isinf(six_digits_up(std::numeric_limits<double>::infinity())));
    for (const float sample : sample_floats(20'000)) {
        const double value = std::abs(static_cast<double>(sample)) * 1.0000003;
        const double up = six_digits_up(value);
        REQUIRE(up >= value);
        REQUIRE(six_digits(up) == up);
        REQUIRE(up <= value * 1.00001 + std::numeric_limits<double>::denorm_min());
    }
}

TEST_CASE("rounding to six digits keeps order and what has six digits") {
    std::mt19937_64 random(42);
    for (int i = 0; i < 20'000; ++i) {
        const double a = bits_as<double>(random());
        const double b = a * (1.0 + std::ldexp(static_cast<double>(random() % 1000), -40));
        if (!std::isfinite(a) || !std::isfinite(b)) continue;
        const double rounded = six_digits(a);
        REQUIRE(six_digits(rounded) == rounded);
        if (std::fpclassify(a) != FP_NORMAL) continue;
        REQUIRE(std::fabs(rounded - a) <= 5.0001e-6 * std::fabs(a));
        REQUIRE((a > 0 ? rounded <= six_digits(b) : rounded >= six_digits(b)));
    }
}

TEST_CASE("a statistic is printed as it is rounded, whether it was rounded before or not") {
    std::mt19937_64 random(43);
    constexpr double kLeast = std::numeric_limits<double>::denorm_min();
    std::vector<double> values{0.0,      -0.0, kLeast,      123 * kLeast,      1e22, 1e23, 100000.0,
                               999999.0, 1e6,  0.000123456, 9007199254740993.0};
    for (int i = 0; i < 20'000; ++i) {
        values.push_back(bits_as<double>(random()));
        values.push_back(bits_as<double>(random() % (1ULL << (i % 53))));  // subnormal
        values.push_back(
            std::ldexp(1.0, i % 2000 - 1000));  // neighbours are nearer below than above
        values.push_back(static_cast<double>(random() % 2'000'000) / 1000);
    }
    for (const double value : values) {
        if (!std::isfinite(value)) continue;
        INFO(value);
        REQUIRE(statistic_text(value) == rounded_text(value));
        REQUIRE(statistic_text(six_digits(value)) == rounded_text(value));
    }
}

TEST_CASE("strings are escaped where JSON asks for it and nowhere else") {
    std::string text;
    append_json_string(text, std::string("a\"\\/\b\f\n\r\t\x01\x1f\x7fé权\0z", 19));
    REQUIRE(text == "\"a\\\"\\\\/\\u0008\\u000c\\n\\r\\t\\u0001\\u001f\x7fé权\\u0000z\"");
    REQUIRE(nlohmann::json::parse(text) == std::string("a\"\\/\b\f\n\r\t\x01\x1f\x7fé权\0z", 19));
}

void write_sample(JsonWriter& writer) {
    writer.begin_object();
    writer.key("name").string("x");
    writer.key("empty").begin_object().end_object();
    writer.key("list").begin_array().integer(1).boolean(true).boolean(false).end_array();
    writer.key("deep").begin_object().key("inner").begin_object();
    writer.key("scale").float32(0.5F).key("inf").statistic(HUGE_VAL).end_object().end_object();
    writer.key("raw").raw("{\"k\":null}");
    writer.end_object();
}

TEST_CASE("compact JSON stands on one line") {
    std::string text;
    JsonWriter writer(text);
    write_sample(writer);
    REQUIRE(
        text ==
        R"({"name": "x", "empty": {}, "list": [1, true, false], "deep": {"inner": {"scale": 0.5, "inf": "inf"}}, )"
        R"("raw": {"k":null}})");
}

TEST_CASE("JSON in lines breaks its outermost two levels") {
    std::string text;
    JsonWriter writer(text, JsonWriter::Style::kLines);
    write_sample(writer);
    REQUIRE(text == R"({
  "name": "x",
  "empty": {},
  "list": [
    1,
    true,
    false
  ],
  "deep": {
    "inner": {"scale": 0.5, "inf": "inf"}
  },
  "raw": {"k":null}
})");
}

TEST_CASE("both styles are the same JSON and a single value needs no brackets") {
    std::string compact;
    std::string lines;
    JsonWriter compact_writer(compact);
    JsonWriter lines_writer(lines, JsonWriter::Style::kLines);
    write_sample(compact_writer);
    write_sample(lines_writer);
    REQUIRE(nlohmann::json::parse(compact) == nlohmann::json::parse(lines));
    std::string one;
    JsonWriter(one).integer(18446744073709551615U);
    REQUIRE(one == "18446744073709551615");
}

}  // namespace
}  // namespace octet::test
