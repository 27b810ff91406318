// Every tensor's type in every mixture is the one that llama-quantize itself gives it:
// testdata/gguf_types.json was made by running it.
#include <fstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "formats/gguf/mixtures.hpp"

using namespace octet;

TEST_CASE("mixtures choose the types that llama-quantize chooses", "[gguf]") {
    std::ifstream file(OCTET_TESTDATA_DIR "/gguf_types.json");
    const nlohmann::json golden = nlohmann::json::parse(file);
    const auto type_names = golden["names"].get<std::vector<std::string>>();
    REQUIRE(golden["models"].size() == 6);
    for (const nlohmann::json& one : golden["models"]) {
        gguf::ModelShape model;
        const auto architecture = one["architecture"].get<std::string>();
        model.architecture = architecture;
        model.layers = one["layers"];
        model.heads = one["heads"];
        model.key_heads = one["key_heads"];
        std::vector<std::string> names;
        std::vector<Shape> shapes;
        for (const nlohmann::json& tensor : one["tensors"]) {
            names.push_back(tensor[0]);
            shapes.push_back(tensor[1]);
        }
        std::vector<gguf::TypedTensor> tensors;
        for (std::size_t i = 0; i < names.size(); ++i)
            tensors.push_back({names[i], shapes[i], gguf::may_be_quantized(names[i], shapes[i])});
        for (const auto& [name, letters] : one["types"].items()) {
            const gguf::Mixture* const mixture = gguf::find_mixture(name);
            REQUIRE(mixture != nullptr);
            const std::vector<ggml::Type> types = gguf::types_of(*mixture, model, tensors);
            const auto wanted = letters.get<std::string>();
            for (std::size_t i = 0; i < names.size(); ++i) {
                INFO(architecture << " " << name << " " << names[i]);
                const ggml::Type type = gguf::fallback_of(types[i], shapes[i].back());
                CHECK(ggml::traits_of(type).name ==
                      type_names[static_cast<std::size_t>(wanted[i] - 'a')]);
            }
        }
    }
}

TEST_CASE("rows that are no whole blocks have the type that llama-quantize falls back to",
          "[gguf]") {
    using ggml::Type;
    CHECK(gguf::fallback_of(Type::kQ4_K, 512) == Type::kQ4_K);
    CHECK(gguf::fallback_of(Type::kQ4_K, 96) == Type::kQ5_0);
    CHECK(gguf::fallback_of(Type::kQ5_K, 96) == Type::kQ5_1);
    CHECK(gguf::fallback_of(Type::kQ6_K, 96) == Type::kQ8_0);
    CHECK(gguf::fallback_of(Type::kQ3_K, 96) == Type::kQ4_0);
    CHECK(gguf::fallback_of(Type::kQ2_K, 96) == Type::kQ4_0);
    CHECK(gguf::fallback_of(Type::kQ8_0, 172) == Type::kF16);
    CHECK(gguf::fallback_of(Type::kQ6_K, 172) == Type::kF16);
}
