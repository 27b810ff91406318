// A tensor of up to 4 million elements is one worker's, who makes all passes over it; larger ones
// are gone over by all workers together, one after the other. Each step of 2^20 elements counts in
// a slot of its own, so that sums do not depend on who made them.
#include "codecs/range_prepass.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "base/checked.hpp"
#include "codecs/block_pass.hpp"
#include "pipeline/workers.hpp"
#include "quant/block_codec.hpp"
#include "quant/distribution.hpp"
#include "quant/order_statistics.hpp"
#include "quant/point_search.hpp"
#include "quant/search_tile.hpp"
#include "quant/values.hpp"

namespace octet::codecs {
namespace {

/// Elements that are looked at together, and those of a step, whose sums are a slot.
constexpr std::uint64_t kTile = 16U << 10U;
constexpr std::uint64_t kStep = 1U << 20U;

/// Stretches of up to this many elements are one worker's; larger ones are shared, one behind the
/// other.
constexpr std::uint64_t kMostAlone = 4U << 20U;

constexpr unsigned kMostWorkers = 16;

/// Tables of counts that a pass may fill.
constexpr std::uint64_t kMostCounts = std::uint64_t{2} * quant::kHalfKeys;

/// Consecutive elements of a tensor that share a state: all of them, or a row.
struct Stretch {
    const BlockTask* task;
    std::uint64_t first;
    std::uint64_t elements;
    quant::BlockState* state;
};

std::uint64_t bytes_of(const Stretch& stretch) {
    return stretch.elements * bytes_each(stretch.task->job.dtype);
}

/// A worker's memory cut up.
struct Room {
    std::byte* raw;
    float* values;
    std::uint8_t* codes;
    std::uint32_t* counts;

    static constexpr std::uint64_t kBytes =
        kTile * (sizeof(double) + sizeof(float) + 1) + kMostCounts * sizeof(std::uint32_t) + 4 * 64;

    explicit Room(Bytes memory)
        : raw(take_memory<std::byte>(memory, kTile * sizeof(double))),
          values(take_memory<float>(memory, kTile)),
          codes(take_memory<std::uint8_t>(memory, kTile)),
          counts(take_memory<std::uint32_t>(memory, kMostCounts)) {}
};

/// Does steps, each with memory of its own, in any order.
using EachStep =
    std::function<void(std::uint64_t, const std::function<void(std::uint64_t, Bytes)>&)>;

class StretchSearch {
  public:
    StretchSearch(const Stretch& stretch, const EachStep& each_step)
        : stretch_(stretch), scheme_(stretch.task->job.scheme), each_step_(each_step) {}

    /// Nothing where a value is not finite.
    std::optional<quant::BlockState> run() const {
        return scheme_.range == RangeSearch::kMse ? least_noise() : percentile();
    }

  private:
    std::uint64_t steps() const { return divide_up(stretch_.elements, kStep); }

    /// Calls visit(step, source bytes, room) for every tile, those of a step in order.
    template <typename Visit>
    void for_each_tile(Visit visit) const {
        const pipeline::Stretch& source = stretch_.task->source;
        const std::uint64_t each = bytes_each(stretch_.task->job.dtype);
        each_step_(steps(), [&](std::uint64_t step, Bytes memory) {
            const Room room(memory);
            const std::uint64_t stop = std::min((step + 1) * kStep, stretch_.elements);
            for (std::uint64_t first = step * kStep; first < stop; first += kTile) {
                const Bytes bytes(room.raw, std::min(kTile, stop - first) * each);
                source.file->read_at(bytes, source.offset + (stretch_.first + first) * each);
                visit(step, bytes, room);
            }
        });
    }

    /// The tile as float32.
    std::span<const float> floats(ConstBytes source, const Room& room) const {
        const std::uint64_t count = source.size() / bytes_each(stretch_.task->job.dtype);
        if (stretch_.task->job.dtype == Dtype::kF32)
            return {reinterpret_cast<const float*>(source.data()), count};
        kernels::Narrowing exact{};
        const std::span<float> values(room.values, count);
        quant::convert_values(stretch_.task->job.dtype, source, Dtype::kF32,
                              std::as_writable_bytes(values), exact);
        return values;
    }

    kernels::Range range() const {
        std::vector<kernels::Range> ranges(steps(), quant::empty_range());
        for_each_tile([&](std::uint64_t step, ConstBytes source, const Room&) {
            quant::add_range(stretch_.task->job.dtype, source, ranges[step]);
        });
        kernels::Range all = quant::empty_range();
        for (const kernels::Range& one : ranges)
            all = {std::min(all.min, one.min), std::max(all.max, one.max),
                   all.finite && one.finite};
        return all;
    }

    /// What add(values, counts) counts in all tiles together.
    template <typename Add>
    std::vector<std::uint64_t> counted(std::uint64_t size, Add add) const {
        std::vector<std::uint64_t> all(size);
        std::mutex mutex;
        std::vector<std::uint64_t> tiles_left(steps());
        for_each_tile([&](std::uint64_t step, ConstBytes source, const Room& room) {
            std::uint64_t& left = tiles_left[step];
            if (left == 0) {
                left = divide_up(std::min(kStep, stretch_.elements - step * kStep), kTile);
                std::fill_n(room.counts, size, 0U);
            }
            add(floats(source, room), room.counts);
            if (--left > 0) return;
            const std::lock_guard lock(mutex);
            for (std::uint64_t i = 0; i < size; ++i) all[i] += room.counts[i];
        });
        return all;
    }

    std::optional<quant::BlockState> percentile() const {
        const quant::PercentilePlaces places = quant::percentile_places(scheme_, stretch_.elements);
        const bool magnitudes = scheme_.symmetric;
        const auto upper =
            counted(quant::kHalfKeys, [&](std::span<const float> values, std::uint32_t* counts) {
                quant::count_upper_halves(values, magnitudes, counts);
            });
        if (quant::has_infinite_keys(upper)) return std::nullopt;
        const quant::HalfKey low = quant::find_half_key(upper, places.low);
        const quant::HalfKey high = quant::find_half_key(upper, places.high);
        const auto lower =
            counted(kMostCounts, [&](std::span<const float> values, std::uint32_t* counts) {
                quant::count_lower_halves(values, magnitudes, low.half, counts);
                quant::count_lower_halves(values, magnitudes, high.half, counts + quant::kHalfKeys);
            });
        const auto value_at = [&](std::uint64_t place, const quant::HalfKey& key,
                                  std::uint64_t table) {
            const auto counts =
                std::span(lower).subspan(table * quant::kHalfKeys, quant::kHalfKeys);
            return quant::value_of_key(key.half,
                                       quant::find_half_key(counts, place - key.before).half);
        };
        return quant::block_state(scheme_,
                                  quant::percentile_range(scheme_, value_at(places.low, low, 0),
                                                          value_at(places.high, high, 1)));
    }

    std::optional<quant::BlockState> least_noise() const {
        const kernels::Range whole = range();
        if (!whole.finite) return std::nullopt;
        const quant::BlockState plain = quant::block_state(scheme_, whole);
        if (!quant::is_worth_a_search(plain, whole)) return plain;
        return better(whole, plain, search_bins(whole, quant::window_of(whole.min, whole.max)));
    }

    quant::BlockState search_bins(const kernels::Range& whole, const quant::Window& window) const {
        quant::Distribution values(
            window, counted(quant::kBins, [&](std::span<const float> tile, std::uint32_t* counts) {
                quant::count_values(tile, window, counts);
            }));
        const quant::SearchedState found = quant::search_state(scheme_, values, whole);
        if (!values.is_coarse_for(found.state)) return found.state;
        const quant::Zoom zoom = values.zoom_around(found.range);
        if (!std::isnormal(zoom.inner.factor)) return found.state;
        values.refine(
            zoom, counted(quant::kBins, [&](std::span<const float> tile, std::uint32_t* counts) {
                quant::count_values(tile, window, zoom, counts);
            }));
        return quant::search_state(scheme_, values, found.range).state;
    }

    /// The one of two states with the smaller sum of squared errors, as quantizing counts it; the
    /// first where they are equal.
    quant::BlockState better(const kernels::Range& whole, const quant::BlockState& first,
                             const quant::BlockState& second) const {
        std::vector<quant::ErrorSums> sums(2 * steps());
        for_each_tile([&](std::uint64_t step, ConstBytes source, const Room& room) {
            const std::span<const float> values = floats(source, room);
            quant::Tile tile = {1, values.size(), values.data(), nullptr};
            if (stretch_.task->job.dtype == Dtype::kF64) tile.exact = source.data();
            const quant::BlockState states[] = {first, second};
            for (std::uint64_t i = 0; i < 2; ++i)
                sums[2 * step + i].merge(
                    quant::sums_under(scheme_, tile, whole, states[i], room.codes));
        });
        quant::ErrorSums all[2];
        for (std::size_t i = 0; i < sums.size(); ++i) all[i % 2].merge(sums[i]);
        return quant::is_less(all[1].noise, all[0].noise) ? second : first;
    }

    const Stretch& stretch_;
    const Scheme& scheme_;
    const EachStep& each_step_;
};

/// Progress of a part of a run that goes through `first` bytes before all its `total` bytes:
/// `before` bytes are through. What is told stays within the total.
Progress share_of(const Progress& progress, std::uint64_t before, std::uint64_t first,
                  std::uint64_t total) {
    if (!progress) return {};
    return [&progress, before, first, total](std::uint64_t done, std::uint64_t) {
        const double part = static_cast<double>(before + done) / static_cast<double>(first + total);
        progress(static_cast<std::uint64_t>(part * static_cast<double>(total)), total);
    };
}

}  // namespace

Progress find_states(const std::vector<BlockTask*>& tasks, std::uint64_t total_bytes,
                     const WriteOptions& options) {
    std::vector<std::vector<quant::BlockState>> states(tasks.size());
    std::vector<Stretch> all;
    for (std::size_t i = 0; i < tasks.size(); ++i) {
        const QuantizeJob& job = tasks[i]->job;
        const quant::BlockGrid grid =
            quant::grid_of(job.scheme, quant::matrix_of(job.scheme, job.shape));
        states[i].resize(grid.count());
        const std::uint64_t each =
            tasks[i]->source.byte_count / bytes_each(job.dtype) / states[i].size();
        for (std::size_t k = 0; k < states[i].size(); ++k)
            all.push_back({tasks[i], k * each, each, &states[i][k]});
    }
    if (all.empty()) return options.progress;
    std::uint64_t bytes = 0;
    for (const Stretch& stretch : all) bytes += bytes_of(stretch);
    const Progress share = share_of(options.progress, 0, bytes, total_bytes);
    pipeline::ProgressMeter progress(share, bytes);
    const auto large = std::stable_partition(all.begin(), all.end(), [](const Stretch& stretch) {
        return stretch.elements <= kMostAlone;
    });
    const unsigned count = std::min(pipeline::worker_count(options.threads), kMostWorkers);
    pipeline::Workers workers(count, options.stop_requested, count * Room::kBytes);
    const auto find = [&](const Stretch& stretch, const EachStep& each_step) {
        *stretch.state = StretchSearch(stretch, each_step).run().value_or(quant::BlockState{});
        progress.add(bytes_of(stretch));
    };
    workers.run(static_cast<std::uint64_t>(large - all.begin()),
                [&](std::uint64_t number, Bytes memory) {
                    find(all[number], [&](std::uint64_t steps, const auto& do_step) {
                        for (std::uint64_t step = 0; step < steps; ++step) do_step(step, memory);
                    });
                });
    for (auto stretch = large; stretch != all.end(); ++stretch)
        find(*stretch,
             [&](std::uint64_t steps, const auto& do_step) { workers.run(steps, do_step); });
    for (std::size_t i = 0; i < tasks.size(); ++i) tasks[i]->take_states(std::move(states[i]));
    return share_of(options.progress, bytes, bytes, total_bytes);
}

}  // namespace octet::codecs
