// How tensors are cut into tiles and steps.
#include "codecs/work_plan.hpp"
#include "quant/block_codec.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

TEST_CASE("tiles cover every element once, in blocks that are whole, within their limits") {
    const std::vector<Shape> shapes = {
        {1, 1},         {768, 2304},      {50257, 768}, {3, 1'000'000},
        {1'000'000, 3}, {2000, 2000},     {10, 64, 80}, {},
        {70},           {0, 5},           {1, 40'000},  {5, 300'001},
        {3, 99'999, 3}, {2, 3, 75'000, 5}};
    for (const char* const name :
         {"u8", "u4", "s8-channel-axis0", "u8-channel-axis1", "u4-group16-axis0",
          "u3-group1000-axis0", "u4-group32-axis1", "u8-group1024-axis1",
          "u4-group18-axis1-mse-two", "u4-group16-axis1-two", "u4-group18-axis0-mse-two",
          "s2-group1024-axis1-two", "u3-mse", "u4-channel-axis0-mse", "u4-channel-axis1-mse-f16",
          "s8-channel-axis1-pct99"}) {
        const Scheme scheme = *parse_scheme(name);
        for (const Shape& shape : shapes) {
            const bool whole_columns = scheme.granularity == Granularity::kChannel &&
                                       scheme.range != RangeSearch::kMinMax &&
                                       scheme.axis == OutputAxis::k1;
            if (whole_columns && shape == Shape{1'000'000, 3}) {
                REQUIRE(error_of([&] { codecs::layout_of(scheme, Dtype::kF32, shape, "t"); }) ==
                        "2 tensor 't': has columns of 1,000,000 elements, of which channels along "
                        "axis 1 have 65,536 "
                        "at most "
                        "where their range is searched or a percentile; choose groups, axis 0 or "
                        "--range minmax");
                continue;
            }
            const codecs::BlockLayout layout =
                codecs::layout_of(*parse_scheme(name), Dtype::kF32, shape, "t");
            const std::uint64_t elements = *element_count(shape);
            CAPTURE(name, elements, layout.tile_rows, layout.tile_columns);
            std::uint64_t sum = 0;
            for (std::uint64_t i = 0; i < layout.tiles(); ++i) {
                const quant::TilePlace place = codecs::place_of(layout, i);
                const quant::Blocks blocks =
                    quant::blocks_of(layout.grid, place.rows, place.columns);
                sum += place.rows * place.columns;
                if (place.rows * place.columns > codecs::most_tile_elements(scheme) ||
                    blocks.count > codecs::most_tile_blocks(scheme))
                    FAIL(i);
                const bool starts =
                    layout.tiles_per_domain > 1 || (place.row % layout.grid.rows_each == 0 &&
                                                    place.column % layout.grid.columns_each == 0);
                if (scheme.scale_dtype == ScaleDtype::kTwoLevel) {
                    const quant::BlockGrid supers = quant::super_grid_of(scheme, layout.grid);
                    if (place.row % supers.rows_each != 0 ||
                        place.column % supers.columns_each != 0)
                        FAIL(i);
                }
                const std::uint64_t cut_at =
                    scheme.bits < 8 ? place.column % layout.matrix.packed_row : place.column;
                if (!starts || cut_at % 8 != 0) FAIL(i);
                if (whole_columns && place.rows != layout.matrix.rows) FAIL(i);
            }
            REQUIRE(sum == elements);
            std::uint64_t tiles = 0;
            for (const codecs::Step& step : codecs::steps_of(layout))
                tiles += step.kind == codecs::StepKind::kRange ? 0 : step.tiles;
            REQUIRE(tiles == layout.tiles());
        }
    }
}

}  // namespace
}  // namespace octet::test
