// Batches and packed rows: where the blocks of fused experts lie, how they are stored, and that
// tiles keep to their matrix.
#include "codecs/block_layout.hpp"
#include "codecs/work_plan.hpp"
#include "plan/fitting_scheme.hpp"
#include "quant/packing.hpp"
#include "quant/storage_layout.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

Scheme scheme_of(const char* name) {
    return parse_scheme(name).value();
}

std::vector<Shape> shapes_of(const char* name, const Shape& shape) {
    std::vector<Shape> shapes;
    for (const quant::StoredPart& part : quant::stored_parts(scheme_of(name), shape))
        shapes.push_back(part.shape);
    return shapes;
}

TEST_CASE("a batch is stored as its matrices are, with their number before each shape") {
    using Shapes = std::vector<Shape>;
    REQUIRE(shapes_of("s8-channel-axis0-batch", {4, 6, 10}) == Shapes{{4, 6, 10}, {4, 6, 1}});
    REQUIRE(shapes_of("u8-channel-axis1-batch", {4, 6, 10}) ==
            Shapes{{4, 6, 10}, {4, 1, 10}, {4, 1, 10}});
    REQUIRE(shapes_of("u3-group16-axis1-batch-intzp-f16", {4, 40, 10}) ==
            Shapes{{4, 40, 4}, {4, 3, 10}, {4, 3, 4}});
    REQUIRE(shapes_of("u4-group32-axis0-batch-mse-two", {2, 5, 1100}) ==
            Shapes{{2, 5, 550}, {2, 5, 27}, {2, 5, 27}, {2, 5, 2}, {2, 5, 2}});
    REQUIRE(shapes_of("u4-group32-axis1-batch-mse-two", {2, 1100, 5}) ==
            Shapes{{2, 1100, 3}, {2, 35, 4}, {2, 35, 4}, {2, 2, 5}, {2, 2, 5}});
    for (const char* const name :
         {"u3-group16-axis1", "u4-group18-axis0-mse-two", "s5-channel-axis1-f16"}) {
        const std::string of_many =
            std::string(name).insert(std::string(name).find("axis") + 5, "-batch");
        for (const Shape& each : {Shape{33, 50}, Shape{1, 1}, Shape{1030, 9}})
            REQUIRE(quant::stored_bytes(scheme_of(of_many.c_str()), {7, each[0], each[1]}) ==
                    7 * quant::stored_bytes(scheme_of(name), each));
    }
}

TEST_CASE("blocks of a batch are numbered matrix by matrix") {
    const Scheme scheme = scheme_of("u4-group16-axis1-batch");
    const quant::BlockGrid grid = quant::grid_of(scheme, quant::matrix_of(scheme, {3, 40, 5}));
    REQUIRE((grid.down == 9 && grid.across == 5 && grid.rows_each == 16));
    for (std::uint64_t row = 0; row < 120; ++row)
        REQUIRE(grid.row_of(row) == row / 40 * 3 + row % 40 / 16);
    const quant::BlockGrid plain = quant::grid_of(scheme_of("u4-group16-axis1"), {40, 5, 5});
    REQUIRE(plain.row_of(39) == 2);
}

TEST_CASE("rows of the matrix are packed where the last dimension wastes bits, and only there") {
    const auto packing = [](const char* name, const Shape& shape) {
        return quant::with_packing(scheme_of(name), shape).row_packing;
    };
    REQUIRE(packing("u4", {8, 3, 3, 3}));
    REQUIRE(packing("u6-group16-axis0", {8, 3, 3}));
    REQUIRE_FALSE(packing("u8-channel-axis0", {8, 3, 3, 3}));
    REQUIRE_FALSE(packing("u4", {8, 3, 16, 16}));
    REQUIRE_FALSE(packing("u2", {8, 3, 4}));
    REQUIRE_FALSE(packing("u4", {8, 27}));
    REQUIRE_FALSE(packing("u4-rows", {27}));
    REQUIRE_FALSE(packing("u4-group16-axis0-batch", {8, 3, 3}));
    for (const char* const name :
         {"u2", "u3", "s4-channel-axis0", "u5-group16-axis1", "u6-group16-axis0-two"}) {
        for (const Shape& shape :
             {Shape{7, 5, 3, 3}, Shape{4, 9, 7}, Shape{4, 3, 8}, Shape{2, 3, 3, 3, 3}}) {
            const Scheme scheme = quant::with_packing(scheme_of(name), shape);
            const quant::StoredPart codes = quant::stored_parts(scheme, shape).front();
            std::uint64_t columns = 1;
            for (std::size_t i = 1; i < shape.size(); ++i) columns *= shape[i];
            REQUIRE(codes.byte_count == shape[0] * quant::packed_bytes(columns, scheme.bits));
            if (scheme.row_packing)
                REQUIRE(codes.shape == Shape{shape[0], quant::packed_bytes(columns, scheme.bits)});
            if (!scheme.row_packing) REQUIRE(codes.shape.size() == shape.size());
        }
    }
}

TEST_CASE("tiles of a batch cover every element once and keep to one matrix") {
    for (const char* const name :
         {"s8-channel-axis0-batch", "u8-channel-axis1-batch", "u4-group16-axis0-batch",
          "u3-group1000-axis1-batch", "u4-group18-axis1-batch-mse-two",
          "u4-group18-axis0-batch-mse-two", "u4-channel-axis1-batch-mse"}) {
        const Scheme scheme = scheme_of(name);
        for (const Shape& shape :
             {Shape{3, 700, 900}, Shape{40, 5, 7}, Shape{2, 3, 300'001}, Shape{2, 60'000, 3}}) {
            const codecs::BlockLayout layout = codecs::layout_of(scheme, Dtype::kBF16, shape, "t");
            std::vector<std::uint64_t> seen(shape[0] * shape[1]);
            for (std::uint64_t i = 0; i < layout.tiles(); ++i) {
                const quant::TilePlace place = codecs::place_of(layout, i);
                CAPTURE(name, i, place.row, place.rows);
                if (place.row / shape[1] != (place.row + place.rows - 1) / shape[1])
                    FAIL("two matrices");
                const bool whole = layout.tiles_per_domain > 1 ||
                                   place.row % shape[1] % layout.grid.rows_each == 0;
                if (!whole || place.rows * place.columns > codecs::most_tile_elements(scheme))
                    FAIL("a part of a block");
                for (std::uint64_t row = 0; row < place.rows; ++row)
                    seen[place.row + row] += place.columns;
            }
            REQUIRE(std::all_of(seen.begin(), seen.end(),
                                [&](std::uint64_t count) { return count == shape[2]; }));
            std::uint64_t tiles = 0;
            for (const codecs::Step& step : codecs::steps_of(layout))
                tiles += step.kind == codecs::StepKind::kRange ? 0 : step.tiles;
            REQUIRE(tiles == layout.tiles());
        }
    }
}

TEST_CASE("tiles of searches along rows hold whole searches up to 16,384 inputs") {
    for (const char* const name : {"u8-group18-axis0-mse-two", "u4-group128-axis0-mse-f16"}) {
        for (const std::uint64_t inputs : {100U, 4096U, 4097U, 9216U, 16384U}) {
            const Shape shape = {50, inputs};
            const codecs::BlockLayout layout =
                codecs::layout_of(*parse_scheme(name), Dtype::kF32, shape, "t");
            CAPTURE(name, inputs, layout.tile_rows);
            REQUIRE(layout.tile_columns == inputs);
            REQUIRE((layout.tile_rows == 50 || layout.tile_rows % 16 == 0));
        }
    }
}

TEST_CASE("experts have the schemes of matrices of their shape") {
    for (const Preset preset : {Preset::kQ8, Preset::kQ6, Preset::kQ4}) {
        for (const std::uint64_t inputs : {32U, 40U, 96U, 172U, 768U, 2880U}) {
            for (const OutputAxis axis : {OutputAxis::k0, OutputAxis::k1}) {
                const Shape one = axis == OutputAxis::k0 ? Shape{48, inputs} : Shape{inputs, 48};
                Scheme scheme =
                    plan::fitting_scheme(preset, {4, one[0], one[1]}, axis, true).value();
                REQUIRE(scheme.batch);
                scheme.batch = false;
                REQUIRE(scheme == plan::fitting_scheme(preset, one, axis).value());
            }
        }
    }
}

}  // namespace
}  // namespace octet::test
