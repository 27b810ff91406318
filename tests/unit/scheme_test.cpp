#include "octet/scheme.hpp"

#include <functional>
#include <set>
#include <vector>

#include "catch.hpp"
#include "quant/codecs.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

/// Every combination of a value of each member, possible or not.
void for_each_combination(const std::function<void(const Scheme&)>& visit) {
    std::vector<Scheme> schemes(1);
    const auto times = [&](const std::vector<std::function<void(Scheme&)>>& settings) {
        std::vector<Scheme> more;
        for (const Scheme& scheme : schemes) {
            for (const auto& set : settings) set(more.emplace_back(scheme));
        }
        schemes = std::move(more);
    };
    const auto nothing = [](Scheme&) {};
    std::vector<std::function<void(Scheme&)>> bits;
    for (std::uint32_t b = 1; b <= 9; ++b) bits.emplace_back([b](Scheme& s) { s.bits = b; });
    times(bits);
    times({nothing, [](Scheme& s) { s.symmetric = true; }});
    times({nothing, [](Scheme& s) { s.granularity = Granularity::kChannel; },
           [](Scheme& s) { s.granularity = Granularity::kGroup; },
           [](Scheme& s) {
               s.granularity = Granularity::kGroup;
               s.group_size = 16;
           },
           [](Scheme& s) { s.group_size = 64; },
           [](Scheme& s) {
               s.granularity = Granularity::kGroup;
               s.group_size = 1024;
           },
           [](Scheme& s) {
               s.granularity = Granularity::kGroup;
               s.group_size = 1025;
           }});
    times({nothing, [](Scheme& s) { s.axis = OutputAxis::k0; },
           [](Scheme& s) { s.axis = OutputAxis::k1; }});
    times({nothing, [](Scheme& s) { s.batch = true; }, [](Scheme& s) { s.row_packing = true; },
           [](Scheme& s) {
               s.batch = true;
               s.row_packing = true;
           }});
    times({nothing, [](Scheme& s) { s.zero_point = ZeroPoint::kInteger; }});
    times({nothing, [](Scheme& s) { s.rounding = Rounding::kTruncate; }});
    const auto percentile = [](std::uint32_t ppm) {
        return [ppm](Scheme& s) {
            s.range = RangeSearch::kPercentile;
            s.percentile_ppm = ppm;
        };
    };
    times({nothing, [](Scheme& s) { s.range = RangeSearch::kMse; }, percentile(999'000),
           percentile(500'001), percentile(990'000), percentile(500'000),
           [](Scheme& s) { s.percentile_ppm = 999'000; }});
    times({nothing, [](Scheme& s) { s.scale_dtype = ScaleDtype::kF16; },
           [](Scheme& s) { s.scale_dtype = ScaleDtype::kBF16; },
           [](Scheme& s) { s.scale_dtype = ScaleDtype::kTwoLevel; }});
    for (const Scheme& scheme : schemes) visit(scheme);
}

TEST_CASE("scheme names of the whole grid parse back to themselves and impossible ones do not") {
    std::set<std::string> names;
    std::size_t possible = 0;
    std::size_t failures = 0;
    for_each_combination([&](const Scheme& scheme) {
        const std::string name = scheme_name(scheme);
        if (scheme_problem(scheme).empty()) {
            ++possible;
            names.insert(name);
            if (parse_scheme(name) != scheme) ++failures;
        } else if (parse_scheme(name) == scheme) {
            ++failures;
        }
    });
    REQUIRE(failures == 0);
    REQUIRE(names.size() == possible);  // no two share a name
    // Bits; per tensor: (symmetric, or affine with either zero point) x (nearest x 5 ranges, or
    // truncated x 4); channels and groups also x 3 axes x 3 dtypes; groups in two levels: symmetric
    // or affine, nearest. Under 8 bits each with row packing, too; and channels and groups with an
    // axis as a batch.
    const std::size_t tensors = 3 * 9;
    const std::size_t axes = 3 * (3 * 9 * 3) + 2 * 2 * 5;
    REQUIRE(possible == 6 * (tensors + 3 * axes + 2 * axes) + 5 * (tensors + 3 * axes));
}

TEST_CASE("scheme names are those of the command line's contract") {
    for (const char* const name :
         {"u8", "u8-trunc", "s8-channel", "s8-channel-axis0", "u4-group32-mse-two",
          "u4-group32-axis1-mse-two", "u2-group1024-axis0-intzp-trunc-pct99.9-f16",
          "s6-group16-pct50.0001-bf16", "u8-pct99.9999", "s8-channel-axis1-batch",
          "u4-group32-axis0-rows-mse-two", "u6-rows-mse"}) {
        CAPTURE(name);
        const auto scheme = parse_scheme(name);
        REQUIRE(scheme);
        REQUIRE(scheme_name(*scheme) == name);
    }
    const Scheme two = *parse_scheme("s4-group32-axis1-two");
    REQUIRE((two.symmetric && two.bits == 4 && two.group_size == 32 && two.axis == OutputAxis::k1));
    REQUIRE(two.scale_dtype == ScaleDtype::kTwoLevel);
    REQUIRE(parse_scheme("u8-pct99.9")->percentile_ppm == 999'000);
}

TEST_CASE("what is not exactly a scheme's name is no scheme") {
    for (const char* const name : {"",
                                   "u",
                                   "u7",
                                   "u9",
                                   "x8",
                                   "U8",
                                   "u8-",
                                   "u8-trunc-",
                                   "keep",
                                   "u8 ",
                                   "u16",
                                   "u8-tensor",
                                   "u8-nearest",
                                   "u8-channel-channel",
                                   "u8-axis0",
                                   "u8-group",
                                   "u8-group15",
                                   "u8-group064",
                                   "u8-group64-axis2",
                                   "u8-trunc-intzp",
                                   "s8-intzp",
                                   "u8-mse-trunc",
                                   "u8-trunc-mse",
                                   "u8-pct",
                                   "u8-pct50",
                                   "u8-pct100",
                                   "u8-pct99.90",
                                   "u8-pct99.",
                                   "u8-pct99.99999",
                                   "u8-pct-1",
                                   "u8-f16",
                                   "u8-two",
                                   "u8-channel-two",
                                   "u8-channel-f32",
                                   "u8-group64-two-f16",
                                   "u8-group99999999999",
                                   "u8-channelaxis0",
                                   "u8-rows",
                                   "u4-batch",
                                   "u8-channel-batch",
                                   "u4-channel-batch-axis0",
                                   "u4-channel-axis0-batch-rows",
                                   "u4-channel-axis0-rows-batch"}) {
        CAPTURE(name);
        REQUIRE_FALSE(parse_scheme(name));
    }
}

TEST_CASE("scheme problems say what is impossible") {
    const auto problem = [](auto set) {
        Scheme scheme;
        set(scheme);
        return scheme_problem(scheme);
    };
    REQUIRE(scheme_problem({}).empty());
    REQUIRE(problem([](Scheme& s) { s.bits = 7; }) == "7 bits are not 2, 3, 4, 5, 6 or 8");
    REQUIRE(problem([](Scheme& s) {
                s.granularity = Granularity::kGroup;
                s.group_size = 8;
            }) == "group size 8 is not from 16 to 1024");
    REQUIRE(problem([](Scheme& s) {
                s.symmetric = true;
                s.zero_point = ZeroPoint::kInteger;
            }) == "a symmetric scheme has no zero point");
}

TEST_CASE("a scheme without a codec is refused before anything runs") {
    REQUIRE(error_of([] { quant::check_has_codec(*parse_scheme("u8-trunc")); }) == "nothing");
    REQUIRE(error_of([] { quant::check_has_codec(*parse_scheme("u8-mse")); }) == "nothing");
    REQUIRE(error_of([] { quant::check_has_codec(*parse_scheme("u4-group32-pct99-two")); }) ==
            "2 the scheme u4-group32-pct99-two: two levels have no percentile ranges; leave one of "
            "the two out");
}

}  // namespace
}  // namespace octet::test
