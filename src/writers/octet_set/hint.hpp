// The line that ends a report of quantize where something may be done better: weights that lost
// much, or nothing that could be quantized. Measures the few weights that it is about, where they
// are small; writes nothing.
#pragma once

#include <string>

#include "checkpoint/checkpoint.hpp"
#include "octet/options.hpp"
#include "octet/report.hpp"
#include "plan/importance.hpp"

namespace octet::writers {

/// Empty where all is well. `report` is that of a run with these `options`, statistics included;
/// `importance` may be null.
std::string hint_of(const checkpoint::Checkpoint& checkpoint, const Report& report,
                    const QuantizeOptions& options, const plan::Importance* importance);

}  // namespace octet::writers
