// The first pass finds extremes, mean and deviation (each run by itself, then merged by the
// formulas of Chan, Golub and LeVeque); the second one, which needs those, counts.
#include "codecs/value_figures.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace octet::codecs {
namespace {

/// Elements at a time where the source does not ask for more, and the most.
constexpr std::uint64_t kRunElements = 32U << 10U;
constexpr std::uint64_t kMostRun = 256U << 10U;

constexpr std::size_t kParts = 64;
constexpr double kOutlierStds = 4;

/// A run of elements in memory, and the buffers that it is read into.
class Runs {
  public:
    explicit Runs(const Measured& measured) : m_(measured) {
        const std::uint64_t good =
            std::max(m_.values->good_run(m_.tensor),
                     m_.restored ? m_.restored->good_run(m_.restored_tensor) : 1);
        size_ = std::min(std::max(good, kRunElements), kMostRun);
        size_ = std::min(size_, std::max<std::uint64_t>(m_.selection.count, 1));
        scratch_.resize(size_ * formats::FloatSource::kScratchBytes + 64);
        values_.resize(size_);
        if (m_.restored) restored_.resize(size_);
    }

    /// Calls `take(values)` for each run, in order; `check` before it.
    template <typename Check, typename Take>
    void visit(Check&& check, Take&& take) {
        for (std::uint64_t done = 0; done < m_.selection.count; done += size_) {
            check(done);
            at_ = m_.selection.first + done;
            count_ = std::min(size_, m_.selection.count - done);
            read(*m_.values, m_.tensor, std::span(values_).first(count_));
            take(std::span<const double>(values_).first(count_));
        }
    }

    /// What is held against the run.
    std::span<const double> restored() {
        read(*m_.restored, m_.restored_tensor, std::span(restored_).first(count_));
        return std::span(restored_).first(count_);
    }

    std::span<const formats::CodedElement> codes() {
        codes_.resize(size_);
        m_.restored->read_codes(m_.restored_tensor, at_, std::span(codes_).first(count_), scratch_);
        return std::span(codes_).first(count_);
    }

  private:
    void read(const formats::FloatSource& source, std::size_t tensor, std::span<double> values) {
        if (is_quantizable(source.tensors()[tensor].dtype))
            return source.read(tensor, at_, values, scratch_);
        integers_.resize(size_);
        const std::span<std::int64_t> integers = std::span(integers_).first(values.size());
        read_integers(source, tensor, at_, integers, scratch_);
        const bool is_unsigned = source.tensors()[tensor].dtype == Dtype::kU64;
        for (std::size_t i = 0; i < values.size(); ++i)
            values[i] = is_unsigned ? static_cast<double>(static_cast<std::uint64_t>(integers[i]))
                                    : static_cast<double>(integers[i]);
    }

    const Measured& m_;
    std::uint64_t size_ = 0;
    std::uint64_t at_ = 0;
    std::uint64_t count_ = 0;
    std::vector<std::byte> scratch_;
    std::vector<double> values_;
    std::vector<double> restored_;
    std::vector<std::int64_t> integers_;
    std::vector<formats::CodedElement> codes_;
};

/// Count, mean and sum of squared distances from it.
struct Moments {
    std::uint64_t count = 0;
    double mean = 0;
    double squares = 0;

    void add(std::span<const double> values) {
        Moments run;
        double sum = 0;
        for (const double x : values) {
            if (!std::isfinite(x)) continue;
            ++run.count;
            sum += x;
        }
        if (run.count == 0) return;
        run.mean = sum / static_cast<double>(run.count);
        for (const double x : values) {
            if (std::isfinite(x)) run.squares += (x - run.mean) * (x - run.mean);
        }
        merge(run);
    }

    void merge(const Moments& other) {
        const auto a = static_cast<double>(count);
        const auto b = static_cast<double>(other.count);
        const double distance = other.mean - mean;
        squares += other.squares + distance * distance * (a * b / (a + b));
        mean += distance * (b / (a + b));
        count += other.count;
    }
};

void add_extremes(std::span<const double> values, ValueFigures& figures) {
    for (const double x : values) {
        if (!std::isfinite(x)) {
            ++figures.non_finite;
            continue;
        }
        figures.min = std::min(figures.min, x);
        figures.max = std::max(figures.max, x);
        if (x == 0.0) ++figures.zeros;
    }
}

void add_to(ShownHistogram& histogram, double x) {
    if (!std::isfinite(x)) return;
    if (x < histogram.low || x > histogram.high) {
        ++histogram.outside;
        return;
    }
    const double width = histogram.high - histogram.low;
    const double part = width > 0 ? (x - histogram.low) / width * static_cast<double>(kParts) : 0.0;
    ++histogram.counts[std::min(static_cast<std::size_t>(part), kParts - 1)];
}

/// Sums of squared values and errors.
struct ErrorSums {
    double signal = 0;
    double noise = 0;
    double most = 0;

    void add(std::span<const double> values, std::span<const double> restored) {
        for (std::size_t i = 0; i < values.size(); ++i) {
            const double error = values[i] - restored[i];
            if (!std::isfinite(error)) continue;
            signal += values[i] * values[i];
            noise += error * error;
            most = std::max(most, std::fabs(error));
        }
    }

    ShownError result(std::uint64_t count) const {
        const double infinity = std::numeric_limits<double>::infinity();
        return {most, count == 0 ? 0.0 : std::sqrt(noise / static_cast<double>(count)),
                noise > 0 ? 10 * std::log10(signal / noise) : infinity};
    }
};

void add_scaled_errors(std::span<const double> values, std::span<const double> restored,
                       std::span<const formats::CodedElement> codes, ShownHistogram& histogram) {
    for (std::size_t i = 0; i < values.size(); ++i) {
        const double error = values[i] - restored[i];
        const auto scale = static_cast<double>(codes[i].scale);
        add_to(histogram, error == 0.0 ? 0.0 : error / scale);
    }
}

}  // namespace

Measurements measure_values(const Measured& measured,
                            const std::function<void(std::uint64_t, std::uint64_t)>& check) {
    Measurements result;
    ValueFigures& figures = result.figures;
    const std::uint64_t count = figures.count = measured.selection.count;
    Runs runs(measured);
    Moments moments;
    figures.min = std::numeric_limits<double>::infinity();
    figures.max = -figures.min;
    runs.visit([&](std::uint64_t done) { check(done, 2 * count); },
               [&](std::span<const double> values) {
                   add_extremes(values, figures);
                   moments.add(values);
               });
    if (moments.count == 0) figures.min = figures.max = 0;
    figures.mean = moments.mean;
    if (moments.count > 1)
        figures.std = std::sqrt(moments.squares / static_cast<double>(moments.count - 1));
    result.histogram = {figures.min, figures.max, std::vector<std::uint64_t>(kParts), 0};
    const bool has_scale =
        measured.restored && measured.restored->tensors()[measured.restored_tensor].scheme;
    if (has_scale) result.error_histogram = {-1, 1, std::vector<std::uint64_t>(kParts), 0};
    ErrorSums errors;
    runs.visit([&](std::uint64_t done) { check(count + done, 2 * count); },
               [&](std::span<const double> values) {
                   for (const double x : values) {
                       add_to(result.histogram, x);
                       const bool is_far = std::fabs(x - figures.mean) > kOutlierStds * figures.std;
                       if (std::isfinite(x) && is_far) ++figures.outliers;
                   }
                   if (!measured.restored) return;
                   const std::span<const double> restored = runs.restored();
                   errors.add(values, restored);
                   if (has_scale)
                       add_scaled_errors(values, restored, runs.codes(), *result.error_histogram);
               });
    if (measured.restored) result.error = errors.result(moments.count);
    return result;
}

}  // namespace octet::codecs
