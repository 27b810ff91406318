// The 16 virtual lanes as registers of the instruction set that is being compiled (`Arch`): kParts
// registers of kWidth lanes.
#pragma once

#include <cstddef>
#include <cstdint>

#include <xsimd/xsimd.hpp>

#include "kernels/scalar_text.hpp"

namespace octet::kernels {
namespace {

using Floats = xsimd::batch<float, Arch>;
using Ints = xsimd::batch<std::int32_t, Arch>;

constexpr std::size_t kWidth = Floats::size;
constexpr std::size_t kParts = kLanes / kWidth;
static_assert(kLanes % kWidth == 0, "registers must divide the 16 virtual lanes");

}  // namespace
}  // namespace octet::kernels
