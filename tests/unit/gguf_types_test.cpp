// The planner of GGUF types: candidates by row and dtype, exact bytes, budgets and targets; and the
// names of weights in an imatrix.
#include <string>
#include <vector>

#include "catch.hpp"
#include "formats/gguf/imatrix.hpp"
#include "octet/error.hpp"
#include "plan/gguf_types.hpp"

using namespace octet;
using ggml::Type;

namespace {

/// Two weights of 4 rows of 256 whose errors fall by four a bit, the second with 100 times the
/// power.
struct Case {
    std::vector<gguf::TypedFileTensor> tensors;
    plan::TypeTries tries;

    Case() {
        for (const double power : {1.0, 100.0}) {
            gguf::TypedFileTensor one;
            one.tensor.shape = {4, 256};
            tensors.push_back(one);
            tries.add({{Type::kQ4_K, true, power * 0x1p-8, 0.5},
                       {Type::kQ8_0, true, power * 0x1p-16, 0.1},
                       {Type::kF32}},
                      power);
        }
    }
    static std::uint64_t bytes_of(const std::vector<Type>& types) {
        std::uint64_t bytes = 1000;
        for (const Type type : types) bytes += gguf::aligned(gguf::stored_bytes(type, {4, 256}));
        return bytes;
    }
};

}  // namespace

TEST_CASE("candidates of the GGUF planner fit the row and the dtype", "[gguf]") {
    CHECK(plan::candidate_types(512, Dtype::kF32) ==
          std::vector<Type>{Type::kQ2_K, Type::kQ3_K, Type::kQ4_K, Type::kQ5_K, Type::kQ6_K,
                            Type::kQ8_0, Type::kF16, Type::kF32});
    CHECK(plan::candidate_types(96, Dtype::kBF16) ==
          std::vector<Type>{Type::kQ4_0, Type::kIQ4_NL, Type::kQ4_1, Type::kQ5_0, Type::kQ5_1,
                            Type::kQ8_0, Type::kBF16});
    CHECK(plan::candidate_types(50, Dtype::kF16) == std::vector<Type>{Type::kF16});
    CHECK(plan::candidate_types(0, Dtype::kF64) == std::vector<Type>{Type::kF16, Type::kF32});
}

TEST_CASE("the GGUF planner spends bytes where they save most and counts them exactly", "[gguf]") {
    Case one;
    const plan::TypePlanner planner(one.tensors, one.tries, Case::bytes_of);
    const std::uint64_t least = Case::bytes_of({Type::kQ4_K, Type::kQ4_K});
    const std::uint64_t mixed = Case::bytes_of({Type::kQ4_K, Type::kQ8_0});
    CHECK(planner.within(least).types == std::vector<Type>{Type::kQ4_K, Type::kQ4_K});
    CHECK(planner.within(mixed - 1).byte_count == least);
    const plan::TypePlan plan = planner.within(mixed);
    CHECK(plan.types == std::vector<Type>{Type::kQ4_K, Type::kQ8_0});
    CHECK(plan.byte_count == mixed);
    CHECK(plan.loss == 0x1p-8 + 100 * 0x1p-16);
    CHECK_THROWS_AS(planner.within(least - 1), Error);
    CHECK(planner.within(1'000'000).types == std::vector<Type>{Type::kF32, Type::kF32});
}

TEST_CASE("the GGUF planner reaches a target with the fewest bytes and knows the figures",
          "[gguf]") {
    Case one;
    const plan::TypePlanner planner(one.tensors, one.tries, Case::bytes_of);
    CHECK(planner.reaching(24).types == std::vector<Type>{Type::kQ4_K, Type::kQ4_K});
    CHECK(planner.reaching(40).types == std::vector<Type>{Type::kQ4_K, Type::kQ8_0});
    const plan::TypePlan plan = planner.reaching(48);
    CHECK(plan.types == std::vector<Type>{Type::kQ8_0, Type::kQ8_0});
    const auto figures = planner.statistics(plan);
    REQUIRE(figures[1].has_value());
    CHECK(figures[1]->rmse == 0.00122070);  // sqrt(100 / 2^16 / 1024)
    CHECK(figures[1]->max_abs_error == 0.1);
    CHECK_FALSE(planner.statistics(planner.within(1'000'000))[0].has_value());
    const auto curve = planner.curve();
    CHECK(curve.front().byte_count == Case::bytes_of({Type::kQ4_K, Type::kQ4_K}));
    CHECK(curve.back().byte_count == Case::bytes_of({Type::kF32, Type::kF32}));
}

TEST_CASE("weights of an imatrix are found by the names of GGUF files", "[gguf]") {
    const auto only = [](std::string_view name) {
        const auto places = gguf::places_in_imatrix(name);
        return places.size() == 1 ? places.front() : gguf::ImatrixPlace{};
    };
    CHECK(only("transformer.h.3.attn.c_attn.weight").name == "blk.3.attn_qkv.weight");
    CHECK(only("model.layers.12.self_attn.q_proj.weight").name == "blk.12.attn_q.weight");
    CHECK(only("decoder.block.1.layer.1.EncDecAttention.k.weight").name ==
          "dec.blk.1.cross_attn_k.weight");
    CHECK(only("model.layers.4.mlp.experts.7.up_proj.weight").name == "blk.4.ffn_up_exps.weight");
    CHECK(only("model.layers.4.mlp.experts.7.up_proj.weight").expert == 7U);
    CHECK(only("model.layers.4.block_sparse_moe.experts.0.w2.weight").name ==
          "blk.4.ffn_down_exps.weight");
    CHECK_FALSE(only("model.layers.4.mlp.experts.gate_up_proj").expert.has_value());
    CHECK(only("model.layers.4.mlp.experts.gate_up_proj").name == "blk.4.ffn_gate_exps.weight");
    CHECK(gguf::places_in_imatrix("model.layers.x.mlp.experts.7.up_proj.weight").empty());
    CHECK(gguf::places_in_imatrix("something.else").empty());
}
