// Products of activations with weights, shared out over a team. A weight is read once for all
// tokens of a call; its values are restored in panels of 32 outputs, or, for few tokens, in
// registers or never: y = scale * (codes . x) + offset * sum(x). The result does not depend on the
// number of threads.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "kernels/products.hpp"
#include "model/matrix.hpp"
#include "model/team.hpp"
#include "model/weight_matrix.hpp"

namespace octet::model {

/// With fewer tokens restoring the values, or copying floats, costs more than it saves.
inline constexpr std::size_t kFewTokens = 4;
inline constexpr std::size_t kFewTokensOfCodes = 9;

/// How a weight is stored.
enum class Layout {
    kOutIn,  ///< Linear: a row is an output
    kInOut,  ///< GPT-2's Conv1D: a row is an input
};

/// Sums of squared inputs of every weight that was multiplied with, by its name, for calibrate.
struct InputSquares {
    std::vector<double> sums;  ///< one an input
    std::uint64_t tokens = 0;
};

struct Few;

/// What forward passes compute with.
class ComputeContext {
  public:
    /// Threads as Team takes them; an unknown OCTET_ISA is kUsage.
    explicit ComputeContext(unsigned threads);

    Team& team() noexcept { return team_; }
    const kernels::Products& loops() const noexcept { return loops_; }

    /// While set, every multiply() adds to it.
    void observe(std::map<std::string, InputSquares>* squares) noexcept { squares_ = squares; }

    /// out (resized to x.rows x outputs) = x times the weight, plus `bias` (one an output) unless
    /// it is empty. `x` may not be `out`. `next`: the weight of the product after this, in the same
    /// layout, or null; what is read of it first may be brought in meanwhile.
    void multiply(const Matrix& x, const WeightMatrix& weight, Layout layout,
                  const std::vector<float>& bias, Matrix& out, const WeightMatrix* next = nullptr);

    /// gelu_new of every value.
    void apply_gelu(Matrix& x);

  private:
    void multiply_by_panels(const Matrix& x, const WeightMatrix& weight, Layout layout,
                            Matrix& out);
    void multiply_few(const Matrix& x, const WeightMatrix& weight, Layout layout, Matrix& out,
                      const WeightMatrix* next);
    void multiply_code_rows(const Few& few);
    void multiply_code_columns(const Few& few);
    void add_squares(const Matrix& x, const WeightMatrix& weight);
    float* scratch(unsigned member) noexcept { return scratch_[member].data(); }
    void reserve_scratch(std::size_t floats);

    Team team_;
    const kernels::Products& loops_;
    std::vector<std::vector<float>> scratch_;  ///< one a member
    std::vector<float> partials_;              ///< sums of the tasks of a product
    std::map<std::string, InputSquares>* squares_ = nullptr;
};

}  // namespace octet::model
