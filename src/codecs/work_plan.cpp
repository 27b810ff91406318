// First the steps, which follow from shape and scheme, then the pieces, which follow from the
// memory of a worker: as many steps as fit, whole domains together where they are small.
#include "codecs/work_plan.hpp"

#include <algorithm>

#include "base/checked.hpp"
#include "quant/checksum.hpp"
#include "quant/point_search.hpp"
#include "quant/search_tile.hpp"

namespace octet::codecs {
namespace {

constexpr std::uint64_t kStepElements = 1U << 20U;

/// Whole domains are taken together up to this many elements: a tensor of that size passes through
/// one worker, which hashes it on the way.
constexpr std::uint64_t kPieceElements = 5U << 19U;

/// The same of steps of codes alone, whose 8-bit codes are then a whole piece of a checksum.
constexpr std::uint64_t kCodesElements = quant::kPieceBytes;

std::uint64_t elements_of(const BlockLayout& layout, const Step& step) {
    return step.tiles * layout.tile_rows * layout.tile_columns;
}

quant::TilePlace first_domain(const BlockLayout& layout) {
    const quant::TilePlace front = place_of(layout, 0);
    const quant::TilePlace back = place_of(layout, layout.tiles_per_domain - 1);
    return {0, 0, back.row + back.rows - front.row, back.column + back.columns - front.column};
}

constexpr std::uint64_t kAlignment = 64;
constexpr std::uint64_t kBlockArrays = 9;  // range, state, its two levels, and as it is stored

}  // namespace

std::uint64_t MemoryNeeds::byte_count() const noexcept {
    const std::uint64_t values = domain_bytes > 0 && raw_bytes == 0 ? 0 : elements * sizeof(float);
    const std::uint64_t raw = domain_bytes > 0 ? domain_bytes : raw_bytes;
    return values + raw + elements + blocks * kBlockArrays * sizeof(float) + search_bytes +
           state_bytes + (kBlockArrays + 4) * kAlignment;
}

MemoryNeeds needs_of(const BlockLayout& layout) {
    MemoryNeeds needs;
    if (layout.tiles() == 0) return needs;
    const quant::TilePlace domain = first_domain(layout);
    needs.elements = layout.tile_rows * layout.tile_columns;
    needs.blocks = quant::blocks_of(layout.grid, domain.rows, domain.columns).count;
    if (layout.dtype != Dtype::kF32)
        needs.raw_bytes = needs.elements * (dtype_bits(layout.dtype) / 8);
    if (layout.scheme.granularity == Granularity::kTensor &&
        layout.scheme.range == RangeSearch::kMse &&
        !quant::searches_ahead(layout.scheme, layout.matrix))
        needs.search_bytes = needs.elements * quant::kPointBytes;
    if (quant::searches_channels(layout.scheme) &&
        !quant::searches_stretches(layout.scheme, layout.matrix))
        needs.search_bytes = kernels::kBlockColumns * layout.grid.rows_each *
                             layout.grid.columns_each * sizeof(float);
    return needs;
}

std::uint64_t domain_bytes_of(const BlockLayout& layout) {
    if (layout.tiles() == 0 || layout.tiles_per_domain == 1) return 0;
    const quant::TilePlace domain = first_domain(layout);
    return domain.rows * domain.columns * (dtype_bits(layout.dtype) / 8);
}

std::vector<Step> steps_of(const BlockLayout& layout) {
    std::vector<Step> steps;
    if (layout.tiles() == 0) return steps;
    const std::uint64_t tile = layout.tile_rows * layout.tile_columns;
    const std::uint64_t tiles_a_step = std::max<std::uint64_t>(kStepElements / tile, 1);
    const std::uint64_t each = layout.tiles_per_domain;
    const std::uint64_t domains = layout.tiles() / each;
    if (each <= tiles_a_step) {
        const std::uint64_t domains_a_step = tiles_a_step / each;
        for (std::uint64_t domain = 0; domain < domains; domain += domains_a_step) {
            const std::uint64_t count = std::min(domains_a_step, domains - domain);
            steps.push_back({StepKind::kWhole, domain * each, count * each, domain});
        }
        return steps;
    }
    for (std::uint64_t domain = 0; domain < domains; ++domain) {
        for (const StepKind kind : {StepKind::kRange, StepKind::kCodes}) {
            for (std::uint64_t first = 0; first < each; first += tiles_a_step)
                steps.push_back(
                    {kind, domain * each + first, std::min(tiles_a_step, each - first), domain});
        }
    }
    return steps;
}

std::vector<Piece> pieces_of(const BlockLayout& layout, const std::vector<Step>& steps,
                             const PieceOptions& options) {
    const std::uint64_t most =
        std::min(kPieceElements, options.memory_bytes / (dtype_bits(layout.dtype) / 8));
    std::vector<Piece> pieces;
    for (std::uint64_t first = 0; first < steps.size();) {
        const StepKind kind = steps[first].kind;
        Piece piece{first, 1, kind == StepKind::kWhole || options.keeps_domains};
        std::uint64_t elements = elements_of(layout, steps[first]);
        const auto belongs = [&](const Step& step) {
            if (kind != StepKind::kWhole && options.keeps_domains)
                return step.domain == steps[first].domain;
            if (kind == StepKind::kRange || options.is_alone) return false;
            elements += elements_of(layout, step);
            if (kind == StepKind::kWhole) return elements <= most;
            return step.kind == kind && step.domain == steps[first].domain &&
                   elements <= kCodesElements;
        };
        while (first + piece.steps < steps.size() && belongs(steps[first + piece.steps]))
            ++piece.steps;
        pieces.push_back(piece);
        first += piece.steps;
    }
    return pieces;
}

}  // namespace octet::codecs
