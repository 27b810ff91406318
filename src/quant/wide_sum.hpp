// A sum of products whose exponent is wider than a double's: squares of float64 numbers reach from
// 2^-2148 to 2^2048, so that a plain sum of them vanishes or overflows though its root, a tensor's
// error, is an ordinary number. Sums that lie well inside a double's range are that double, added
// as doubles are: nothing about them differs from plain arithmetic. Pure functions.
#pragma once

namespace octet::quant {

/// value * 2^exponent. The exponent is 0 wherever a double has room to spare, and then the value is
/// the sum.
struct WideSum {
    double value = 0;
    int exponent = 0;

    constexpr WideSum() = default;
    constexpr WideSum(double sum) : value(sum) {}  // NOLINT: a double is such a sum

    /// sum * 2^exponent.
    static WideSum scaled(double sum, int exponent) noexcept;

    WideSum& operator+=(const WideSum& other) noexcept;

    /// 0 or infinity where a double cannot hold it.
    double as_double() const noexcept;

    friend bool operator==(const WideSum&, const WideSum&) = default;
};

/// factor * number^2, multiplied from the left.
WideSum times_square(double number, double factor) noexcept;

/// sum * 10^(decibels / 10).
WideSum times_decibels(const WideSum& sum, double decibels) noexcept;

/// a < b, of sums that are not negative.
bool is_less(const WideSum& a, const WideSum& b) noexcept;

/// sqrt(sum / count).
double root_of_mean(const WideSum& sum, double count) noexcept;

/// a / (sqrt(b) sqrt(c)), b and c above 0.
double over_roots(const WideSum& a, const WideSum& b, const WideSum& c) noexcept;

/// 10 log10(signal / noise): +inf without noise, -inf with noise and no signal; not rounded.
double sqnr_db(const WideSum& signal, const WideSum& noise) noexcept;

}  // namespace octet::quant
