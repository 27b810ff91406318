// The planner of GGUF files: chooses each tensor's type for the least total squared error within a
// number of bytes, or for the fewest bytes that reach a total SQNR, among types whose errors were
// measured. Pure: measuring is writers/gguf/choose_types' business, choosing is choice_front's;
// what lies between is here: what a choice costs. A header is as long whatever the types are, so a
// file is that and its tensors, each aligned.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "formats/gguf/file_layout.hpp"
#include "octet/plan.hpp"
#include "plan/choice_front.hpp"

namespace octet::plan {

/// The types among which the planner chooses for a weight with rows of so many values, from the
/// smallest on; the last keeps every value (of F64: as float32). Rows of whole blocks of 256: Q2_K
/// to Q6_K and Q8_0; else of 32: Q4_0 to Q8_0 and IQ4_NL; and the floats that `dtype` allows.
std::vector<ggml::Type> candidate_types(std::uint64_t row, Dtype dtype);

/// What a type makes of a tensor.
struct TypeTry {
    ggml::Type type = ggml::Type::kF32;
    bool is_lossy = false;
    double noise = 0;  ///< sum of (x - x')^2
    double max_abs_error = 0;
};

/// Of all tensors, one behind the other: a hundred thousand of them have a million tries.
class TypeTries {
  public:
    /// The next tensor, with at least one try, of which a lossy one is the first where there is
    /// any. `signal` is the sum of its squares.
    void add(const std::vector<TypeTry>& tries, double signal);

    std::size_t tensors() const noexcept { return signals_.size(); }
    std::uint32_t count(std::size_t tensor) const { return first_[tensor + 1] - first_[tensor]; }
    const TypeTry& at(std::size_t tensor, std::uint32_t number) const {
        return tries_[first_[tensor] + number];
    }
    double signal(std::size_t tensor) const { return signals_[tensor]; }

  private:
    std::vector<std::uint32_t> first_ = {0};
    std::vector<TypeTry> tries_;
    std::vector<double> signals_;
};

/// A type for every tensor.
struct TypePlan {
    std::vector<ggml::Type> types;       ///< parallel to the tensors
    std::vector<std::uint32_t> numbers;  ///< the same as numbers of tries
    double sqnr_db = 0;  ///< of all values that may change, as Totals::sqnr_db; six digits
    double loss = 0;     ///< sum of (x - x')^2
    std::uint64_t byte_count = 0;      ///< of the files, exactly
    std::optional<double> least_loss;  ///< what no choice of these types can beat in as many bytes;
                                       ///< nothing where that is 0
};

class TypePlanner {
  public:
    /// `bytes_of` counts the files of a choice exactly; what is added to the tensors' own aligned
    /// bytes is header and, of several files, more headers. All that is given outlives this but
    /// `tries`.
    TypePlanner(const std::vector<gguf::TypedFileTensor>& tensors, TypeTries tries,
                std::function<std::uint64_t(const std::vector<ggml::Type>&)> bytes_of);
    TypePlanner(const TypePlanner&) = delete;
    TypePlanner& operator=(const TypePlanner&) = delete;

    /// The least total squared error in files of at most that many bytes together. kCheckFailed
    /// naming the smallest size that there is.
    TypePlan within(std::uint64_t max_bytes) const;

    /// The smallest files with at least that SQNR. kCheckFailed naming the best that there is.
    TypePlan reaching(double sqnr_db) const;

    /// Where every tensor has a single type.
    TypePlan only() const { return plan_of(front_->cheapest(), front_->cheapest().cost); }

    /// Sizes and what they can reach at best, from the smallest to the largest.
    std::vector<CurvePoint> curve() const;

    /// Of each tensor's chosen type; nothing where that keeps every value.
    std::vector<std::optional<TensorStatistics>> statistics(const TypePlan& plan) const;

  private:
    Choice choice(std::size_t tensor, std::uint32_t number) const;
    TypePlan plan_of(const Selection& selection, double limit) const;

    const std::vector<gguf::TypedFileTensor>& tensors_;
    TypeTries tries_;
    std::function<std::uint64_t(const std::vector<ggml::Type>&)> bytes_of_;
    double header_bytes_ = 0;  ///< of the choice that the front calls cheapest
    std::optional<ChoiceFront> front_;
};

}  // namespace octet::plan
