// The budget presets: never over the budget where anything fits, and the smallest groups that do.
#include "plan/fitting_scheme.hpp"
#include "quant/storage_layout.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

double bits_a_weight(const Scheme& scheme, const Shape& shape) {
    return static_cast<double>(quant::stored_bytes(scheme, shape)) * 8 /
           static_cast<double>(shape[0] * shape[1]);
}

TEST_CASE("budget presets keep their budget for every width from 32 on and either axis") {
    const std::pair<Preset, double> presets[] = {
        {Preset::kQ8, 8.5}, {Preset::kQ6, 6.5625}, {Preset::kQ4, 4.5}};
    for (const auto& [preset, budget] : presets) {
        for (std::uint64_t inputs = 32; inputs <= 4096; inputs += inputs < 300 ? 8 : 96) {
            for (const OutputAxis axis : {OutputAxis::k0, OutputAxis::k1}) {
                const Shape shape = axis == OutputAxis::k0 ? Shape{48, inputs} : Shape{inputs, 48};
                const Scheme scheme = plan::fitting_scheme(preset, shape, axis).value();
                INFO(scheme_name(scheme) << " of " << inputs << " inputs");
                REQUIRE(scheme_problem(scheme).empty());
                REQUIRE(parse_scheme(scheme_name(scheme)) == scheme);
                REQUIRE(bits_a_weight(scheme, shape) <= budget);
                if (inputs >= 96) REQUIRE(scheme.scale_dtype == ScaleDtype::kTwoLevel);
            }
        }
    }
}

TEST_CASE("budget presets take the smallest groups that fit") {
    const auto name = [](Preset preset, Shape shape, OutputAxis axis) {
        return scheme_name(plan::fitting_scheme(preset, shape, axis).value());
    };
    REQUIRE(name(Preset::kQ4, {768, 768}, OutputAxis::k1) == "u4-group18-axis1-mse-two");
    REQUIRE(name(Preset::kQ6, {768, 768}, OutputAxis::k1) == "u6-group16-axis1-mse-two");
    REQUIRE(name(Preset::kQ8, {768, 768}, OutputAxis::k1) == "u8-group18-axis1-mse-two");
    REQUIRE(name(Preset::kQ4, {50257, 768}, OutputAxis::k0) == "u4-group18-axis0-mse-two");
    REQUIRE(name(Preset::kQ4, {10, 64}, OutputAxis::k0) == "u4-group128-axis0-mse-f16");
    REQUIRE(name(Preset::kQ4, {10, 40}, OutputAxis::k0) == "s4-group128-axis0-mse-f16");
    REQUIRE_FALSE(plan::fitting_scheme(Preset::kQ4, {10, 31}, OutputAxis::k0));
    REQUIRE(name(Preset::kQ6, {8, 4, 3, 3}, OutputAxis::k0) == "s6-group128-axis0-rows-mse-f16");
    REQUIRE(name(Preset::kQ4, {64, 64, 3, 3}, OutputAxis::k0) == "u4-group18-axis0-rows-mse-two");
    REQUIRE(name(Preset::kQ8, {64, 64, 3, 3}, OutputAxis::k0) == "u8-group18-axis0-mse-two");
    for (const Preset preset : {Preset::kQ8, Preset::kQ6, Preset::kQ4}) {
        for (const std::uint64_t inputs : {128U, 512U, 768U, 1024U, 3072U}) {
            const Shape shape = {64, inputs};
            Scheme smaller = plan::fitting_scheme(preset, shape, OutputAxis::k0).value();
            const double budget = preset == Preset::kQ8   ? 8.5
                                  : preset == Preset::kQ6 ? 6.5625
                                                          : 4.5;
            while (smaller.group_size-- > kLeastGroupSize)
                REQUIRE(bits_a_weight(smaller, shape) > budget);
        }
    }
}

}  // namespace
}  // namespace octet::test
