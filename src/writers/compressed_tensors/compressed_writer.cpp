// Decided as for a set, with options of this format's own; then every scheme is held against what
// the engine loads.
#include "writers/compressed_tensors/compressed_writer.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/set_names.hpp"
#include "base/text.hpp"
#include "checkpoint/declared_method.hpp"
#include "checkpoint/kind.hpp"
#include "octet/error.hpp"
#include "writers/compressed_tensors/targets.hpp"
#include "writers/output_name.hpp"

namespace octet::writers {

using compressed_tensors::Packing;

namespace {

constexpr std::uint32_t kGroupSize = 128;
constexpr std::string_view kForTransformers = "transformers";
constexpr std::uint64_t kMostConfigBytes = 16U << 20U;

[[noreturn]] void refuse(const std::string& what, const std::string& why) {
    throw Error(ErrorCode::kUsage, what, why);
}

[[noreturn]] void refuse(const TensorReport& tensor, const std::string& why) {
    refuse("tensor " + in_quotes(tensor.name), why);
}

/// The model's config.json, which the format is written into.
compressed_tensors::ModelConfig config_of(const Order& order) {
    const std::filesystem::path path = checkpoint::config_of(order.checkpoint, order.links);
    if (path.empty() || io::kind_at(path) == io::EntryKind::kNothing)
        throw Error(ErrorCode::kBadInput, printable(order.checkpoint.input),
                    "has no config.json, into which --format compressed-tensors writes how weights "
                    "are stored; give the "
                    "model's folder");
    return compressed_tensors::parse_config(io::read_text_file(path, kMostConfigBytes),
                                            printable(path.native()));
}

/// The dtype of scales that the engine computes in: that of the weights. vLLM computes in 16 bits.
ScaleDtype scale_dtype_for(Dtype weights, Packing packing) {
    if (weights == Dtype::kBF16) return ScaleDtype::kBF16;
    return weights == Dtype::kF16 || packing == Packing::kPacked ? ScaleDtype::kF16
                                                                 : ScaleDtype::kF32;
}

std::uint64_t total_bytes(const std::vector<quant::StoredPart>& parts) {
    std::uint64_t sum = 0;
    for (const quant::StoredPart& part : parts) sum += part.byte_count;
    return sum;
}

bool is_t5(const std::string& model_type) {
    return model_type.ends_with("t5");
}

}  // namespace

void check_compressed(const QuantizeOptions& options, const std::filesystem::path& given) {
    check_set_name(given);
    if (options.preset != Preset::kAll && options.preset != Preset::kLinear)
        refuse(fmt::format("--preset {}", octet_set::preset_name(options.preset)),
               "chooses schemes that compressed-tensors has no place for; use --bits 4 or 8 and "
               "--range mse");
    if (options.max_size || options.target_sqnr_db)
        refuse(options.max_size ? "--max-size" : "--target-sqnr",
               "the planner does not choose for compressed-tensors; use --bits and --rule");
}

CompressedOptions::CompressedOptions(const QuantizeOptions& given)
    : made(given),
      packing(given.engine == kForTransformers ? Packing::kNaive : Packing::kPacked),
      asks_group(given.scheme.group_size || given.scheme.granularity),
      asks_scale(given.scheme.scale_dtype.has_value()) {
    made.preset = Preset::kLinear;
    SchemeOptions& scheme = made.scheme;
    const bool has_groups = scheme.granularity.value_or(Granularity::kGroup) == Granularity::kGroup;
    if (has_groups && !scheme.group_size) scheme.group_size = kGroupSize;
    if (scheme.zero_point && !scheme.symmetric) scheme.symmetric = false;
}

CompressedWriter::CompressedWriter(const Order& order)
    : CompressedOptions(order.options),
      FolderWriter({order.checkpoint, made, order.links, order.given, order.set},
                   {"model", kIndexName, kFolderReportName, "compressed-tensors", false}),
      format_(packing),
      config_(config_of(order)) {}

/// With the scale's dtype, and as a channel where the group that nobody asked for does not divide
/// the row.
Scheme CompressedWriter::adapted(Scheme scheme, const TensorReport& tensor, bool by_rule) const {
    if (scheme.scale_dtype == ScaleDtype::kF32 && (by_rule || !asks_scale) &&
        scheme.granularity != Granularity::kTensor)
        scheme.scale_dtype = scale_dtype_for(tensor.dtype, packing);
    const bool is_short =
        scheme.granularity == Granularity::kGroup && tensor.shape[1] % scheme.group_size != 0;
    if (is_short && !by_rule && !asks_group) {
        scheme.granularity = Granularity::kChannel;
        scheme.group_size = 0;
    }
    return scheme;
}

void CompressedWriter::adapt(plan::Decisions& decisions) const {
    for (std::size_t i = 0; i < decisions.tensors.size(); ++i) {
        TensorReport& tensor = decisions.tensors[i];
        if (!tensor.scheme) continue;
        const bool by_rule = decisions.deciders[i] == plan::Decider::kRule;
        tensor.reason = by_rule ? "" : reason_to_ignore(tensor);
        if (!tensor.reason.empty()) {
            tensor.scheme.reset();
            tensor.output_bytes = tensor.source_bytes;
        } else if (tensor.shape.size() == 2) {
            tensor.scheme = adapted(*tensor.scheme, tensor, by_rule);
            tensor.output_bytes = total_bytes(stored_parts(*tensor.scheme, tensor.shape, packing));
        }
    }
}

/// What says of the whole model that its engine would not load it.
void CompressedWriter::check_model(const std::vector<TensorReport>& tensors) const {
    if (checkpoint::detect_family(tensors) == checkpoint::Family::kGpt2)
        refuse("--format compressed-tensors",
               "transformers has no quantized Conv1D, which GPT-2's layers are; use --type q8_0 (a "
               "GGUF file) or "
               "--format mlx");
    if (packing == Packing::kPacked && is_t5(config_.model_type))
        refuse("--for vllm",
               "vLLM does not run T5, and transformers fails on T5's packed weights; use --for "
               "transformers");
    for (const TensorReport& tensor : tensors) {
        if (tensor.role == Role::kState)
            refuse(tensor, tensor.reason + "; give octet the original");
    }
    if (std::none_of(tensors.begin(), tensors.end(),
                     [](const TensorReport& tensor) { return tensor.scheme; }))
        refuse("--format compressed-tensors",
               "has no weight of a Linear layer to quantize in this model");
}

void CompressedWriter::check_schemes(const std::vector<TensorReport>& tensors) const {
    check_model(tensors);
    for (const TensorReport& tensor : tensors) {
        if (!tensor.scheme) continue;
        if (const std::string reason = reason_to_ignore(tensor); !reason.empty())
            refuse(tensor,
                   fmt::format("is no weight that engines load quantized: {}; keep it (--rule)",
                               reason));
        const std::string obstacle =
            compressed_tensors::scheme_obstacle(*tensor.scheme, tensor.shape, packing);
        if (!obstacle.empty()) refuse(tensor, obstacle);
    }
    if (packing != Packing::kPacked) return;
    if (const std::string difference = fused_difference(tensors); !difference.empty())
        refuse("--for vllm",
               fmt::format("{}, but vLLM joins them into one layer; give them one scheme",
                           difference));
}

std::vector<TextFile> CompressedWriter::text_files() const {
    std::vector<compressed_tensors::ConfigGroup> groups;
    for (const TensorReport& tensor : tensors()) {
        if (!tensor.scheme) continue;
        auto group = std::find_if(
            groups.begin(), groups.end(), [&](const compressed_tensors::ConfigGroup& one) {
                return compressed_tensors::are_one_group(one.scheme, *tensor.scheme);
            });
        if (group == groups.end()) group = groups.insert(groups.end(), {*tensor.scheme, {}});
        group->modules.emplace_back(module_of(tensor.name));
    }
    return {
        {"config.json", with_quantization(config_, packing, groups, ignored_modules(tensors()))}};
}

}  // namespace octet::writers
