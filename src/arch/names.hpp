// The name of a tensor in parts: the module that holds it, the parameter's own name (the leaf), and
// the last module that is called by a word. Containers' numbers and the names that wrappers put in
// between (`module.`, `base_layer.`, `parametrizations.weight.`) say nothing about what a module
// is, so they are skipped. Views of the name; pure.
#pragma once

#include <string>
#include <string_view>

#include "octet/dtype.hpp"

namespace octet::arch {

/// "model.layers.0.mlp.gate.weight": module "model.layers.0.mlp.gate", leaf "weight", last "gate",
/// parent "mlp".
struct Name {
    std::string_view full;
    std::string_view module;  ///< all before the leaf, without the dot; may be empty
    std::string_view leaf;
    std::string_view last;    ///< the last named module; empty of a parameter of the model itself
    std::string_view parent;  ///< the named module around that
    bool in_layers =
        false;  ///< a number stands before the last named module, as in a stack of layers
};

Name parts_of(std::string_view name);

/// Without what wrappers put before every name: `module.`, `_orig_mod.`, `model.`, `transformer.`.
std::string_view without_wrappers(std::string_view name);

/// The name with every number as "#": equal for the same place in every layer of a stack.
std::string stack_of(std::string_view name);

/// In small letters, without the digits (and "_") that it ends in: "LayerNorm1" is "layernorm",
/// "ln_1" is "ln".
std::string plain_word(std::string_view word);

/// True if one of the words between "_" is that one.
bool has_word(std::string_view text, std::string_view word);

/// Dimensions above 1: of vectors at most one.
int wide_dimensions(const Shape& shape);

/// What a layer multiplies with, by the parameter's own name: "weight", "weight_v", "kernel",
/// "original1", ..., whose module says what it is; and as bare parameters "gate_up_proj", "w1",
/// "text_projection", ...
bool is_weight_leaf(std::string_view leaf);
bool is_bare_weight_leaf(std::string_view leaf);

/// "bias", "gate_up_proj_bias", "beta" no.
bool is_bias_leaf(std::string_view leaf);

}  // namespace octet::arch
