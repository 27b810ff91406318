// A value is kept as a double with an exponent beside it; ordinary sums have exponent 0 and are
// plain additions.
#include "quant/wide_sum.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace octet::quant {
namespace {

/// Sums of this exponent and below are plain: 2^120 of them do not leave a double's range.
constexpr int kPlainExponent = 900;

/// The place of the highest bit of what is neither 0 nor infinite.
int place_of(const WideSum& sum) {
    return std::ilogb(sum.value) + sum.exponent;
}

bool is_number(const WideSum& sum) {
    return sum.value != 0.0 && std::isfinite(sum.value);
}

/// 1 to 2, with the sum's sign.
double fraction_of(const WideSum& sum) {
    return std::ldexp(sum.value, -std::ilogb(sum.value));
}

/// The square root of value * 2^exponent as a number times 2^exponent.
WideSum root_of(const WideSum& sum) {
    const bool odd = sum.exponent % 2 != 0;
    return WideSum::scaled(std::sqrt(odd ? sum.value * 2 : sum.value),
                           (odd ? sum.exponent - 1 : sum.exponent) / 2);
}

}  // namespace

WideSum WideSum::scaled(double sum, int exponent) noexcept {
    WideSum result(sum);
    if (!is_number(result)) return result;
    const int place = std::ilogb(sum) + exponent;
    if (std::abs(place) <= kPlainExponent) {
        result.value = std::ldexp(sum, exponent);
    } else {
        result.value = std::ldexp(sum, -std::ilogb(sum));
        result.exponent = place;
    }
    return result;
}

WideSum& WideSum::operator+=(const WideSum& other) noexcept {
    if (exponent == 0 && other.exponent == 0) {
        value += other.value;
        return *this;
    }
    if (!is_number(*this) || !is_number(other)) {
        if (value == 0.0 || !std::isfinite(other.value)) *this = other;
        return *this;
    }
    const int unit = std::max(place_of(*this), place_of(other));
    return *this = scaled(
               std::ldexp(value, exponent - unit) + std::ldexp(other.value, other.exponent - unit),
               unit);
}

double WideSum::as_double() const noexcept {
    return exponent == 0 ? value : std::ldexp(value, exponent);
}

WideSum times_square(double number, double factor) noexcept {
    constexpr int kHarmless = 400;
    const int place = number == 0.0 || !std::isfinite(number) ? 0 : std::ilogb(number);
    if (std::abs(place) <= kHarmless) return {number * number * factor};
    const double scaled = std::ldexp(number, -place);
    return WideSum::scaled(scaled * scaled * factor, 2 * place);
}

WideSum times_decibels(const WideSum& sum, double decibels) noexcept {
    const double binary = decibels / 10 * std::log2(10.0);
    const double whole = std::floor(binary);
    return WideSum::scaled(sum.value * std::exp2(binary - whole),
                           sum.exponent + static_cast<int>(whole));
}

bool is_less(const WideSum& a, const WideSum& b) noexcept {
    if ((a.exponent == 0 && b.exponent == 0) || !is_number(a) || !is_number(b))
        return a.value < b.value;
    if (place_of(a) != place_of(b)) return place_of(a) < place_of(b);
    return fraction_of(a) < fraction_of(b);
}

double root_of_mean(const WideSum& sum, double count) noexcept {
    if (sum.exponent == 0) return std::sqrt(sum.value / count);
    return root_of(WideSum::scaled(sum.value / count, sum.exponent)).as_double();
}

double over_roots(const WideSum& a, const WideSum& b, const WideSum& c) noexcept {
    if (a.exponent == 0 && b.exponent == 0 && c.exponent == 0)
        return a.value / (std::sqrt(b.value) * std::sqrt(c.value));
    const WideSum root_b = root_of(b);
    const WideSum root_c = root_of(c);
    if (!is_number(a)) return a.value;
    const double fraction = fraction_of(a) / (fraction_of(root_b) * fraction_of(root_c));
    return WideSum::scaled(fraction, place_of(a) - place_of(root_b) - place_of(root_c)).as_double();
}

double sqnr_db(const WideSum& signal, const WideSum& noise) noexcept {
    if (noise.value == 0.0) return std::numeric_limits<double>::infinity();
    const double ratio = signal.value / noise.value;
    const int exponent = signal.exponent - noise.exponent;
    if (exponent == 0 && (std::isnormal(ratio) || !is_number(signal) || !is_number(noise)))
        return 10.0 * std::log10(ratio);
    if (!is_number(signal) || !is_number(noise)) return 10.0 * std::log10(ratio);
    const double fraction = fraction_of(signal) / fraction_of(noise);
    return 10.0 * (std::log10(fraction) + (place_of(signal) - place_of(noise)) * std::log10(2.0));
}

}  // namespace octet::quant
