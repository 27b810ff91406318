// Sums in 16 lanes where they are long. Keys are kept transposed, so that the scores of a query are
// sums of rows; softmax subtracts the largest score first.
#include "model/layers.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace octet::model {
namespace {

constexpr std::size_t kLanes = 16;  ///< independent sums, which the compiler keeps in registers

/// The sum of term(i) for i < count.
template <typename Term>
float sum_of(std::size_t count, Term term) {
    float lanes[kLanes] = {};
    std::size_t i = 0;
    for (; i + kLanes <= count; i += kLanes) {
        for (std::size_t lane = 0; lane < kLanes; ++lane) lanes[lane] += term(i + lane);
    }
    float sum = 0.0F;
    for (const float lane : lanes) sum += lane;
    for (; i < count; ++i) sum += term(i);
    return sum;
}

}  // namespace

void layer_norm(const Matrix& x, const std::vector<float>& weight, const std::vector<float>& bias,
                float epsilon, Matrix& out) {
    if (out.rows != x.rows || out.columns != x.columns) out = Matrix(x.rows, x.columns);
    const auto count = static_cast<float>(x.columns);
    for (std::size_t t = 0; t < x.rows; ++t) {
        const float* const in = x.row(t);
        float* const y = out.row(t);
        const float mean = sum_of(x.columns, [&](std::size_t i) { return in[i]; }) / count;
        const float variance =
            sum_of(x.columns, [&](std::size_t i) { return (in[i] - mean) * (in[i] - mean); }) /
            count;
        const float factor = 1.0F / std::sqrt(variance + epsilon);
        for (std::size_t i = 0; i < x.columns; ++i)
            y[i] = (in[i] - mean) * factor * weight[i] + bias[i];
    }
}

void rms_norm(const Matrix& x, const std::vector<float>& weight, float epsilon, Matrix& out) {
    if (out.rows != x.rows || out.columns != x.columns) out = Matrix(x.rows, x.columns);
    for (std::size_t t = 0; t < x.rows; ++t) {
        const float* const in = x.row(t);
        float* const y = out.row(t);
        const float squares = sum_of(x.columns, [&](std::size_t i) { return in[i] * in[i]; });
        const float factor = 1.0F / std::sqrt(squares / static_cast<float>(x.columns) + epsilon);
        for (std::size_t i = 0; i < x.columns; ++i) y[i] = in[i] * factor * weight[i];
    }
}

void add(Matrix& x, const Matrix& y) {
    for (std::size_t i = 0; i < x.values.size(); ++i) x.values[i] += y.values[i];
}

// The pitch is no multiple of 1,024 floats: rows of one would share a few sets of the first cache.
KeyValueCache::KeyValueCache(std::size_t width, std::size_t capacity)
    : width_(width),
      capacity_(capacity),
      pitch_(capacity <= 16 ? 16 : (capacity + 31) / 32 * 32 + 16),
      keys_(width * pitch_),
      values_(width * capacity) {}

void KeyValueCache::reserve(std::size_t capacity) {
    if (capacity <= capacity_) return;
    KeyValueCache larger(width_, capacity);
    for (std::size_t i = 0; i < width_; ++i)
        std::copy_n(keys(i), length_,
                    larger.keys_.begin() + static_cast<std::ptrdiff_t>(i * larger.pitch_));
    std::copy_n(values_.begin(), length_ * width_, larger.values_.begin());
    larger.length_ = length_;
    *this = std::move(larger);
}

void KeyValueCache::append(const Matrix& keys, std::size_t first_key, const Matrix& values,
                           std::size_t first_value) {
    for (std::size_t t = 0; t < keys.rows; ++t) {
        const float* const key = keys.row(t) + first_key;
        for (std::size_t i = 0; i < width_; ++i) keys_[i * pitch_ + length_ + t] = key[i];
        std::memcpy(values_.data() + (length_ + t) * width_, values.row(t) + first_value,
                    width_ * sizeof(float));
    }
    length_ += keys.rows;
}

void attend(ComputeContext& compute, const Matrix& queries, const KeyValueCache& cache,
            const Attention& attention, Matrix& out) {
    constexpr std::size_t kQueriesOfTask = 8;
    const std::size_t width = cache.width();
    const std::size_t head_width = width / attention.heads;
    const std::size_t before = attention.causal ? cache.length() - queries.rows : 0;
    if (out.rows != queries.rows || out.columns != width) out = Matrix(queries.rows, width);
    const kernels::Products& loops = compute.loops();
    const std::size_t blocks = (queries.rows + kQueriesOfTask - 1) / kQueriesOfTask;
    std::vector<float> scores_of_members(compute.team().size() * cache.pitch());
    std::vector<float> scaled_of_members(compute.team().size() * head_width);
    compute.team().run(attention.heads * blocks, [&](std::size_t task, unsigned member) {
        float* const scores = scores_of_members.data() + member * cache.pitch();
        float* const scaled = scaled_of_members.data() + member * head_width;
        const std::size_t head = task / blocks;
        const std::size_t first = task % blocks * kQueriesOfTask;
        const std::size_t last = std::min(queries.rows, first + kQueriesOfTask);
        for (std::size_t t = first; t < last; ++t) {
            const std::size_t seen = attention.causal ? before + t + 1 : cache.length();
            const float* const query = queries.row(t) + head * head_width;
            for (std::size_t i = 0; i < head_width; ++i) scaled[i] = query[i] * attention.scale;
            if (attention.bias != nullptr) {
                const std::size_t span = attention.bias_span;
                const float* const row =
                    attention.bias->data() + head * (2 * span - 1) + (span - 1) - (before + t);
                std::copy(row, row + seen, scores);
            } else {
                std::fill(scores, scores + seen, 0.0F);
            }
            loops.add_rows_f32(cache.keys(head * head_width), cache.pitch() * sizeof(float), scaled,
                               head_width, scores, seen);
            const float sum =
                loops.exponentials(scores, seen, *std::max_element(scores, scores + seen));
            float* const y = out.row(t) + head * head_width;
            std::fill(y, y + head_width, 0.0F);
            loops.add_rows_f32(cache.values(0) + head * head_width, width * sizeof(float), scores,
                               seen, y, head_width);
            for (std::size_t i = 0; i < head_width; ++i) y[i] /= sum;
        }
    });
}

}  // namespace octet::model
