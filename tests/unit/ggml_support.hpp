// What the tests of ggml's types share: loops of every instruction set, rows of many kinds, errors.
#pragma once

#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "quant/ggml/active_loops.hpp"
#include "quant/ggml/decode.hpp"
#include "support.hpp"

namespace octet::test {

using Bytes = std::vector<std::byte>;

/// The tables that this machine can run, the scalar one first.
inline std::vector<const kernels::ggml::Loops*> available_loops() {
    std::vector<const kernels::ggml::Loops*> tables;
    for (const kernels::Isa isa : quant::available_isas())
        tables.push_back(kernels::ggml::loops_for(isa));
    return tables;
}

/// A matrix whose rows are encoded, and the weights of its columns.
struct Matrix {
    std::uint64_t rows = 0;
    std::uint64_t columns = 0;
    std::vector<float> values;
    std::vector<float> weights;  ///< empty: none

    const float* used_weights() const { return weights.empty() ? nullptr : weights.data(); }
};

inline Matrix random_matrix(std::uint64_t rows, std::uint64_t columns, std::mt19937& random,
                            float deviation = 0.1F) {
    Matrix matrix = {rows, columns, {}, {}};
    std::normal_distribution<float> normal(0.0F, deviation);
    for (std::uint64_t i = 0; i < rows * columns; ++i) matrix.values.push_back(normal(random));
    return matrix;
}

inline Bytes encoded(const Matrix& matrix, ggml::Type type, ggml::Search search,
                     const kernels::ggml::Loops& loops = ggml::active_loops()) {
    Bytes bytes(matrix.rows * ggml::row_bytes(type, matrix.columns));
    ggml::encode_with(loops, type, matrix.values.data(), matrix.rows, matrix.columns,
                      matrix.used_weights(), search, bytes.data());
    return bytes;
}

/// The weighted sum of squared errors.
inline double noise_of(const Matrix& matrix, ggml::Type type, const Bytes& bytes) {
    std::vector<float> restored(matrix.values.size());
    ggml::decode(type, bytes.data(), restored.size(), restored.data());
    double noise = 0;
    for (std::size_t i = 0; i < restored.size(); ++i) {
        const double error =
            static_cast<double>(matrix.values[i]) - static_cast<double>(restored[i]);
        noise += error * error *
                 (matrix.weights.empty() ? 1.0
                                         : static_cast<double>(matrix.weights[i % matrix.columns]));
    }
    return noise;
}

inline double sqnr_of(const Matrix& matrix, ggml::Type type, const Bytes& bytes) {
    double signal = 0;
    for (std::size_t i = 0; i < matrix.values.size(); ++i) {
        const double value = static_cast<double>(matrix.values[i]);
        signal +=
            value * value *
            (matrix.weights.empty() ? 1.0
                                    : static_cast<double>(matrix.weights[i % matrix.columns]));
    }
    return 10.0 * std::log10(signal / noise_of(matrix, type, bytes));
}

inline Bytes bytes_of(std::string_view hex) {
    Bytes bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
        bytes.push_back(
            static_cast<std::byte>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
    }
    return bytes;
}

}  // namespace octet::test
