// Tiles are gathered 16 outputs at a time into the loops' order, searched, and their states
// scattered back; weights of inputs go along.
#include "quant/search_tile.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "base/checked.hpp"
#include "base/text.hpp"
#include "octet/error.hpp"
#include "quant/active_kernels.hpp"
#include "quant/distribution.hpp"
#include "quant/range_search.hpp"
#include "quant/two_level.hpp"

namespace octet::quant {
namespace {

constexpr std::uint64_t kColumns = kernels::kBlockColumns;

/// A tile seen as outputs with inputs, whichever of them runs along its rows.
struct Outputs {
    const Tile& tile;
    bool by_columns;  ///< an output is a column

    std::uint64_t count() const { return by_columns ? tile.columns : tile.rows; }
    std::uint64_t inputs() const { return by_columns ? tile.rows : tile.columns; }

    /// Inputs `first` to `first + count` of 16 outputs from `output` on, as a block.
    void gather(std::uint64_t output, std::uint64_t first, std::uint64_t count,
                float* block) const {
        const std::uint64_t whole = std::min(kColumns, this->count() - output);
        const float* const values =
            static_cast<const float*>(tile.values) +
            (by_columns ? first * tile.columns + output : output * tile.columns + first);
        if (by_columns) {
            for (std::uint64_t i = 0; i < count; ++i)
                std::copy_n(values + i * tile.columns, whole, block + i * kColumns);
        } else {
            for (std::uint64_t i = 0; i < count; ++i) {
                for (std::uint64_t c = 0; c < whole; ++c)
                    block[i * kColumns + c] = values[c * tile.columns + i];
            }
        }
        for (std::uint64_t i = 0; i < count && whole < kColumns; ++i)
            std::fill(block + i * kColumns + whole, block + (i + 1) * kColumns,
                      block[i * kColumns + whole - 1]);
    }
};

/// One group after the other, or all inputs of a channel.
class OneLevel {
  public:
    OneLevel(const Scheme& scheme, const Outputs& outputs, const Blocks& blocks)
        : scheme_(scheme),
          size_(scheme.granularity == Granularity::kGroup ? scheme.group_size : outputs.inputs()),
          has_16_bits_(scheme.scale_dtype != ScaleDtype::kF32),
          blocks_(blocks),
          block_(size_ * kColumns) {
        if (has_16_bits_) make_plain_states();
    }

    void run(const Outputs& outputs, std::uint64_t output, const float* weights) {
        const std::uint64_t size = size_;
        const std::uint64_t whole = std::min(kColumns, outputs.count() - output);
        for (std::uint64_t first = 0; first < outputs.inputs(); first += size) {
            const std::uint64_t count = std::min(size, outputs.inputs() - first);
            outputs.gather(output, first, count, block_.data());
            const auto number_of = [&](std::uint64_t c) {
                return outputs.by_columns ? first / size * blocks_.across + output + c
                                          : (output + c) * blocks_.across + first / size;
            };
            kernels::ColumnState plain;
            for (std::uint64_t c = 0; has_16_bits_ && c < kColumns; ++c) {
                plain.scale[c] = blocks_.scale[number_of(std::min(c, whole - 1))];
                plain.zero_point[c] = blocks_.zero_point[number_of(std::min(c, whole - 1))];
            }
            const kernels::ColumnState state =
                search_range({block_.data(), weights == nullptr ? nullptr : weights + first, count},
                             scheme_, active_kernels(), has_16_bits_ ? &plain : nullptr);
            for (std::uint64_t c = 0; c < whole; ++c) {
                blocks_.scale[number_of(c)] = state.scale[c];
                blocks_.zero_point[number_of(c)] = state.zero_point[c];
            }
        }
    }

  private:
    /// Of all blocks, for the search to start from; a scale that overflows stays infinite.
    void make_plain_states() {
        std::uint64_t done = 0;
        while (done < blocks_.count) {
            const kernels::StateArrays rest = {blocks_.min + done, blocks_.max + done,
                                               blocks_.scale + done, blocks_.zero_point + done};
            done += block_states(scheme_, rest, blocks_.count - done) + 1;
        }
    }

    const Scheme& scheme_;
    std::uint64_t size_;
    bool has_16_bits_;
    const Blocks& blocks_;
    std::vector<float> block_;
};

/// One superblock after the other.
class TwoLevels {
  public:
    TwoLevels(const Scheme& scheme, const Blocks& blocks)
        : scheme_(scheme),
          shape_(two_level_shape(scheme)),
          blocks_(blocks),
          block_(shape_.superblock * kColumns),
          scales_(kernels::kMaxSuperblockGroups * kColumns),
          zero_points_(kernels::kMaxSuperblockGroups * kColumns) {}

    void run(const Outputs& outputs, std::uint64_t output, const float* weights) {
        const std::uint64_t runs = divide_up(outputs.inputs(), std::uint64_t{shape_.superblock});
        const std::uint64_t whole = std::min(kColumns, outputs.count() - output);
        for (std::uint64_t number = 0; number < runs; ++number) {
            const std::uint64_t first = number * shape_.superblock;
            const std::uint64_t count =
                std::min<std::uint64_t>(shape_.superblock, outputs.inputs() - first);
            outputs.gather(output, first, count, block_.data());
            kernels::TwoLevelState state = {scales_.data(), zero_points_.data(), {}, {}};
            search_superblock(
                {block_.data(), weights == nullptr ? nullptr : weights + first, count}, scheme_,
                shape_, active_kernels(), state);
            for (std::uint64_t c = 0; c < whole; ++c) {
                const std::uint64_t i = outputs.by_columns ? number * outputs.count() + output + c
                                                           : (output + c) * runs + number;
                blocks_.super_scale[i] = state.super_scale[c];
                blocks_.super_zero_point[i] = state.super_zero_point[c];
            }
            const std::uint64_t first_group = first / scheme_.group_size;
            for (std::uint64_t group = 0;
                 group < divide_up(count, std::uint64_t{scheme_.group_size}); ++group) {
                for (std::uint64_t c = 0; c < whole; ++c) {
                    const std::uint64_t at = first_group + group;
                    place(state, group * kColumns + c, c,
                          outputs.by_columns ? at * blocks_.across + output + c
                                             : (output + c) * blocks_.across + at);
                }
            }
        }
    }

  private:
    void place(const kernels::TwoLevelState& state, std::uint64_t from, std::uint64_t column,
               std::uint64_t block) {
        blocks_.small_scale[block] = state.scales[from];
        blocks_.small_zero_point[block] = state.zero_points[from];
        blocks_.scale[block] = state.scales[from] * state.super_scale[column];
        blocks_.zero_point[block] = state.zero_points[from] * state.super_zero_point[column];
    }

    const Scheme& scheme_;
    TwoLevelShape shape_;
    const Blocks& blocks_;
    std::vector<float> block_;
    std::vector<float> scales_;
    std::vector<float> zero_points_;
};

}  // namespace

bool needs_search(const Scheme& scheme) noexcept {
    return scheme.range == RangeSearch::kMse || scheme.scale_dtype == ScaleDtype::kTwoLevel;
}

bool searches_channels(const Scheme& scheme) noexcept {
    return scheme.granularity == Granularity::kChannel && scheme.range != RangeSearch::kMinMax;
}

bool searches_stretches(const Scheme& scheme, const Matrix& matrix) noexcept {
    if (scheme.range == RangeSearch::kMinMax || scheme.granularity == Granularity::kGroup)
        return false;
    return scheme.granularity == Granularity::kTensor ||
           (scheme.axis != OutputAxis::k1 && matrix.columns > kMostRowInputs);
}

bool searches_ahead(const Scheme& scheme, const Matrix& matrix) noexcept {
    if (!searches_stretches(scheme, matrix)) return false;
    return scheme.granularity != Granularity::kTensor || matrix.columns > kMostPoints ||
           matrix.rows * matrix.columns > kMostPoints;
}

void check_columns(const Scheme& scheme, const Matrix& matrix, std::string_view name) {
    if (!searches_channels(scheme) || scheme.axis != OutputAxis::k1 ||
        matrix.rows <= kMostColumnInputs)
        return;
    throw Error(ErrorCode::kUsage, "tensor " + in_quotes(name),
                fmt::format("has columns of {} elements, of which channels along axis 1 have {} at "
                            "most where their range is "
                            "searched or a percentile; choose groups, axis 0 or --range minmax",
                            with_commas(matrix.rows), with_commas(kMostColumnInputs)));
}

void search_states(const Scheme& scheme, const Tile& tile, const float* weights,
                   const Blocks& blocks) {
    const Outputs outputs = {tile, scheme.axis == OutputAxis::k1};
    const auto all = [&](auto states) {
        for (std::uint64_t output = 0; output < outputs.count(); output += kColumns)
            states.run(outputs, output, weights);
    };
    if (scheme.scale_dtype == ScaleDtype::kTwoLevel) {
        all(TwoLevels(scheme, blocks));
    } else {
        all(OneLevel(scheme, outputs, blocks));
    }
}

}  // namespace octet::quant
