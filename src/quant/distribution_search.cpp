// The search over a distribution: pairs of ends, each measured through the state that it would
// store.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "quant/distribution.hpp"

namespace octet::quant {
namespace {

/// How much of each end's distance from the middle a first guess keeps.
constexpr std::array<double, 18> kParts = {1,    0.9,  0.8,  0.7,  0.61, 0.53, 0.46, 0.39, 0.33,
                                           0.27, 0.21, 0.16, 0.11, 0.07, 0.04, 0.02, 0.01, 0.003};

/// Guesses that go on: there may be a best range for each of a few values far out.
constexpr std::size_t kStarts = 4;

/// Steps of ends: from a fourth of the range, halved so often.
constexpr int kHalvings = 10;
constexpr int kMovesEach = 6;
constexpr int kFits = 4;

struct Ends {
    double low;
    double high;
};

/// A range, the state that it gives, and what is lost with that.
struct Candidate {
    Ends ends{0, 0};
    BlockState state;
    double noise = std::numeric_limits<double>::infinity();
};

class Search {
  public:
    Search(const Scheme& scheme, const Distribution& values) : scheme_(scheme), values_(values) {}

    /// From pairs of parts of both sides to a range near each of the best of them. The first one
    /// wins among equals.
    Candidate run(const kernels::Range& from) const {
        const std::vector<Candidate> grid = guesses(from);
        std::vector<Candidate> starts;
        for (std::size_t i = 0; i < grid.size(); ++i) {
            if (is_lowest(grid, i)) starts.push_back(grid[i]);
        }
        std::stable_sort(starts.begin(), starts.end(),
                         [](const Candidate& a, const Candidate& b) { return a.noise < b.noise; });
        starts.resize(std::min(kStarts, starts.size()));
        Candidate best;
        for (Candidate& start : starts) {
            descend(start);
            fit(start);
            if (start.noise < best.noise) best = start;
        }
        return best;
    }

  private:
    /// A square of them, parts of the lower side down and of the upper side across; of symmetric
    /// schemes those with equal parts only.
    std::vector<Candidate> guesses(const kernels::Range& from) const {
        const double low = static_cast<double>(from.min);
        const double high = static_cast<double>(from.max);
        const double middle = values_.middle();
        const double magnitude = std::max(std::fabs(low), std::fabs(high));
        std::vector<Candidate> grid;
        for (const double below : kParts) {
            for (const double above : kParts) {
                Candidate& one = grid.emplace_back();
                if (!scheme_.symmetric) {
                    offer({middle + (low - middle) * below, middle + (high - middle) * above}, one);
                } else if (below == above) {
                    offer({-magnitude * above, magnitude * above}, one);
                }
            }
        }
        return grid;
    }

    /// None of its neighbours is better.
    static bool is_lowest(const std::vector<Candidate>& grid, std::size_t number) {
        constexpr int kSide = static_cast<int>(kParts.size());
        const auto noise_at = [&](int row, int column) {
            const bool inside = row >= 0 && row < kSide && column >= 0 && column < kSide;
            return inside ? grid[static_cast<std::size_t>(row * kSide + column)].noise
                          : std::numeric_limits<double>::infinity();
        };
        const int row = static_cast<int>(number) / kSide;
        const int column = static_cast<int>(number) % kSide;
        const double noise = grid[number].noise;
        if (std::isinf(noise)) return false;
        for (int down = -1; down <= 1; ++down) {
            for (int across = -1; across <= 1; ++across) {
                if (noise_at(row + down, column + across) < noise) return false;
            }
        }
        return true;
    }

    /// Moves the ends, alone and together, in ever smaller steps.
    void descend(Candidate& best) const {
        double step = (best.ends.high - best.ends.low) / 4;
        for (int halving = 0; halving < kHalvings; ++halving, step /= 2) {
            for (int move = 0; move < kMovesEach && moved(step, best); ++move) continue;
        }
    }

    /// Least squares from the best.
    void fit(Candidate& best) const {
        for (int i = 0; i < kFits; ++i) {
            const kernels::Range range = values_.fitted(scheme_, best.state);
            if (!offer({static_cast<double>(range.min), static_cast<double>(range.max)}, best))
                return;
        }
    }

    bool moved(double step, Candidate& best) const {
        const Ends from = best.ends;
        bool better = false;
        for (int low = -1; low <= 1; ++low) {
            for (int high = -1; high <= 1; ++high) {
                if ((low == 0 && high == 0) || (scheme_.symmetric && low != -high)) continue;
                better = offer({from.low + low * step, from.high + high * step}, best) || better;
            }
        }
        return better;
    }

    /// Keeps the range if it is better than the best.
    bool offer(Ends ends, Candidate& best) const {
        if (!(ends.low < ends.high)) return false;
        const kernels::Range range = {static_cast<float>(ends.low), static_cast<float>(ends.high),
                                      true};
        const BlockState state = block_state(scheme_, range);
        if (!std::isnormal(state.scale)) return false;
        const double noise = values_.noise_of(scheme_, state);
        if (!(noise < best.noise)) return false;
        best = {ends, state, noise};
        return true;
    }

    const Scheme& scheme_;
    const Distribution& values_;
};

}  // namespace

SearchedState search_state(const Scheme& scheme, const Distribution& values,
                           const kernels::Range& from) {
    const Candidate found = Search(scheme, values).run(from);
    return {found.state,
            {static_cast<float>(found.ends.low), static_cast<float>(found.ends.high), true}};
}

}  // namespace octet::quant
