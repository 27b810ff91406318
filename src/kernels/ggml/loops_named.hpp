// The table of blocks.hpp on lanes `L`. Included last by the instruction-set files of this folder.
#pragma once

#include "kernels/ggml/iq4_nl_text.hpp"
#include "kernels/ggml/q2_k_text.hpp"
#include "kernels/ggml/q3_k_text.hpp"
#include "kernels/ggml/q4_0_text.hpp"
#include "kernels/ggml/q4_1_text.hpp"
#include "kernels/ggml/q4_k_text.hpp"
#include "kernels/ggml/q5_0_text.hpp"
#include "kernels/ggml/q5_1_text.hpp"
#include "kernels/ggml/q5_k_text.hpp"
#include "kernels/ggml/q6_k_text.hpp"
#include "kernels/ggml/q8_0_text.hpp"

namespace octet::kernels::ggml {
namespace {

template <typename L>
constexpr Loops loops_named(const char* name) {
    return {name,           encode_q4_0<L>, encode_q4_1<L>, encode_q5_0<L>,
            encode_q5_1<L>, encode_q8_0<L>, encode_q2_k<L>, encode_q3_k<L>,
            encode_q4_k<L>, encode_q5_k<L>, encode_q6_k<L>, encode_iq4_nl<L>};
}

}  // namespace
}  // namespace octet::kernels::ggml
