// The table of products.hpp of the loops that stand before this in a file, each under the name of
// its member. Included last by product_text.hpp and by products_scalar.cpp, and by nobody else.
#pragma once

#include "kernels/products.hpp"

namespace octet::kernels {
namespace {

constexpr Products products_named(const char* name) {
    return {name,
            dot_f32,
            dot_codes,
            dots_of_two_levels,
            add_rows_f32,
            add_rows_codes,
            add_rows_of_tokens,
            restore_small_states,
            add_products,
            add_two_products,
            widen_codes,
            multiply_panel,
            transpose,
            exponentials,
            gelu};
}

}  // namespace
}  // namespace octet::kernels
