// Which elements of a tensor are shown, and reading them: the selection t[i, j, ...], and of that
// the corners. Only what is shown is read.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "formats/float_source.hpp"
#include "octet/show.hpp"

namespace octet::codecs {

/// t[i, j, ...]: a run of elements, and its shape.
struct Selection {
    std::uint64_t first = 0;
    std::uint64_t count = 0;
    Shape shape;
    std::vector<std::uint64_t> index;
};

/// kUsage where the tensor has no such index.
Selection select(const TensorReport& tensor, const std::vector<std::int64_t>& index);

/// What is shown of each dimension. More than kMostShown elements: kUsage.
std::vector<ShownDimension> shown_dimensions(const Shape& shape, const ShowOptions& options);

/// The same as of torch, whatever the options.
std::vector<ShownDimension> shown_dimensions(const Shape& shape);

/// Calls `read(first, count)` for each run of elements that is shown, from 0 within the selection,
/// in C order.
void visit_shown(std::span<const ShownDimension> dimensions,
                 const std::function<void(std::uint64_t first, std::uint64_t count)>& read);

/// True of the dtypes whose values read_shown() and measure_values() read.
bool has_values(Dtype dtype) noexcept;

/// Elements [first, first + values.size()) of a tensor whose dtype is none of floats: as they are.
/// `scratch` has 8 bytes for each.
void read_integers(const formats::FloatSource& source, std::size_t tensor, std::uint64_t first,
                   std::span<std::int64_t> values, std::span<std::byte> scratch);

/// The values that are shown. kIo.
ShownTensor read_shown(const formats::FloatSource& source, std::size_t tensor,
                       const Selection& selection, const std::vector<ShownDimension>& dimensions);

/// Their codes. kIo.
ShownTensor read_shown_codes(const formats::FloatSource& source, std::size_t tensor,
                             const Selection& selection,
                             const std::vector<ShownDimension>& dimensions);

/// |values - restored|, element for element, in float32 unless `values` are F64.
ShownTensor absolute_errors(const ShownTensor& values, const ShownTensor& restored);

/// Scales and zero points of the blocks of a tensor with a scheme, the corners of both; of a single
/// element those of its block. kIo.
struct ShownState {
    ShownTensor scales;
    ShownTensor zero_points;
    std::uint64_t blocks = 1;
};
ShownState read_shown_state(const formats::FloatSource& source, std::size_t tensor,
                            const Selection& selection);

/// What the codes of the block that holds element `first` stand for. kIo.
CodeGrid code_grid(const formats::FloatSource& source, std::size_t tensor, std::uint64_t first);

}  // namespace octet::codecs
