// Bins lie evenly in a window of the values; one part of it can be refined by another pass. Sums of
// counts, values and squares before each point make the loss under a state a few look-ups for each
// code.
#include "quant/distribution.hpp"

#include <algorithm>
#include <cmath>

#include "quant/active_kernels.hpp"

namespace octet::quant {
namespace {

/// Values whose bins are found before any is counted: the first loop is arithmetic alone, which
/// compilers make wide.
constexpr std::size_t kAtOnce = 1024;

constexpr double kMostBin = static_cast<double>(kBins);

double wide(float value) {
    return static_cast<double>(value);
}

/// How the codes stand for values; integer zero points move the codes instead of the values.
kernels::PointFit fit_of(const Scheme& scheme, const BlockState& state) {
    const float largest = largest_code(scheme);
    if (scheme.symmetric) return {state.scale, 0.0F, -largest, largest};
    if (scheme.zero_point == ZeroPoint::kInteger)
        return {state.scale, 0.0F, -state.zero_point, largest - state.zero_point};
    return {state.scale, state.zero_point, 0.0F, largest};
}

/// Bins of up to kAtOnce values. What lies below the window gets bin 0, what lies above the last.
void find_bins(const float* values, std::size_t count, const Window& window, std::int32_t* bins) {
    constexpr float kLast = static_cast<float>(kBins - 1);
    for (std::size_t i = 0; i < count; ++i) {
        const float at = (values[i] - window.low) * window.factor;
        const float above = at > 0.0F ? at : 0.0F;
        bins[i] = static_cast<std::int32_t>(above < kLast ? above : kLast);
    }
}

}  // namespace

Window window_of(float low, float high) noexcept {
    const float span = high - low;
    return {low, std::isinf(span) ? 0.0F : static_cast<float>(kBins) / span};
}

void count_values(std::span<const float> values, const Window& window,
                  std::uint32_t* counts) noexcept {
    std::int32_t bins[kAtOnce];
    for (std::size_t first = 0; first < values.size(); first += kAtOnce) {
        const std::size_t count = std::min(kAtOnce, values.size() - first);
        find_bins(values.data() + first, count, window, bins);
        for (std::size_t i = 0; i < count; ++i) ++counts[bins[i]];
    }
}

void count_values(std::span<const float> values, const Window& outer, const Zoom& zoom,
                  std::uint32_t* counts) noexcept {
    std::int32_t bins[kAtOnce];
    std::int32_t inner[kAtOnce];
    for (std::size_t first = 0; first < values.size(); first += kAtOnce) {
        const std::size_t count = std::min(kAtOnce, values.size() - first);
        find_bins(values.data() + first, count, outer, bins);
        find_bins(values.data() + first, count, zoom.inner, inner);
        for (std::size_t i = 0; i < count; ++i) {
            const auto bin = static_cast<std::uint32_t>(bins[i]);
            counts[inner[i]] += bin >= zoom.first && bin < zoom.last ? 1U : 0U;
        }
    }
}

Distribution::Distribution(std::span<const float> sorted) {
    // From the middle on, squares are small where the values are far from 0 and near each other.
    if (!sorted.empty()) origin_ = wide(sorted[sorted.size() / 2]);
    if (sorted.size() <= kFewPoints) few_.assign(sorted.begin(), sorted.end());
    values_.reserve(sorted.size());
    before_.reserve(sorted.size() + 1);
    before_.emplace_back();
    for (const float value : sorted) {
        values_.push_back(wide(value));
        add_point(wide(value), 1.0);
    }
}

Distribution::Distribution(const Window& window, std::span<const std::uint64_t> counts)
    : window_(window), counts_(counts.begin(), counts.end()) {
    origin_ = wide(window.low) + kMostBin / 2 / wide(window.factor);
    before_.emplace_back();
    for (std::size_t i = 0; i < counts_.size(); ++i)
        add_point(value_of(i), static_cast<double>(counts_[i]));
}

void Distribution::refine(const Zoom& zoom, std::span<const std::uint64_t> counts) {
    before_.resize(zoom.first + 1);
    zoom_ = zoom;
    for (const std::uint64_t count : counts)
        add_point(value_of(before_.size() - 1), static_cast<double>(count));
    for (std::size_t i = zoom.last; i < counts_.size(); ++i)
        add_point(value_of(before_.size() - 1), static_cast<double>(counts_[i]));
}

void Distribution::add_point(double value, double count) {
    const Sums& last = before_.back();
    const double from = value - origin_;
    before_.push_back(
        {last.count + count, last.value + count * from, last.square + count * (from * from)});
}

/// Bins whose middle lies below.
std::size_t Distribution::bin_of(const Window& window, double boundary) const noexcept {
    const double at = (boundary - wide(window.low)) * wide(window.factor) + 0.5;
    return static_cast<std::size_t>(std::clamp(at, 0.0, kMostBin));
}

/// Points below, of which there are at least `least`.
std::size_t Distribution::index_of(double boundary, std::size_t least) const noexcept {
    if (!values_.empty()) {
        std::size_t reach = 1;
        while (least + reach < values_.size() && values_[least + reach] < boundary) reach *= 2;
        const auto from = values_.begin() + static_cast<std::ptrdiff_t>(least + reach / 2);
        const auto to =
            values_.begin() + static_cast<std::ptrdiff_t>(std::min(least + reach, values_.size()));
        return static_cast<std::size_t>(std::lower_bound(from, to, boundary) - values_.begin());
    }
    const std::size_t bin = bin_of(window_, boundary);
    if (zoom_.last == 0 || bin < zoom_.first) return bin;
    if (bin > zoom_.last) return bin - (zoom_.last - zoom_.first) + kBins;
    return zoom_.first + bin_of(zoom_.inner, boundary);
}

/// Calls visit(code, what it stands for, sums over its values) for every code that has any: the
/// code as it is multiplied, and values counted from the origin.
template <typename Visit>
void Distribution::for_each_code(const Scheme& scheme, const BlockState& state, Visit visit) const {
    const auto [scale, zero_point, first, last] = fit_of(scheme, state);
    std::size_t begin = 0;
    for (float code = first; code <= last && begin + 1 < before_.size(); code += 1.0F) {
        const std::size_t end =
            code < last
                ? std::max(begin,
                           index_of((wide(code) + 0.5) * wide(scale) + wide(zero_point), begin))
                : before_.size() - 1;
        if (end == begin) continue;
        const Sums& a = before_[begin];
        const Sums& b = before_[end];
        const float product = code * scale;
        const float restored = product + zero_point;
        visit(wide(code), wide(restored) - origin_,
              Sums{b.count - a.count, b.value - a.value, b.square - a.square});
        begin = end;
    }
}

double Distribution::noise_of(const Scheme& scheme, const BlockState& state) const {
    if (!few_.empty()) {
        const double step = wide(state.scale);
        return active_kernels().noise_of_points(few_.data(), few_.size(), fit_of(scheme, state)) *
               (step * step);
    }
    double noise = 0;
    for_each_code(scheme, state, [&](double, double restored, const Sums& sums) {
        noise += sums.square - restored * (2 * sums.value - restored * sums.count);
    });
    return noise;
}

kernels::Range Distribution::fitted(const Scheme& scheme, const BlockState& state) const {
    double code_sum = 0;
    double code_code = 0;
    double code_value = 0;
    for_each_code(scheme, state, [&](double code, double, const Sums& sums) {
        code_sum += code * sums.count;
        code_code += code * code * sums.count;
        code_value += code * sums.value;
    });
    const Sums& all = before_.back();
    const double largest = wide(largest_code(scheme));
    if (scheme.symmetric || scheme.zero_point == ZeroPoint::kInteger) {
        const double scale =
            code_code > 0 ? (code_value + origin_ * code_sum) / code_code : wide(state.scale);
        const double low = scheme.symmetric ? -largest * scale : -wide(state.zero_point) * scale;
        return {static_cast<float>(low),
                static_cast<float>(low + (scheme.symmetric ? 2 : 1) * largest * scale), true};
    }
    const double determinant = all.count * code_code - code_sum * code_sum;
    if (!(determinant > 0))
        return {state.zero_point, state.zero_point + largest_code(scheme) * state.scale, true};
    const double scale = (all.count * code_value - code_sum * all.value) / determinant;
    const double low = (all.value - scale * code_sum) / all.count + origin_;
    return {static_cast<float>(low), static_cast<float>(low + largest * scale), true};
}

/// Of a point: where its bin has its middle.
double Distribution::value_of(std::size_t point) const noexcept {
    const auto middle_of = [](const Window& window, std::size_t bin) {
        return wide(window.low) + (static_cast<double>(bin) + 0.5) / wide(window.factor);
    };
    if (!values_.empty()) return values_[point];
    if (zoom_.last == 0 || point < zoom_.first) return middle_of(window_, point);
    if (point < zoom_.first + kBins) return middle_of(zoom_.inner, point - zoom_.first);
    return middle_of(window_, point - kBins + (zoom_.last - zoom_.first));
}

double Distribution::middle() const noexcept {
    const double half = before_.back().count / 2;
    const auto after =
        std::lower_bound(before_.begin() + 1, before_.end() - 1, half,
                         [](const Sums& sums, double count) { return sums.count < count; });
    return value_of(static_cast<std::size_t>(after - before_.begin()) - 1);
}

bool Distribution::is_coarse_for(const BlockState& state) const noexcept {
    constexpr double kLeastBins = 16;
    return values_.empty() && wide(state.scale) * wide(window_.factor) < kLeastBins;
}

Zoom Distribution::zoom_around(const kernels::Range& range) const noexcept {
    // A quarter of the range more on both sides, and a bin or two: the coarse bins say no better
    // where it ends.
    const double margin = (wide(range.max) - wide(range.min)) / 4 + 2 / wide(window_.factor);
    Zoom zoom;
    zoom.first = static_cast<std::uint32_t>(
        std::min<std::size_t>(bin_of(window_, wide(range.min) - margin), kBins - 1));
    zoom.last = static_cast<std::uint32_t>(
        std::max<std::size_t>(bin_of(window_, wide(range.max) + margin), zoom.first + 1));
    const float each = 1.0F / window_.factor;
    const float low = window_.low + static_cast<float>(zoom.first) * each;
    zoom.inner = window_of(low, window_.low + static_cast<float>(zoom.last) * each);
    return zoom;
}

}  // namespace octet::quant
