// What quantize finds out by looking at values before anything is laid out: what another run needs
// to come to the same decisions without reading data. A plain value.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "octet/scheme.hpp"

namespace octet::survey {

/// Numbers are those of the checkpoint's tensors.
struct Findings {
    std::vector<std::uint32_t> kept;  ///< whose values cannot be quantized; ascending
    /// A tensor, and the one with which it is stored, as their bytes are equal.
    std::vector<std::pair<std::uint32_t, std::uint32_t>> tied;
    /// The planner's choice for every tensor, nothing: it is kept. Empty where it was not asked.
    std::vector<std::optional<Scheme>> chosen = {};

    friend bool operator==(const Findings&, const Findings&) = default;
};

/// kBadInput where a number is none of `count` tensors'.
void check_findings(const Findings& findings, std::size_t count);

/// The numbers of the flags that are set, and back.
inline std::vector<std::uint32_t> numbers_of(const std::vector<bool>& flags) {
    std::vector<std::uint32_t> numbers;
    for (std::uint32_t i = 0; i < flags.size(); ++i) {
        if (flags[i]) numbers.push_back(i);
    }
    return numbers;
}

/// `numbers` are below `count`.
inline std::vector<bool> flags_of(const std::vector<std::uint32_t>& numbers, std::size_t count) {
    std::vector<bool> flags(count);
    for (const std::uint32_t number : numbers) flags[number] = true;
    return flags;
}

}  // namespace octet::survey
