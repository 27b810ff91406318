// Shown places are runs of the last dimension: its head and its tail, for each shown place of the
// others. Every number below is bounded by the tensor's count of elements, which its header proved
// not to overflow.
#include "codecs/shown_tensor.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "base/checked.hpp"
#include "base/text.hpp"
#include "octet/error.hpp"
#include "quant/block_state.hpp"
#include "quant/storage_layout.hpp"

namespace octet::codecs {
namespace {

/// Of more elements torch shows corners, three places at each end.
constexpr std::uint64_t kMostWhole = 1000;
constexpr std::uint64_t kCorner = 6;

/// Bytes for each element read at once, and what read_codes() needs beside them.
std::vector<std::byte> scratch_of(std::uint64_t elements) {
    return std::vector<std::byte>(elements * formats::FloatSource::kScratchBytes + 64);
}

std::uint64_t product_of(std::span<const std::uint64_t> shape) {
    std::uint64_t product = 1;
    for (const std::uint64_t length : shape) product *= length;
    return product;
}

ShownDimension dimension_of(std::uint64_t length, std::uint64_t most) {
    if (length <= most) return {length, length, 0};
    return {length, most - most / 2, most / 2};
}

/// All elements of a run of bytes of one integer type.
template <typename T>
void widen(std::span<const std::byte> bytes, std::span<std::int64_t> values) {
    for (std::size_t i = 0; i < values.size(); ++i) {
        T value{};
        std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
        values[i] = static_cast<std::int64_t>(value);
    }
}

/// What a code stands for, in float64.
double value_of(const Scheme& scheme, std::int32_t code, const formats::CodedElement& state) {
    const double scale = static_cast<double>(state.scale);
    const double zero_point = static_cast<double>(state.zero_point);
    switch (quant::block_kind(scheme)) {
        case kernels::BlockKind::kSymmetric:
            return code * scale;
        case kernels::BlockKind::kInteger:
            return (code - zero_point) * scale;
        case kernels::BlockKind::kMiddle:
            return (code - static_cast<std::int32_t>(max_symmetric_code(scheme)) - 1) * scale +
                   zero_point;
        case kernels::BlockKind::kReal:
            break;
    }
    return code * scale + zero_point;
}

formats::CodedElement coded_element(const formats::FloatSource& source, std::size_t tensor,
                                    std::uint64_t element) {
    std::vector<std::byte> scratch = scratch_of(1);
    formats::CodedElement coded;
    source.read_codes(tensor, element, {&coded, 1}, scratch);
    return coded;
}

}  // namespace

Selection select(const TensorReport& tensor, const std::vector<std::int64_t>& index) {
    const Shape& shape = tensor.shape;
    if (index.size() > shape.size())
        throw Error(ErrorCode::kUsage, "--index",
                    fmt::format("has {} numbers, but {} has the shape {}", index.size(),
                                in_quotes(tensor.name), shape_text(shape)));
    Selection selection;
    selection.count = product_of(shape);
    for (std::size_t i = 0; i < index.size(); ++i) {
        const auto length = static_cast<std::int64_t>(shape[i]);
        const std::int64_t place = index[i] < 0 ? index[i] + length : index[i];
        if (place < 0 || place >= length)
            throw Error(ErrorCode::kUsage, "--index",
                        fmt::format("{} is outside of dimension {} of {}, whose shape is {}",
                                    index[i], i, in_quotes(tensor.name), shape_text(shape)));
        selection.count /= shape[i];
        selection.first += static_cast<std::uint64_t>(place) * selection.count;
        selection.index.push_back(static_cast<std::uint64_t>(place));
    }
    selection.shape.assign(shape.begin() + static_cast<std::ptrdiff_t>(index.size()), shape.end());
    return selection;
}

std::vector<ShownDimension> shown_dimensions(const Shape& shape, const ShowOptions& options) {
    const std::uint64_t most = product_of(shape) > kMostWhole ? kCorner : kMostWhole;
    std::vector<ShownDimension> dimensions;
    for (std::size_t i = 0; i < shape.size(); ++i) {
        const std::optional<std::uint64_t> asked = i + 1 == shape.size()   ? options.columns
                                                   : i + 2 == shape.size() ? options.rows
                                                                           : std::nullopt;
        dimensions.push_back(dimension_of(shape[i], asked.value_or(most)));
    }
    std::optional<std::uint64_t> shown = 1;
    for (const ShownDimension& dimension : dimensions) {
        if (shown) shown = checked_multiply(*shown, dimension.count());
    }
    if (!shown || *shown > kMostShown)
        throw Error(ErrorCode::kUsage,
                    fmt::format("more than {} elements would be shown; give smaller --rows and "
                                "--columns, or the place with --index",
                                with_commas(kMostShown)));
    return dimensions;
}

std::vector<ShownDimension> shown_dimensions(const Shape& shape) {
    return shown_dimensions(shape, {});
}

void visit_shown(std::span<const ShownDimension> dimensions,
                 const std::function<void(std::uint64_t, std::uint64_t)>& read) {
    const std::function<void(std::size_t, std::uint64_t)> visit = [&](std::size_t depth,
                                                                      std::uint64_t place) {
        if (depth == dimensions.size()) return read(place, 1);
        const ShownDimension& d = dimensions[depth];
        const std::uint64_t begin = place * d.length;
        if (depth + 1 == dimensions.size()) {
            if (d.head > 0) read(begin, d.head);
            if (d.tail > 0) read(begin + d.length - d.tail, d.tail);
            return;
        }
        for (std::uint64_t i = 0; i < d.head; ++i) visit(depth + 1, begin + i);
        for (std::uint64_t i = d.length - d.tail; i < d.length; ++i) visit(depth + 1, begin + i);
    };
    visit(0, 0);
}

bool has_values(Dtype dtype) noexcept {
    switch (dtype) {
        case Dtype::kBool:
        case Dtype::kU8:
        case Dtype::kI8:
        case Dtype::kI16:
        case Dtype::kU16:
        case Dtype::kI32:
        case Dtype::kU32:
        case Dtype::kI64:
        case Dtype::kU64:
            return true;
        default:
            return is_quantizable(dtype);
    }
}

void read_integers(const formats::FloatSource& source, std::size_t tensor, std::uint64_t first,
                   std::span<std::int64_t> values, std::span<std::byte> scratch) {
    const Dtype dtype = source.tensors()[tensor].dtype;
    const std::uint64_t each = dtype_bits(dtype) / 8;
    const std::span<std::byte> bytes = scratch.first(values.size() * each);
    source.read_bytes(tensor, first * each, bytes);
    switch (dtype) {
        case Dtype::kI8:
            return widen<std::int8_t>(bytes, values);
        case Dtype::kI16:
            return widen<std::int16_t>(bytes, values);
        case Dtype::kU16:
            return widen<std::uint16_t>(bytes, values);
        case Dtype::kI32:
            return widen<std::int32_t>(bytes, values);
        case Dtype::kU32:
            return widen<std::uint32_t>(bytes, values);
        case Dtype::kI64:
        case Dtype::kU64:
            return widen<std::int64_t>(bytes, values);
        default:
            return widen<std::uint8_t>(bytes, values);
    }
}

ShownTensor read_shown(const formats::FloatSource& source, std::size_t tensor,
                       const Selection& selection, const std::vector<ShownDimension>& dimensions) {
    ShownTensor shown{source.is_quantized(tensor) ? Dtype::kF32 : source.tensors()[tensor].dtype,
                      dimensions,
                      {},
                      {}};
    const bool is_float = is_quantizable(shown.dtype);
    std::vector<std::byte> scratch;
    visit_shown(dimensions, [&](std::uint64_t first, std::uint64_t count) {
        if (scratch.size() < scratch_of(count).size()) scratch = scratch_of(count);
        if (is_float) {
            shown.floats.resize(shown.floats.size() + count);
            source.read(tensor, selection.first + first, std::span(shown.floats).last(count),
                        scratch);
        } else {
            shown.integers.resize(shown.integers.size() + count);
            read_integers(source, tensor, selection.first + first,
                          std::span(shown.integers).last(count), scratch);
        }
    });
    return shown;
}

ShownTensor read_shown_codes(const formats::FloatSource& source, std::size_t tensor,
                             const Selection& selection,
                             const std::vector<ShownDimension>& dimensions) {
    const bool is_signed = source.tensors()[tensor].scheme->symmetric;
    ShownTensor shown{is_signed ? Dtype::kI8 : Dtype::kU8, dimensions, {}, {}};
    std::vector<formats::CodedElement> coded;
    visit_shown(dimensions, [&](std::uint64_t first, std::uint64_t count) {
        coded.resize(count);
        std::vector<std::byte> scratch = scratch_of(count);
        source.read_codes(tensor, selection.first + first, coded, scratch);
        for (const formats::CodedElement& one : coded) shown.integers.push_back(one.code);
    });
    return shown;
}

ShownTensor absolute_errors(const ShownTensor& values, const ShownTensor& restored) {
    ShownTensor errors{
        values.dtype == Dtype::kF64 ? Dtype::kF64 : Dtype::kF32, values.dimensions, {}, {}};
    for (std::size_t i = 0; i < values.floats.size(); ++i) {
        const bool is_wide = values.dtype == Dtype::kF64;
        const auto difference =
            static_cast<float>(values.floats[i]) - static_cast<float>(restored.floats[i]);
        errors.floats.push_back(std::fabs(is_wide ? values.floats[i] - restored.floats[i]
                                                  : static_cast<double>(difference)));
    }
    return errors;
}

ShownState read_shown_state(const formats::FloatSource& source, std::size_t tensor,
                            const Selection& selection) {
    const TensorReport& t = source.tensors()[tensor];
    const quant::Matrix matrix = quant::matrix_of(*t.scheme, t.shape);
    const quant::BlockGrid grid = quant::grid_of(*t.scheme, matrix);
    ShownState state;
    state.blocks = grid.count();
    const bool is_one = t.scheme->granularity == Granularity::kTensor || selection.shape.empty();
    Shape shape;
    if (!is_one && grid.batch > 1) shape.push_back(grid.batch);
    if (!is_one)
        shape.insert(shape.end(),
                     {grid.down / std::max<std::uint64_t>(grid.batch, 1), grid.across});
    const std::vector<ShownDimension> dimensions = shown_dimensions(shape);
    state.scales = {quant::scale_dtype_of(*t.scheme), dimensions, {}, {}};
    const bool is_code = t.scheme->zero_point == ZeroPoint::kInteger && !t.scheme->symmetric;
    state.zero_points = {is_code ? Dtype::kU8 : state.scales.dtype, dimensions, {}, {}};
    const auto add = [&](std::uint64_t element) {
        const formats::CodedElement coded = coded_element(source, tensor, element);
        state.scales.floats.push_back(static_cast<double>(coded.scale));
        if (is_code)
            state.zero_points.integers.push_back(static_cast<std::int64_t>(coded.zero_point));
        if (!is_code) state.zero_points.floats.push_back(static_cast<double>(coded.zero_point));
    };
    if (is_one) {
        if (selection.count > 0) add(selection.first);
        return state;
    }
    const std::uint64_t down = grid.down / grid.batch;
    visit_shown(dimensions, [&](std::uint64_t first, std::uint64_t count) {
        for (std::uint64_t block = first; block < first + count; ++block) {
            const std::uint64_t row = block / grid.across;
            const std::uint64_t place = row / down * matrix.rows + row % down * grid.rows_each;
            add(place * matrix.columns + block % grid.across * grid.columns_each);
        }
    });
    return state;
}

CodeGrid code_grid(const formats::FloatSource& source, std::size_t tensor, std::uint64_t first) {
    const TensorReport& t = source.tensors()[tensor];
    const formats::CodedElement coded = coded_element(source, tensor, first);
    const auto most = static_cast<std::int32_t>(t.scheme->symmetric ? max_symmetric_code(*t.scheme)
                                                                    : max_code(*t.scheme));
    const std::int32_t least = t.scheme->symmetric ? -most : 0;
    return {least, most, value_of(*t.scheme, least, coded), value_of(*t.scheme, most, coded),
            quant::grid_of(*t.scheme, quant::matrix_of(*t.scheme, t.shape)).count()};
}

}  // namespace octet::codecs
