// What a tensor is for, and the footprint that the seed documents count.
#include <cstdlib>

#include "arch/kinds.hpp"
#include "checkpoint/kind.hpp"
#include "octet/octet.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

using checkpoint::Counted;
using checkpoint::Family;

/// A float32 tensor, kept.
TensorReport tensor(const std::string& name, Shape shape) {
    TensorReport report;
    report.name = name;
    report.shape = std::move(shape);
    report.source_bytes = report.output_bytes = *tensor_bytes(report.dtype, report.shape);
    return report;
}

/// The kind of a tensor that has no neighbours.
Kind kind_alone(std::string_view name, const Shape& shape) {
    std::vector<TensorReport> tensors{tensor(std::string(name), shape)};
    arch::assign_kinds(tensors);
    return tensors[0].kind;
}

/// GPT-2 with 2 layers of 4 and 8 positions; names begin with `prefix`.
std::vector<TensorReport> small_gpt2(const std::string& prefix) {
    std::vector<TensorReport> tensors{
        tensor(prefix + "wte.weight", {16, 4}), tensor(prefix + "wpe.weight", {8, 4}),
        tensor(prefix + "ln_f.weight", {4}), tensor(prefix + "ln_f.bias", {4})};
    for (const char* layer : {"h.0.", "h.1."}) {
        tensors.push_back(tensor(prefix + layer + "attn.bias", {1, 1, 8, 8}));
        tensors.push_back(tensor(prefix + layer + "attn.c_proj.weight", {4, 4}));
        tensors.push_back(tensor(prefix + layer + "attn.c_proj.bias", {4}));
        tensors.push_back(tensor(prefix + layer + "ln_1.weight", {4}));
    }
    return tensors;
}

TEST_CASE("families are told from their tensor names") {
    REQUIRE(checkpoint::detect_family(small_gpt2("")) == Family::kGpt2);
    REQUIRE(checkpoint::detect_family(small_gpt2("transformer.")) == Family::kGpt2);
    REQUIRE(checkpoint::detect_family(
                {tensor("shared.weight", {4, 4}),
                 tensor("encoder.block.0.layer.0.SelfAttention.q.weight", {4, 4})}) == Family::kT5);
    REQUIRE(checkpoint::detect_family({tensor("wpe.weight", {4, 4})}) == Family::kUnknown);
    REQUIRE(checkpoint::detect_family({tensor("shared.weight", {4, 4})}) == Family::kUnknown);
    REQUIRE(checkpoint::detect_family({}) == Family::kUnknown);
}

TEST_CASE("the tensors of GPT-2 have their kinds with and without the prefix") {
    for (const std::string prefix : {"", "transformer."}) {
        const auto kind = [&](const std::string& name, const Shape& shape) {
            return kind_alone(prefix + name, shape);
        };
        REQUIRE(kind("wte.weight", {16, 4}) == Kind::kEmbedding);
        REQUIRE(kind("wpe.weight", {8, 4}) == Kind::kPosition);
        REQUIRE(kind("ln_f.weight", {4}) == Kind::kNorm);
        REQUIRE(kind("h.11.ln_2.bias", {4}) == Kind::kNorm);
        REQUIRE(kind("h.11.attn.bias", {1, 1, 8, 8}) == Kind::kBuffer);
        REQUIRE(kind("h.11.attn.masked_bias", {}) == Kind::kBuffer);
        REQUIRE(kind("h.11.attn.c_attn.bias", {12}) == Kind::kBias);
        REQUIRE(kind("h.11.attn.c_attn.weight", {4, 12}) == Kind::kWeight);
        REQUIRE(kind("h.11.mlp.c_fc.weight", {4, 16}) == Kind::kWeight);
    }
    REQUIRE(kind_alone("lm_head.weight", {16, 4}) == Kind::kHead);
}

TEST_CASE("the tensors of T5 have their kinds") {
    const auto kind = [](std::string_view name, const Shape& shape) {
        return kind_alone(name, shape);
    };
    REQUIRE(kind("shared.weight", {16, 4}) == Kind::kEmbedding);
    REQUIRE(kind("encoder.embed_tokens.weight", {16, 4}) == Kind::kEmbedding);
    REQUIRE(kind("lm_head.weight", {16, 4}) == Kind::kHead);
    REQUIRE(kind("decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", {32, 6}) ==
            Kind::kPosition);
    REQUIRE(kind("decoder.block.0.layer.0.layer_norm.weight", {4}) == Kind::kNorm);
    REQUIRE(kind("encoder.final_layer_norm.weight", {4}) == Kind::kNorm);
    REQUIRE(kind("encoder.block.0.layer.1.DenseReluDense.wi_0.weight", {16, 4}) == Kind::kWeight);
}

TEST_CASE("names of other architectures are read by their usual words") {
    const auto kind = [](std::string_view name, const Shape& shape) {
        return kind_alone(name, shape);
    };
    REQUIRE(kind("model.embed_tokens.weight", {16, 4}) == Kind::kEmbedding);
    REQUIRE(kind("model.layers.0.self_attn.q_proj.weight", {4, 4}) == Kind::kWeight);
    REQUIRE(kind("model.layers.0.self_attn.q_proj.bias", {4}) == Kind::kBias);
    REQUIRE(kind("model.layers.0.input_layernorm.weight", {4}) == Kind::kNorm);
    REQUIRE(kind("bert.encoder.layer.0.output.LayerNorm.bias", {4}) == Kind::kNorm);
    REQUIRE(kind("bert.embeddings.position_embeddings.weight", {8, 4}) == Kind::kPosition);
    REQUIRE(kind("bert.embeddings.position_ids", {1, 8}) == Kind::kBuffer);
    REQUIRE(kind("model.layers.0.self_attn.rotary_emb.inv_freq", {2}) == Kind::kBuffer);
    REQUIRE(kind("bn1.running_mean", {4}) == Kind::kBuffer);
    REQUIRE(kind("lm_head.weight", {16, 4}) == Kind::kHead);
    REQUIRE(kind("classifier.bias", {2}) == Kind::kBias);
    REQUIRE(kind("logit_scale", {}) == Kind::kOther);
    REQUIRE(kind("gamma", {4}) == Kind::kOther);
}

TEST_CASE("kind names are those of the rules") {
    std::vector<std::string> names;
    for (int i = 0; i < kKindCount; ++i) names.emplace_back(kind_name(static_cast<Kind>(i)));
    REQUIRE(names == std::vector<std::string>{"weight", "embedding", "head", "position", "norm",
                                              "bias", "buffer", "other"});
}

TEST_CASE("the footprint of GPT-2 counts the framework's masks and not those of the file") {
    const std::uint64_t parameters = 4 * (16 * 4 + 8 * 4 + 4 + 4 + 2 * (16 + 4 + 4));
    const std::uint64_t buffers = 2 * (8 * 8 + 4);
    for (const std::string prefix : {"", "transformer."}) {
        std::vector<TensorReport> tensors = small_gpt2(prefix);
        REQUIRE(checkpoint::framework_bytes(Family::kGpt2, tensors, Counted::kSource) ==
                parameters + buffers);
        tensors.push_back(tensor("lm_head.weight", {16, 4}));  // tied: counted once
        REQUIRE(checkpoint::framework_bytes(Family::kGpt2, tensors, Counted::kSource) ==
                parameters + buffers);
        tensors.back().shape = {17, 4};  // another shape is another tensor
        tensors.back().source_bytes = 17 * 4 * 4;
        REQUIRE(checkpoint::framework_bytes(Family::kGpt2, tensors, Counted::kSource) ==
                parameters + buffers + 17 * 4 * 4);
    }
}

TEST_CASE("the footprint of a set counts codes but not what the sidecar holds") {
    std::vector<TensorReport> tensors{tensor("a.weight", {10, 10}), tensor("b", {3})};
    tensors[0].scheme = Scheme{};
    tensors[0].output_bytes = 100 + 8;
    REQUIRE(checkpoint::framework_bytes(Family::kUnknown, tensors, Counted::kStored) == 100 + 12);
    REQUIRE(checkpoint::framework_bytes(Family::kUnknown, tensors, Counted::kSource) == 412);
}

TEST_CASE("copies of T5's shared embedding are counted once") {
    std::vector<TensorReport> tensors{
        tensor("shared.weight", {16, 4}), tensor("encoder.embed_tokens.weight", {16, 4}),
        tensor("decoder.embed_tokens.weight", {16, 4}), tensor("lm_head.weight", {16, 4}),
        tensor("encoder.block.0.layer.0.SelfAttention.q.weight", {4, 4})};
    REQUIRE(checkpoint::framework_bytes(Family::kT5, tensors, Counted::kSource) ==
            4 * (64 + 64 + 16));
}

/// Inspects a sparse file with a real model's header; 0 and a warning where the shared data are not
/// there.
std::uint64_t real_framework_bytes(const std::string& header_name, std::uint64_t data_bytes) {
    const char* shared = std::getenv("OCTET_SHARED");
    if (shared == nullptr || *shared == '\0') {
        WARN("skipped: OCTET_SHARED is not set");
        return 0;
    }
    const std::string json =
        read_file(std::filesystem::path(shared) / "data/headers" / header_name);
    REQUIRE_FALSE(json.empty());
    const TemporaryFolder folder;
    const auto path = folder / "model.safetensors";
    write_sparse_checkpoint(path, json, data_bytes);
    return inspect(path).totals.framework_bytes;
}

TEST_CASE("the real header of GPT-2 has the footprint of the lesson") {
    const std::uint64_t bytes = real_framework_bytes("gpt2.json", 548'090'880);
    if (bytes != 0) REQUIRE(bytes == 510'342'192);
}

TEST_CASE("the real header of FLAN-T5 small has the footprint of the lesson") {
    const std::uint64_t bytes = real_framework_bytes("flan-t5-small.json", 307'844'608);
    if (bytes != 0) REQUIRE(bytes == 307'844'608);
}

}  // namespace
}  // namespace octet::test
