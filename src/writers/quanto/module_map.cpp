// Names are compared part by part: numbers by their value, words of one module by a table, and
// others by the alphabet.
#include "writers/quanto/module_map.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/json_text.hpp"

namespace octet::writers {
namespace {

/// Modules of one parent in the order of their making.
constexpr std::array<std::string_view, 20> kOrder = {
    "encoder",   "decoder", "model",  "self_attn", "q",      "k",         "v",
    "o",         "q_proj",  "k_proj", "v_proj",    "o_proj", "gate_proj", "up_proj",
    "down_proj", "wi",      "wi_0",   "wi_1",      "wo",     "lm_head"};

bool is_number(std::string_view part) {
    return std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::size_t rank_of(std::string_view part) {
    return static_cast<std::size_t>(std::find(kOrder.begin(), kOrder.end(), part) - kOrder.begin());
}

bool is_before(std::string_view a, std::string_view b) {
    if (is_number(a) && is_number(b)) return std::pair(a.size(), a) < std::pair(b.size(), b);
    return std::pair(rank_of(a), a) < std::pair(rank_of(b), b);
}

/// The part before the first dot, which is taken off.
std::string_view take_part(std::string_view& name) {
    const std::size_t stop = std::min(name.find('.'), name.size());
    const std::string_view part = name.substr(0, stop);
    name.remove_prefix(std::min(stop + 1, name.size()));
    return part;
}

bool comes_first(std::string_view a, std::string_view b) {
    while (!a.empty() && !b.empty()) {
        const std::string_view x = take_part(a);
        const std::string_view y = take_part(b);
        if (x != y) return is_before(x, y);
    }
    return a.empty() && !b.empty();
}

}  // namespace

std::string module_map_text(std::vector<QuantizedModule> modules) {
    std::sort(modules.begin(), modules.end(),
              [](const QuantizedModule& a, const QuantizedModule& b) {
                  return comes_first(a.name, b.name);
              });
    std::string text = "{";
    for (const QuantizedModule& module : modules) {
        text += text.size() > 1 ? ",\n    " : "\n    ";
        append_json_string(text, module.name);
        text += ": {\n        \"weights\": ";
        append_json_string(text, module.qtype);
        text += ",\n        \"activations\": \"none\"\n    }";
    }
    text += modules.empty() ? "}" : "\n}";
    return text;
}

}  // namespace octet::writers
