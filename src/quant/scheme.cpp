// A scheme's name is parsed part by part in its one order, so that every scheme has exactly one
// name. What is impossible is said by the first rule that it breaks.
#include "octet/scheme.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

namespace octet {
namespace {

static_assert(sizeof(Scheme) == 24,
              "a report of a hundred thousand tensors has as many: order members by size");

constexpr std::uint32_t kPpm = 1'000'000;
constexpr std::uint32_t kPpmOfOne = 10'000;  // of one percent

bool is_bit_count(std::uint32_t bits) {
    static constexpr std::array<std::uint32_t, 6> kBitCounts = {2, 3, 4, 5, 6, 8};
    return std::find(kBitCounts.begin(), kBitCounts.end(), bits) != kBitCounts.end();
}

/// "99.9" of 999,000.
std::string percentile_text(std::uint32_t ppm) {
    std::string text = fmt::format("{}.{:04}", ppm / kPpmOfOne, ppm % kPpmOfOne);
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
    return text;
}

std::optional<std::uint32_t> parse_digits(std::string_view text) {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

/// Takes the next part of `rest`, up to a '-' or the end, if it is `part`.
bool take(std::string_view& rest, std::string_view part) {
    if (!rest.starts_with(part)) return false;
    if (rest.size() > part.size() && rest[part.size()] != '-') return false;
    rest.remove_prefix(part.size());
    return true;
}

/// Takes a part that is `word` and something more, which is returned.
std::optional<std::string_view> take_with(std::string_view& rest, std::string_view word) {
    if (!rest.starts_with(word)) return std::nullopt;
    const std::string_view value =
        rest.substr(word.size(), rest.find('-', word.size()) - word.size());
    rest.remove_prefix(word.size() + value.size());
    return value;
}

/// The parts as they come; what is missing, repeated or out of order is left over in `rest`.
Scheme parse_parts(std::string_view& rest) {
    Scheme s;
    if (rest.size() < 2) return s;
    s.symmetric = rest[0] == 's';
    s.bits = static_cast<std::uint32_t>(rest[1] - '0');
    rest.remove_prefix(2);
    if (take(rest, "-channel")) {
        s.granularity = Granularity::kChannel;
    } else if (const auto size = take_with(rest, "-group")) {
        s.granularity = Granularity::kGroup;
        s.group_size = parse_digits(*size).value_or(0);
    }
    if (take(rest, "-axis0")) s.axis = OutputAxis::k0;
    if (s.axis == OutputAxis::kAuto && take(rest, "-axis1")) s.axis = OutputAxis::k1;
    if (take(rest, "-batch")) s.batch = true;
    if (take(rest, "-rows")) s.row_packing = true;
    if (take(rest, "-intzp")) s.zero_point = ZeroPoint::kInteger;
    if (take(rest, "-trunc")) s.rounding = Rounding::kTruncate;
    if (take(rest, "-mse")) {
        s.range = RangeSearch::kMse;
    } else if (const auto percentile = take_with(rest, "-pct")) {
        s.range = RangeSearch::kPercentile;
        s.percentile_ppm = parse_percentile(*percentile).value_or(0);
    }
    if (take(rest, "-f16")) {
        s.scale_dtype = ScaleDtype::kF16;
    } else if (take(rest, "-bf16")) {
        s.scale_dtype = ScaleDtype::kBF16;
    } else if (take(rest, "-two")) {
        s.scale_dtype = ScaleDtype::kTwoLevel;
    }
    return s;
}

std::string granularity_problem(const Scheme& s) {
    const bool groups = s.granularity == Granularity::kGroup;
    if (groups && (s.group_size < kLeastGroupSize || s.group_size > kMostGroupSize))
        return fmt::format("group size {} is not from {} to {}", s.group_size, kLeastGroupSize,
                           kMostGroupSize);
    if (!groups && s.group_size != 0) return "a group size without groups";
    if (s.granularity != Granularity::kTensor) return "";
    if (s.axis != OutputAxis::kAuto) return "an axis without channels or groups";
    if (s.scale_dtype == ScaleDtype::kF16 || s.scale_dtype == ScaleDtype::kBF16)
        return "a 16-bit scale without channels or groups; one scale for a tensor is in the "
               "sidecar";
    return "";
}

/// Of the matrices that a tensor is seen as, and of their rows.
std::string matrix_problem(const Scheme& s) {
    if (s.batch && s.axis == OutputAxis::kAuto) return "a batch without its axis";
    if (s.row_packing && s.batch)
        return "row packing of a batch, whose rows are packed without being asked";
    if (s.row_packing && s.bits == kCodeBits) return "row packing of 8 bits, which are not packed";
    return "";
}

}  // namespace

std::string scheme_problem(const Scheme& s) {
    if (!is_bit_count(s.bits)) return fmt::format("{} bits are not 2, 3, 4, 5, 6 or 8", s.bits);
    if (const std::string problem = granularity_problem(s); !problem.empty()) return problem;
    if (const std::string problem = matrix_problem(s); !problem.empty()) return problem;
    const bool two_level = s.scale_dtype == ScaleDtype::kTwoLevel;
    if (s.zero_point == ZeroPoint::kInteger && s.symmetric)
        return "a symmetric scheme has no zero point";
    if (s.zero_point == ZeroPoint::kInteger && two_level)
        return "two levels have no integer zero points";
    if (two_level && s.granularity != Granularity::kGroup) return "two levels need groups";
    if (s.rounding == Rounding::kTruncate && s.range == RangeSearch::kMse)
        return "mse searches for nearest codes";
    if (s.rounding == Rounding::kTruncate && two_level) return "two levels have nearest codes only";
    const bool percentile = s.range == RangeSearch::kPercentile;
    if (percentile && (s.percentile_ppm <= kPpm / 2 || s.percentile_ppm >= kPpm))
        return "a percentile is above 50 and below 100, with at most four decimal places";
    if (!percentile && s.percentile_ppm != 0) return "a percentile without its range";
    return "";
}

std::string scheme_name(const Scheme& s) {
    std::string name = fmt::format("{}{}", s.symmetric ? 's' : 'u', s.bits);
    if (s.granularity == Granularity::kChannel) name += "-channel";
    if (s.granularity == Granularity::kGroup) name += fmt::format("-group{}", s.group_size);
    if (s.axis != OutputAxis::kAuto) name += s.axis == OutputAxis::k0 ? "-axis0" : "-axis1";
    if (s.batch) name += "-batch";
    if (s.row_packing) name += "-rows";
    if (s.zero_point == ZeroPoint::kInteger) name += "-intzp";
    if (s.rounding == Rounding::kTruncate) name += "-trunc";
    if (s.range == RangeSearch::kMse) name += "-mse";
    if (s.range == RangeSearch::kPercentile) name += "-pct" + percentile_text(s.percentile_ppm);
    static constexpr std::array<std::string_view, 4> kScaleDtypes = {"", "-f16", "-bf16", "-two"};
    name += kScaleDtypes[static_cast<std::size_t>(s.scale_dtype)];
    return name;
}

std::optional<Scheme> parse_scheme(std::string_view name) {
    std::string_view rest = name;
    const Scheme scheme = parse_parts(rest);
    if (!rest.empty() || !scheme_problem(scheme).empty() || scheme_name(scheme) != name)
        return std::nullopt;
    return scheme;
}

std::optional<std::uint32_t> parse_percentile(std::string_view text) {
    const std::size_t point = text.find('.');
    const std::string_view decimals = point == text.npos ? "" : text.substr(point + 1);
    if (decimals.size() > 4 || (point != text.npos && decimals.empty())) return std::nullopt;
    const auto whole = parse_digits(text.substr(0, point));
    const auto part = parse_digits(
        decimals.empty() ? "0" : std::string(decimals) + std::string(4 - decimals.size(), '0'));
    if (!whole || !part || *whole < 50 || *whole >= 100) return std::nullopt;
    const std::uint32_t ppm = *whole * kPpmOfOne + *part;
    return ppm > kPpm / 2 ? std::optional(ppm) : std::nullopt;
}

}  // namespace octet
