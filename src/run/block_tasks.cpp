#include "run/block_tasks.hpp"

#include <algorithm>

#include "base/checked.hpp"
#include "quant/point_search.hpp"
#include "quant/search_tile.hpp"

namespace octet::run {
namespace {

/// Steps are taken together up to this many elements: a tensor of that size passes through one worker, which hashes it on the way.
constexpr std::uint64_t kTaskElements = 5U << 19U;

std::uint64_t elements_of(const BlockLayout& layout, const BlockStep& step) {
    return step.tiles * layout.tile_rows * layout.tile_columns;
}

TilePlace first_domain(const BlockLayout& layout) {
    const TilePlace front = place_of(layout, 0);
    const TilePlace back = place_of(layout, layout.tiles_per_domain - 1);
    return {0, 0, back.row + back.rows - front.row, back.column + back.columns - front.column};
}

constexpr std::uint64_t kAlignment = 64;
constexpr std::uint64_t kBlockArrays = 9;  // range, state, its two levels, and as it is stored

}  // namespace

std::uint64_t BlockNeeds::byte_count() const noexcept {
    const std::uint64_t values = domain_bytes > 0 && raw_bytes == 0 ? 0 : elements * sizeof(float);
    const std::uint64_t raw = domain_bytes > 0 ? domain_bytes : raw_bytes;
    return values + raw + elements + blocks * kBlockArrays * sizeof(float) + search_bytes + state_bytes +
           (kBlockArrays + 4) * kAlignment;
}

BlockNeeds needs_of(const BlockLayout& layout) {
    BlockNeeds needs;
    if (layout.tiles() == 0) return needs;
    const TilePlace domain = first_domain(layout);
    needs.elements = layout.tile_rows * layout.tile_columns;
    needs.blocks = quant::blocks_of(layout.grid, domain.rows, domain.columns).count;
    if (layout.dtype != Dtype::kF32) needs.raw_bytes = needs.elements * (dtype_bits(layout.dtype) / 8);
    if (layout.scheme.granularity == Granularity::kTensor && layout.scheme.range == RangeSearch::kMse &&
        !quant::searches_ahead(layout.scheme, layout.matrix))
        needs.search_bytes = needs.elements * quant::kPointBytes;
    if (quant::searches_channels(layout.scheme) && !quant::searches_stretches(layout.scheme, layout.matrix))
        needs.search_bytes = kernels::kBlockColumns * layout.grid.rows_each * layout.grid.columns_each * sizeof(float);
    return needs;
}

std::uint64_t domain_bytes_of(const BlockLayout& layout) {
    if (layout.tiles() == 0 || layout.tiles_per_domain == 1) return 0;
    const TilePlace domain = first_domain(layout);
    return domain.rows * domain.columns * (dtype_bits(layout.dtype) / 8);
}

std::vector<BlockTask> block_tasks(const BlockLayout& layout, const std::vector<BlockStep>& steps, bool keeps_domains,
                                   bool alone, std::uint64_t memory_bytes) {
    const std::uint64_t most = std::min(kTaskElements, memory_bytes / (dtype_bits(layout.dtype) / 8));
    std::vector<BlockTask> tasks;
    for (std::uint64_t first = 0; first < steps.size();) {
        const bool whole = steps[first].kind == BlockStepKind::kWhole;
        BlockTask task{first, 1, whole || keeps_domains};
        std::uint64_t elements = elements_of(layout, steps[first]);
        const auto belongs = [&](const BlockStep& step) {
            if (!whole) return keeps_domains && step.domain == steps[first].domain;
            return !alone && (elements += elements_of(layout, step)) <= most;
        };
        while (first + task.steps < steps.size() && belongs(steps[first + task.steps])) ++task.steps;
        tasks.push_back(task);
        first += task.steps;
    }
    return tasks;
}

}  // namespace octet::run
