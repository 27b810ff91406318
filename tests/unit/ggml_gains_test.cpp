// What the searches gain over llama-quantize on four genuine tensors of GPT-2, h.0, 1, 9 and 11
// attn.c_proj.weight: shared/facts/dialects.md 3.7 has llama-quantize's figures.
#include <cstdlib>

#include <nlohmann/json.hpp>

#include "ggml_support.hpp"

namespace octet::test {
namespace {

constexpr std::uint64_t kSize = 768;

struct Gain {
    const char* type;
    double llama_quantize[4];  ///< dB
    double least;              ///< of the mean
};

constexpr Gain kGains[] = {
    {"q8_0", {45.34, 45.16, 45.43, 45.99}, 1.05},  {"q6_k", {34.91, 34.79, 35.01, 35.45}, 0.6},
    {"q5_k", {28.75, 28.58, 28.85, 29.25}, 0.42},  {"q5_0", {27.28, 27.08, 27.39, 27.95}, 0.5},
    {"q4_k", {22.83, 22.73, 22.92, 23.32}, 0.2},   {"q4_0", {21.21, 21.07, 21.32, 21.83}, 0.5},
    {"iq4_nl", {22.32, 22.16, 22.40, 22.68}, 0.3}, {"q3_k", {16.33, 16.23, 16.43, 16.77}, 0.4},
    {"q2_k", {10.50, 10.22, 10.55, 10.97}, 1.1}};

/// The weight as llama.cpp stores it: transposed.
Matrix matrix_of(const std::string& file, const std::string& name) {
    std::uint64_t header_bytes = 0;
    std::memcpy(&header_bytes, file.data(), sizeof(header_bytes));
    const auto header = nlohmann::json::parse(file.substr(8, header_bytes));
    const std::uint64_t begin =
        8 + header_bytes + header[name]["data_offsets"][0].get<std::uint64_t>();
    std::vector<float> stored(kSize * kSize);
    std::memcpy(stored.data(), file.data() + begin, stored.size() * sizeof(float));
    Matrix matrix = {kSize, kSize, std::vector<float>(stored.size()), {}};
    for (std::size_t i = 0; i < kSize; ++i) {
        for (std::size_t j = 0; j < kSize; ++j)
            matrix.values[j * kSize + i] = stored[i * kSize + j];
    }
    return matrix;
}

TEST_CASE("the searches gain what they promise over llama-quantize on genuine weights") {
    const char* const shared = std::getenv("OCTET_SHARED");
    if (shared == nullptr) {
        WARN("skipped: OCTET_SHARED is not set");
        return;
    }
    const std::string file =
        read_file(std::string(shared) + "/data/gpt2-124m-partial/model.safetensors");
    std::vector<Matrix> matrices;
    for (const char* layer : {"0", "1", "9", "11"}) {
        matrices.push_back(matrix_of(file, std::string("h.") + layer + ".attn.c_proj.weight"));
    }
    for (const Gain& gain : kGains) {
        const ggml::Type type = ggml::find_type(std::string_view(gain.type))->type;
        double mean = 0;
        for (std::size_t i = 0; i < 4; ++i) {
            mean += (sqnr_of(matrices[i], type, encoded(matrices[i], type, ggml::Search::kBest)) -
                     gain.llama_quantize[i]) /
                    4;
        }
        INFO(gain.type << " " << mean << " dB");
        CHECK(mean >= gain.least);
    }
}

}  // namespace
}  // namespace octet::test
