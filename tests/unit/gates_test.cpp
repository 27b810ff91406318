// Limits: sizes and numbers as the user writes them, what passes, what fails and how it is said,
// and a set that is not written.
#include <limits>

#include "base/text.hpp"
#include "commands/gates.hpp"
#include "octet/octet.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::vector<Check> checks_of(const Gates& gates,
                             const std::vector<commands::TensorFigures>& tensors,
                             const Totals& totals = {}) {
    return commands::check_gates(gates, tensors, totals);
}

TEST_CASE("sizes take SI and IEC units") {
    REQUIRE(parse_size("0") == 0U);
    REQUIRE(parse_size("1024") == 1024U);
    REQUIRE(parse_size("12B") == 12U);
    REQUIRE(parse_size("1kB") == 1000U);
    REQUIRE(parse_size("1KB") == 1000U);
    REQUIRE(parse_size("70MB") == 70'000'000U);
    REQUIRE(parse_size("70 mb") == 70'000'000U);
    REQUIRE(parse_size("1KiB") == 1024U);
    REQUIRE(parse_size("1.5GiB") == 1'610'612'736U);
    REQUIRE(parse_size("0.3kB") == 300U);
    REQUIRE(parse_size("126.82868MB") == 126'828'680U);
    REQUIRE(parse_size("2TiB") == std::uint64_t{2} << 40U);
    REQUIRE(parse_size("15EiB") == std::uint64_t{15} << 60U);
    REQUIRE(parse_size("18446744073709551615") == std::numeric_limits<std::uint64_t>::max());
}

TEST_CASE("what is no size is refused") {
    for (const std::string_view text : {"",
                                        " ",
                                        "B",
                                        "MB",
                                        ".5MB",
                                        "1.MB",
                                        "1.5",
                                        "1.5B",
                                        "1.2.3MB",
                                        "70M",
                                        "70K",
                                        "70i",
                                        "70Mi",
                                        "70MiBB",
                                        "-1",
                                        "+1",
                                        " 1",
                                        "1e6",
                                        "0x10",
                                        "16EiB",
                                        "18.5EB",
                                        "18446744073709551616",
                                        "99999999999999999999kB",
                                        "nan",
                                        "inf"}) {
        INFO(text);
        REQUIRE(parse_size(text) == std::nullopt);
    }
}

TEST_CASE("a number is the whole text") {
    REQUIRE(parse_number("40") == 40.0);
    REQUIRE(parse_number("-3.5") == -3.5);
    REQUIRE(parse_number("1e-3") == 1e-3);
    REQUIRE(std::isnan(parse_number("nan").value()));
    REQUIRE(parse_number("inf") == kInfinity);
    for (const std::string_view text : {"", " 1", "1 ", "1x", "x", "1e999", "1,5", "--1"}) {
        INFO(text);
        REQUIRE(parse_number(text) == std::nullopt);
    }
}

TEST_CASE("a limit that nothing can be held against is refused") {
    REQUIRE(error_of([] { commands::check_limits({.min_sqnr_tensor = kNan}); }) ==
            "2 --min-sqnr-tensor: nan is no limit; give a finite number");
    REQUIRE(error_of([] { commands::check_limits({.min_sqnr = kInfinity}); }) ==
            "2 --min-sqnr: inf is no limit; give a finite number");
    REQUIRE(error_of([] { commands::check_limits({.max_abs_error = -kInfinity}); }) ==
            "2 --max-abs-error: -inf is no limit; give a finite number");
    REQUIRE(error_of([] { commands::check_limits({.max_abs_error = -0.5}); }) ==
            "2 --max-abs-error: -0.5 is negative; no error is below 0");
    REQUIRE(error_of([] {
                commands::check_limits(
                    {.min_sqnr_tensor = -10.0, .min_sqnr = 0.0, .max_abs_error = 0.0});
            }) == "nothing");
}

TEST_CASE("a figure exactly at its limit passes, the next one does not") {
    Totals totals;
    totals.sqnr_db = 40;
    totals.output_bytes = 1000;
    const std::vector<commands::TensorFigures> tensors = {{"t", 40, 0.5}};
    REQUIRE(all_passed(checks_of({40.0, 40.0, 0.5, 1000}, tensors, totals)));
    const Gates tight{40.0001, 40.0001, 0.49999, 999};
    for (const Check& check : checks_of(tight, tensors, totals)) {
        INFO(check.name);
        REQUIRE_FALSE(check.passed);
    }
}

TEST_CASE("a check names the worst tensor, how far it missed, and how many more did") {
    const std::vector<commands::TensorFigures> tensors = {
        {"good", 60, 0.001}, {"bad", 30, 0.25}, {"poor", 35, 0.125}};
    Totals totals;
    totals.sqnr_db = 33.25;
    totals.output_bytes = 1'234'567;
    const std::vector<Check> checks = checks_of({40.0, 40.0, 0.1, 1'000'000}, tensors, totals);
    REQUIRE(checks.size() == 4);
    REQUIRE(checks[0].name == "min-sqnr-tensor");
    REQUIRE(checks[0].limit == 40);
    REQUIRE(checks[0].value == 30);
    REQUIRE(checks[0].detail ==
            "tensor 'bad' has 30 dB, 10 dB below --min-sqnr-tensor 40 (and 1 more tensor)");
    REQUIRE(checks[1].name == "min-sqnr");
    REQUIRE(checks[1].detail == "the SQNR is 33.25 dB, 6.75 dB below --min-sqnr 40");
    REQUIRE(checks[2].name == "max-abs-error");
    REQUIRE(checks[2].detail ==
            "tensor 'bad' is off by 0.25, 0.15 above --max-abs-error 0.1 (and 1 more tensor)");
    REQUIRE(checks[3].name == "max-output-size");
    REQUIRE(checks[3].detail ==
            "the output has 1,234,567 bytes, 234,567 above --max-output-size 1,000,000");
}

TEST_CASE("NaN passes no gate and is the worst there is") {
    const std::vector<commands::TensorFigures> tensors = {
        {"low", -kInfinity, kInfinity}, {"nan", kNan, kNan}, {"good", 90, 0}};
    Totals totals;
    totals.sqnr_db = kNan;
    const std::vector<Check> checks = checks_of({-1000.0, -1000.0, 1e30, {}}, tensors, totals);
    for (const Check& check : checks) REQUIRE_FALSE(check.passed);
    REQUIRE(checks[0].detail.starts_with("tensor 'nan' has nan dB"));
    REQUIRE(checks[2].detail.starts_with("tensor 'nan' is off by nan"));
}

TEST_CASE("where nothing was lost every gate on errors holds") {
    const std::vector<Check> none = checks_of({200.0, 200.0, 0.0, {}}, {});
    REQUIRE(none.size() == 3);
    REQUIRE(all_passed(none));
    REQUIRE(none[0].value == kInfinity);
    REQUIRE(none[2].value == 0);
    REQUIRE(checks_of({}, {{"t", -5, 9}}).empty());
}

/// A checkpoint of one tensor of eight floats.
std::string small_checkpoint() {
    std::string data;
    for (const float value : {0.0F, 1.0F, 0.3F, 0.7F, 0.1F, 0.9F, 0.5F, 0.25F}) {
        const auto bits = bits_of(value);
        for (unsigned shift = 0; shift < 32; shift += 8)
            data += static_cast<char>((bits >> shift) & 0xFFU);
    }
    std::string header = R"({"w":{"dtype":"F32","shape":[8],"data_offsets":[0,32]}})";
    header.resize((header.size() + 7) / 8 * 8, ' ');
    std::string text(8, '\0');
    text[0] = static_cast<char>(header.size());
    return text + header + data;
}

TEST_CASE("a gate that fails leaves no set, unless it is to be kept") {
    const TemporaryFolder folder;
    write_file(folder / "model.safetensors", small_checkpoint());
    QuantizeOptions options;
    options.gates.min_sqnr = 200;
    const Report refused = quantize(folder / "model.safetensors", folder / "out", options);
    REQUIRE_FALSE(refused.written);
    REQUIRE_FALSE(all_passed(refused.checks));
    REQUIRE(refused.checks.front().value == refused.totals.sqnr_db);
    REQUIRE(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);

    options.keep_on_failure = true;
    const Report kept = quantize(folder / "model.safetensors", folder / "out", options);
    REQUIRE(kept.written);
    REQUIRE_FALSE(all_passed(kept.checks));
    REQUIRE(inspect(folder / "out").totals.sqnr_db == kept.totals.sqnr_db);
}

}  // namespace
}  // namespace octet::test
