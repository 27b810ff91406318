// The table of blocks.hpp on lanes `L`. Included last by the instruction-set files of this folder.
#pragma once

#include "kernels/ggml/q4_0_text.hpp"
#include "kernels/ggml/q8_0_text.hpp"

namespace octet::kernels::ggml {
namespace {

template <typename L>
constexpr Loops loops_named(const char* name) {
    return {name, encode_q4_0<L>, encode_q8_0<L>};
}

}  // namespace
}  // namespace octet::kernels::ggml
