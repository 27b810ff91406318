// What transformers have between their products: norms, sums, attention over a cache of keys and
// values. Float32 throughout.
#pragma once

#include <cstddef>
#include <vector>

#include "model/matrix.hpp"
#include "model/multiply.hpp"

namespace octet::model {

/// out = (x - mean) / sqrt(variance + epsilon) * weight + bias, row by row (J. L. Ba et al., "Layer
/// Normalization", 2016).
void layer_norm(const Matrix& x, const std::vector<float>& weight, const std::vector<float>& bias,
                float epsilon, Matrix& out);

/// out = x / sqrt(mean of squares + epsilon) * weight, row by row (B. Zhang and R. Sennrich, 2019).
void rms_norm(const Matrix& x, const std::vector<float>& weight, float epsilon, Matrix& out);

/// x += y.
void add(Matrix& x, const Matrix& y);

/// Keys and values of the tokens that attention looks back on, of one layer. Keys lie transposed,
/// [width][pitch], so that the scores of a query are sums of rows; values lie [position][width].
class KeyValueCache {
  public:
    KeyValueCache(std::size_t width, std::size_t capacity);

    std::size_t length() const noexcept { return length_; }
    std::size_t capacity() const noexcept { return capacity_; }
    std::size_t width() const noexcept { return width_; }
    std::size_t pitch() const noexcept { return pitch_; }
    const float* keys(std::size_t channel) const { return keys_.data() + channel * pitch_; }
    const float* values(std::size_t position) const { return values_.data() + position * width_; }

    /// Room for so many tokens, those that are there stay.
    void reserve(std::size_t capacity);

    /// Adds a token for each row of the two: `width` columns from `first_key` of `keys` and from
    /// `first_value` of `values`. There must be room.
    void append(const Matrix& keys, std::size_t first_key, const Matrix& values,
                std::size_t first_value);

  private:
    std::size_t width_;
    std::size_t capacity_;
    std::size_t pitch_;
    std::size_t length_ = 0;
    std::vector<float> keys_;
    std::vector<float> values_;
};

/// How queries look at a cache.
struct Attention {
    std::size_t heads = 1;
    float scale = 1;      ///< of the product of query and key
    bool causal = false;  ///< the last query stands at the cache's last position and sees no later
                          ///< one; else all see all
    /// What is added to the scores, by distance: of head h, key position - query position +
    /// bias_span - 1 in h's row of 2 * bias_span - 1. Empty: nothing.
    const std::vector<float>* bias = nullptr;
    std::size_t bias_span = 0;
};

/// out (resized to queries x width): for each query and head, the values weighed by softmax(scale *
/// query . key + bias). Queries are the first `width` columns of `queries`.
void attend(ComputeContext& compute, const Matrix& queries, const KeyValueCache& cache,
            const Attention& attention, Matrix& out);

}  // namespace octet::model
