// Splits at dots from the right. Numbers and the names that wrappers put in between are passed
// over, so that `module.h.3.attn.weight` and `h.3.attn.parametrizations.weight.original` come out
// alike.
#include "arch/names.hpp"

#include <algorithm>
#include <array>

namespace octet::arch {
namespace {

template <std::size_t N>
bool is_one_of(std::string_view text, const std::array<std::string_view, N>& words) {
    return std::find(words.begin(), words.end(), text) != words.end();
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_number(std::string_view part) {
    return !part.empty() && std::all_of(part.begin(), part.end(), is_digit);
}

/// Names that libraries put between a module and its parameters.
bool is_transparent(std::string_view part) {
    static constexpr std::array<std::string_view, 10> kNames = {"weight",
                                                                "parametrizations",
                                                                "base_layer",
                                                                "original_module",
                                                                "modules_to_save",
                                                                "default",
                                                                "_orig_mod",
                                                                "module",
                                                                "_fsdp_wrapped_module",
                                                                "_checkpoint_wrapped_module"};
    return is_number(part) || is_one_of(part, kNames);
}

}  // namespace

Name parts_of(std::string_view name) {
    Name parts;
    parts.full = name;
    const std::size_t dot = name.rfind('.');
    parts.leaf = dot == name.npos ? name : name.substr(dot + 1);
    if (dot == name.npos) return parts;
    parts.module = name.substr(0, dot);
    std::string_view rest = parts.module;
    while (!rest.empty()) {
        const std::size_t stop = rest.rfind('.');
        const std::string_view part = stop == rest.npos ? rest : rest.substr(stop + 1);
        rest = stop == rest.npos ? std::string_view() : rest.substr(0, stop);
        if (!parts.last.empty() && is_number(part)) parts.in_layers = true;
        if (is_transparent(part)) continue;
        if (parts.last.empty()) {
            parts.last = part;
        } else if (parts.parent.empty()) {
            parts.parent = part;
        }
    }
    return parts;
}

std::string_view without_wrappers(std::string_view name) {
    static constexpr std::array<std::string_view, 4> kWrappers = {"module.", "_orig_mod.", "model.",
                                                                  "transformer."};
    for (bool found = true; found;) {
        found = false;
        for (const std::string_view wrapper : kWrappers) {
            if (!name.starts_with(wrapper)) continue;
            name.remove_prefix(wrapper.size());
            found = true;
        }
    }
    return name;
}

std::string stack_of(std::string_view name) {
    std::string stack;
    stack.reserve(name.size());
    for (std::size_t at = 0; at <= name.size();) {
        const std::size_t stop = std::min(name.find('.', at), name.size());
        const std::string_view part = name.substr(at, stop - at);
        if (at > 0) stack += '.';
        stack += is_number(part) ? std::string_view("#") : part;
        at = stop + 1;
    }
    return stack;
}

std::string plain_word(std::string_view word) {
    std::string plain(word);
    std::transform(plain.begin(), plain.end(), plain.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    while (!plain.empty() && (is_digit(plain.back()) || plain.back() == '_')) plain.pop_back();
    return plain;
}

bool has_word(std::string_view text, std::string_view word) {
    for (std::size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1)) {
        const std::size_t end = at + word.size();
        const bool begins = at == 0 || text[at - 1] == '_';
        if (begins && (end == text.size() || text[end] == '_' || is_digit(text[end]))) return true;
    }
    return false;
}

int wide_dimensions(const Shape& shape) {
    return static_cast<int>(
        std::count_if(shape.begin(), shape.end(), [](std::uint64_t n) { return n > 1; }));
}

bool is_weight_leaf(std::string_view leaf) {
    static constexpr std::array<std::string_view, 8> kNames = {"weight",    "weights",  "kernel",
                                                               "weight_v",  "weight_g", "original0",
                                                               "original1", "embedding"};
    return is_one_of(leaf, kNames) || leaf.starts_with("weight_ih") ||
           leaf.starts_with("weight_hh");
}

bool is_bare_weight_leaf(std::string_view leaf) {
    static constexpr std::array<std::string_view, 10> kNames = {
        "wq", "wk", "wv", "wo", "wi", "w1", "Wqkv", "lora_A", "lora_B", "W_qkv"};
    static constexpr std::array<std::string_view, 5> kEnds = {"proj", "projection", "_weight",
                                                              "_kernel", "linear"};
    const bool short_name = leaf.size() >= 2 && leaf.size() <= 3 &&
                            (leaf[0] == 'w' || leaf[0] == 'v') && is_number(leaf.substr(1));
    return short_name || is_one_of(leaf, kNames) ||
           std::any_of(kEnds.begin(), kEnds.end(),
                       [&](std::string_view end) { return leaf.ends_with(end); });
}

bool is_bias_leaf(std::string_view leaf) {
    return leaf == "bias" || leaf.ends_with("_bias") || leaf.starts_with("bias_ih") ||
           leaf.starts_with("bias_hh");
}

}  // namespace octet::arch
