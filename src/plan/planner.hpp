// The planner: chooses each tensor's scheme for the least total squared error within a number of
// bytes, or for the fewest bytes that reach a total SQNR, among schemes whose errors were measured.
// Pure: measuring is survey/measure's business, choosing is plan/choice_front's; what lies between
// is here: what a choice costs in the data files, headers included.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "formats/format.hpp"
#include "octet/plan.hpp"
#include "plan/choice_front.hpp"
#include "plan/decide.hpp"
#include "plan/measurements.hpp"

namespace octet::plan {

/// What may become of one tensor, besides what was measured.
struct TensorChoices {
    bool may_be_kept = true;             ///< copying it is a choice, or the only one
    std::optional<std::uint32_t> as_of;  ///< the tensor with equal bytes whose choice is its own
                                         ///< too, and with which it is stored
};

/// A choice for every tensor.
struct Plan {
    std::vector<std::optional<Scheme>> chosen;  ///< parallel to the tensors; nothing: it is kept
    /// Of the chosen schemes, parallel to the tensors; empty where there were too many tries to
    /// keep (Measurements::kMostKept).
    std::vector<TensorStatistics> statistics;
    double sum_of_squares =
        0;  ///< of the quantized values, six digits; six or seven right ones without `statistics`
    double sqnr_db = 0;                ///< of the quantized tensors but buffers, six digits
    double loss = 0;                   ///< sum of (x - x')^2, in the planner's unit
    std::uint64_t byte_count = 0;      ///< of the data files, exactly
    std::optional<double> least_loss;  ///< what no choice of these schemes can beat in as many
                                       ///< bytes; nothing where that is 0
};

class Planner {
  public:
    /// `tensors` as decide() left them: names, dtypes, shapes, kinds; files are those of `format`.
    /// All three outlive this; `choices` are parallel to the tensors. What is the same as another
    /// tensor was not measured.
    Planner(const formats::Format& format, const checkpoint::Checkpoint& checkpoint,
            const std::vector<TensorReport>& tensors, Measurements measured,
            std::vector<TensorChoices> choices);
    Planner(const Planner&) = delete;
    Planner& operator=(const Planner&) = delete;

    /// The least total squared error in data files of at most that many bytes together. A larger
    /// budget never gives more error. kCheckFailed naming the smallest size that there is.
    Plan within(std::uint64_t max_bytes) const;

    /// The smallest data files whose SQNR over the quantized values (Totals::sqnr_db, and also
    /// without the buffers in it) is at least that. kCheckFailed naming the best SQNR that there
    /// is.
    Plan reaching(double sqnr_db) const;

    /// Sizes and what they can reach at best, from the smallest to the largest.
    std::vector<CurvePoint> curve() const;

  private:
    void count_digits();
    void add_items();
    std::uint32_t choices_of(std::size_t tensor) const;
    Choice choice(std::size_t item, std::uint32_t number) const;
    std::string cost_key(std::size_t tensor) const;
    void add_costs(std::size_t tensor);
    std::uint64_t header_bytes(std::size_t tensor, const std::optional<Scheme>& scheme,
                               std::uint64_t digits) const;
    std::uint64_t data_bytes(std::size_t tensor, const std::optional<Scheme>& scheme) const;
    /// `limit` is the cost that the selection had to keep to.
    Plan plan_of(const Selection& selection, double limit) const;
    std::uint64_t exact_bytes(const std::vector<std::optional<Scheme>>& chosen) const;
    void settle_unit();
    double in_unit(const quant::WideSum& sum) const;

    const formats::Format& format_;
    const checkpoint::Checkpoint& checkpoint_;
    const std::vector<TensorReport>& tensors_;
    const formats::NameOfPart name_of_;
    Measurements measured_;
    std::vector<TensorChoices> choices_;
    std::vector<std::uint8_t> digits_;  // of each tensor's offsets, at most
    double slack_ = 0;  // by how much a selection's cost can exceed the bytes of its files
    std::vector<std::uint32_t> items_;  // the tensors with an item of their own; there is one more
                                        // item, all that nobody chooses
    Choice rest_;                       // that one
    std::vector<double> costs_;         // of all choices of tensors that differ in it
    std::vector<std::uint32_t> first_cost_;  // of each item's tensor, in there
    std::optional<ChoiceFront> front_;
    int unit_ = 0;  // squares are counted in 4^unit: 0 unless a double holds no sum of theirs
};

}  // namespace octet::plan
