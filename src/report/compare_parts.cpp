// A tensor whose SQNR is not a number is worse than any other; equal ones stay in file order.
#include "report/compare_parts.hpp"

#include <algorithm>
#include <cmath>

namespace octet::report {

std::string_view what_it_is(bool is_set, const std::string& format) {
    if (format == "gguf") return "a GGUF file";
    return is_set ? "a quantized set" : "a checkpoint";
}

std::vector<const TensorComparison*> worst_first(const CompareReport& report, bool all) {
    std::vector<const TensorComparison*> order;
    for (const TensorComparison& t : report.tensors) {
        if (t.differences && (all || t.differences->max_abs_error > 0)) order.push_back(&t);
    }
    const auto rank = [](const TensorComparison* t) {
        const double sqnr_db = t->differences->sqnr_db;
        return std::isnan(sqnr_db) ? std::pair(0, 0.0) : std::pair(1, sqnr_db);
    };
    std::stable_sort(order.begin(), order.end(),
                     [&](const auto* a, const auto* b) { return rank(a) < rank(b); });
    return order;
}

}  // namespace octet::report
