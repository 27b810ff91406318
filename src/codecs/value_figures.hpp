// Figures and histograms of the values of a tensor, and of what quantizing changed in them: two
// passes in order, in bounded memory, on one thread, so that the sums are the same everywhere.
#pragma once

#include <functional>
#include <optional>

#include "codecs/shown_tensor.hpp"

namespace octet::codecs {

/// What is measured: the values, and what is held against them.
struct Measured {
    const formats::FloatSource* values = nullptr;
    std::size_t tensor = 0;
    const formats::FloatSource* restored = nullptr;  ///< null: nothing
    std::size_t restored_tensor = 0;
    Selection selection = {};
};

struct Measurements {
    ValueFigures figures;
    ShownHistogram histogram;
    std::optional<ShownError> error;
    std::optional<ShownHistogram> error_histogram;  ///< where `restored` has a scheme
};

/// `check` is called for each run of elements, with how many were read and how many there are to
/// read; it may throw. kIo.
Measurements measure_values(
    const Measured& measured,
    const std::function<void(std::uint64_t done, std::uint64_t total)>& check);

}  // namespace octet::codecs
