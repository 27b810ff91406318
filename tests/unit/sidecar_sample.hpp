// A sidecar with one tensor of each form, for the tests of its text.
#pragma once

#include <limits>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "../sidecar_text.hpp"
#include "support.hpp"

namespace octet::test {

/// Any checksum; `number` tells them apart.
inline Checksum checksum(unsigned char number) {
    Checksum checksum;
    for (std::size_t i = 0; i < checksum.bytes.size(); ++i)
        checksum.bytes[i] = static_cast<unsigned char>(16 * number + i);
    return checksum;
}

inline octet_set::Sidecar sample() {
    octet_set::Sidecar sidecar;
    sidecar.generator = "octet 0.1.0";
    sidecar.source_files = {{"model.safetensors", 548105171}};
    sidecar.source_framework_bytes = 510342192;
    sidecar.source_sum_of_squares = 1234.5;
    sidecar.files = {{"model.octet.safetensors", 137040000, checksum(1)}};
    sidecar.companions = {{"config.json", 665, checksum(2)}, {"LICENSE é", 0, checksum(3)}};
    TensorReport quantized;
    quantized.name = "wte.\"weight\"";
    quantized.dtype = Dtype::kF32;
    quantized.shape = {50257, 768};
    quantized.scheme = parse_scheme("u8-trunc");
    quantized.scale = 0.012345679F;
    quantized.zero_point = -1.27F;
    quantized.statistics = TensorStatistics{24.1, 0.0035, 0.0061, 0.0062, 3};
    TensorReport exact;
    exact.name = "ln.weight";
    exact.dtype = Dtype::kBF16;
    exact.shape = {};
    exact.scheme = Scheme{};
    exact.scale = 0.0F;
    exact.zero_point = 1.0F;
    exact.statistics = TensorStatistics{std::numeric_limits<double>::infinity(), 0, 0, 0, 0};
    TensorReport kept;
    kept.name = "ids";
    kept.dtype = Dtype::kI64;
    kept.shape = {4, 0};
    kept.reason = "integer dtype";
    sidecar.tensors = {quantized, exact, kept};
    unsigned char number = 4;
    for (TensorReport& tensor : sidecar.tensors) {
        tensor.source_checksum = checksum(number++);
        tensor.stored_checksum = checksum(number++);
    }
    return sidecar;
}

/// The sample without its seal.
inline nlohmann::ordered_json unsealed_sample() {
    nlohmann::ordered_json sidecar = nlohmann::ordered_json::parse(sidecar_text(sample()));
    sidecar.erase("xxh3_128");
    return sidecar;
}

/// The text of a sidecar with the seal that fits it.
inline std::string sealed(const nlohmann::ordered_json& sidecar) {
    std::string text = sidecar.dump();
    text.pop_back();
    return sealed_text(std::move(text));
}

inline std::string refusal(std::string_view text) {
    return error_of([&] { octet_set::parse_sidecar(text, "f"); });
}

inline std::string refused(std::string_view what) {
    return "3 f: " + std::string(what) + "; restore the sidecar or quantize again";
}

}  // namespace octet::test
