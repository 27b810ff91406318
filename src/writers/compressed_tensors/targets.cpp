// From what octet knows of a tensor, its kind, role and axis, to what transformers makes of it.
#include "writers/compressed_tensors/targets.hpp"

#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>

#include "base/text.hpp"
#include "formats/compressed_tensors/config_text.hpp"

namespace octet::writers {
namespace {

constexpr std::string_view kWeight = ".weight";

/// "...self_attn.qkv" of any of the three; empty of other modules.
std::string fused_module(std::string_view module) {
    struct Part {
        std::string_view name;
        std::string_view fused;
    };
    static constexpr std::array<Part, 5> kParts = {{{".q_proj", ".qkv"},
                                                    {".k_proj", ".qkv"},
                                                    {".v_proj", ".qkv"},
                                                    {".gate_proj", ".gate_up"},
                                                    {".up_proj", ".gate_up"}}};
    for (const Part& part : kParts) {
        if (!module.ends_with(part.name)) continue;
        return std::string(module.substr(0, module.size() - part.name.size())) +
               std::string(part.fused);
    }
    return "";
}

bool are_alike(const TensorReport& a, const TensorReport& b) {
    if (!a.scheme || !b.scheme) return a.scheme.has_value() == b.scheme.has_value();
    return compressed_tensors::are_one_group(*a.scheme, *b.scheme);
}

std::string stored_name(const TensorReport& tensor) {
    return tensor.scheme ? scheme_name(*tensor.scheme) : "keep";
}

}  // namespace

std::string reason_to_ignore(const TensorReport& tensor) {
    if (tensor.kind == Kind::kEmbedding || tensor.kind == Kind::kPosition)
        return "an embedding, which engines load as floats";
    if (tensor.kind == Kind::kHead) return "the head, which stays float";
    if (tensor.role == Role::kRouter) return "it chooses experts, and stays float";
    if (tensor.batch || tensor.shape.size() > 2)
        return "no matrix of a Linear layer: it has more than two dimensions";
    if (tensor.kind != Kind::kWeight || tensor.shape.size() != 2 || !tensor.name.ends_with(kWeight))
        return "no weight of a Linear layer";
    return tensor.source_bytes == 0 ? "it is empty" : "";
}

std::string_view module_of(std::string_view tensor) {
    return tensor.ends_with(kWeight) ? tensor.substr(0, tensor.size() - kWeight.size()) : tensor;
}

std::vector<std::string> ignored_modules(const std::vector<TensorReport>& tensors) {
    std::vector<std::string> modules = {"lm_head"};
    for (const TensorReport& tensor : tensors) {
        const bool is_matrix = tensor.shape.size() == 2 && tensor.name.ends_with(kWeight);
        const bool may_be_linear =
            tensor.kind != Kind::kEmbedding && tensor.kind != Kind::kPosition;
        if (tensor.scheme || !is_matrix || !may_be_linear || tensor.name == "lm_head.weight")
            continue;
        modules.emplace_back(module_of(tensor.name));
    }
    return modules;
}

std::string fused_difference(const std::vector<TensorReport>& tensors) {
    std::map<std::string, const TensorReport*> first;
    for (const TensorReport& tensor : tensors) {
        if (!tensor.name.ends_with(kWeight)) continue;
        const std::string fused = fused_module(module_of(tensor.name));
        if (fused.empty()) continue;
        const auto [found, is_new] = first.emplace(fused, &tensor);
        if (is_new || are_alike(*found->second, tensor)) continue;
        return fmt::format("{} is {} and {} is {}", in_quotes(found->second->name),
                           stored_name(*found->second), in_quotes(tensor.name),
                           stored_name(tensor));
    }
    return "";
}

}  // namespace octet::writers
