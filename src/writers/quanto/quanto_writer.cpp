// What quanto can hold follows from its qtypes: qint8 is s8-channel, qint4 and qint2 are u4 and u2
// with real zero points in groups that the shape gives. Scales have the dtype of their weight.
#include "writers/quanto/quanto_writer.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/set_names.hpp"
#include "base/text.hpp"
#include "checkpoint/kind.hpp"
#include "codecs/copy.hpp"
#include "formats/plain_source.hpp"
#include "octet/error.hpp"
#include "quant/storage_layout.hpp"
#include "survey/jobs.hpp"
#include "writers/output_name.hpp"
#include "writers/quanto/module_map.hpp"

namespace octet::writers {
namespace {

/// Inputs of one scale of qint4 and qint2, which a worker has in memory.
constexpr std::uint64_t kMostGroup = 64U << 10U;

constexpr std::string_view kMapName = "quanto_qmap.json";

[[noreturn]] void refuse_option(std::string_view option, std::string_view what) {
    throw Error(ErrorCode::kUsage, std::string(option), std::string(what));
}

/// Why no weight of quanto's can have the scheme, whatever its shape; empty where one could.
std::string_view scheme_refusal(const Scheme& scheme) {
    if (scheme.bits != 8 && scheme.bits != 4 && scheme.bits != 2)
        return "has a width that quanto lacks; give 8, 4 or 2 bits";
    if (scheme.granularity == Granularity::kTensor)
        return "has one scale a tensor, and quanto has one an output or group; give s8-channel, or "
               "leave it out";
    if (scheme.bits == 8 && (!scheme.symmetric || scheme.granularity != Granularity::kChannel))
        return "is no s8-channel, which is all that quanto has at 8 bits (qint8)";
    if (scheme.bits != 8 && (scheme.symmetric || scheme.zero_point != ZeroPoint::kReal))
        return "has no real zero point, which quanto has at 4 and 2 bits (qint4, qint2)";
    if (scheme.scale_dtype == ScaleDtype::kTwoLevel)
        return "has scales on two levels, and quanto has one level";
    return "";
}

/// The options with what quanto's qtypes imply.
QuantizeOptions implied(QuantizeOptions options) {
    options.preset = Preset::kLinear;
    if (options.scheme.bits.value_or(8) != 8) options.scheme.symmetric = false;
    return options;
}

/// How the scale of a weight of that dtype is stored.
ScaleDtype scale_dtype_for(Dtype dtype) {
    if (dtype == Dtype::kF16) return ScaleDtype::kF16;
    return dtype == Dtype::kBF16 ? ScaleDtype::kBF16 : ScaleDtype::kF32;
}

/// True where T5's encoder and decoder share an embedding that is stored once.
bool lacks_copies(const checkpoint::Checkpoint& checkpoint) {
    const std::vector<TensorReport> tensors = formats::tensors_of(checkpoint);
    if (checkpoint::detect_family(tensors) != checkpoint::Family::kT5) return false;
    return std::none_of(tensors.begin(), tensors.end(), [](const TensorReport& tensor) {
        return tensor.name.ends_with("coder.embed_tokens.weight");
    });
}

/// What a weight's scheme becomes: groups as quanto derives them, scales in the weight's dtype.
void fit_scheme(TensorReport& tensor, bool is_ruled) {
    Scheme& scheme = *tensor.scheme;
    const std::string where = "tensor " + in_quotes(tensor.name);
    if (const std::string_view why = scheme_refusal(scheme); !why.empty())
        throw Error(ErrorCode::kBadInput, where, fmt::format("{} {}", scheme_name(scheme), why));
    const ScaleDtype dtype = scale_dtype_for(tensor.dtype);
    if (scheme.scale_dtype != ScaleDtype::kF32 && scheme.scale_dtype != dtype)
        throw Error(
            ErrorCode::kBadInput, where,
            fmt::format(
                "is {}, and quanto has scales of the weight's dtype; leave the scales' dtype out",
                dtype_name(tensor.dtype)));
    scheme.scale_dtype = dtype;
    if (scheme.bits == 8) return;
    const std::uint64_t inputs = tensor.shape.back();
    const std::uint64_t group = quanto_group(inputs);
    if (group > kMostGroup)
        throw Error(ErrorCode::kBadInput, where,
                    fmt::format("has {} inputs, of which quanto would share one scale, and octet "
                                "writes {} at most; "
                                "keep it, or choose --bits 8",
                                with_commas(inputs), with_commas(kMostGroup)));
    const std::uint64_t asked =
        scheme.granularity == Granularity::kGroup ? scheme.group_size : inputs;
    if (is_ruled && asked != group)
        throw Error(
            ErrorCode::kBadInput, where,
            fmt::format("has {} inputs, of which quanto shares a scale among {}; give u{}-{}",
                        inputs, group, scheme.bits,
                        group == inputs ? "channel" : fmt::format("group{}", group)));
    scheme.granularity = group == inputs ? Granularity::kChannel : Granularity::kGroup;
    scheme.group_size = group == inputs ? 0 : static_cast<std::uint32_t>(group);
}

/// A layer that quanto replaces: a matrix [out, in] called weight.
void need_linear(const TensorReport& tensor, checkpoint::Family family) {
    const bool is_linear = checkpoint::is_linear_weight(family, tensor) &&
                           tensor.shape.size() == 2 && quanto_module(tensor.name) &&
                           tensor.scheme->axis == OutputAxis::k0;
    if (!is_linear)
        throw Error(ErrorCode::kBadInput, "tensor " + in_quotes(tensor.name),
                    "is no weight of a Linear layer stored [out, in], and quanto quantizes nothing "
                    "else; keep it");
    if (tensor.source_bytes == 0)
        throw Error(ErrorCode::kBadInput, "tensor " + in_quotes(tensor.name),
                    "has no elements; keep it");
}

}  // namespace

std::optional<std::string_view> quanto_module(std::string_view tensor) noexcept {
    constexpr std::string_view kLeaf = ".weight";
    if (tensor.size() <= kLeaf.size() || !tensor.ends_with(kLeaf)) return std::nullopt;
    return tensor.substr(0, tensor.size() - kLeaf.size());
}

void check_quanto(const QuantizeOptions& options, const std::filesystem::path& given) {
    check_set_name(given);
    const SchemeOptions& scheme = options.scheme;
    const std::uint32_t bits = scheme.bits.value_or(8);
    if (options.preset != Preset::kAll && options.preset != Preset::kLinear)
        refuse_option(
            "--preset",
            "has schemes that quanto lacks; --format quanto takes linear, or --bits 8, 4 or 2");
    if (options.max_size || options.target_sqnr_db)
        refuse_option(options.max_size ? "--max-size" : "--target-sqnr",
                      "chooses among schemes that quanto lacks; give --bits 8, 4 or 2");
    if (bits != 8 && bits != 4 && bits != 2)
        refuse_option("--bits", "is not 8, 4 or 2, which quanto has");
    if (scheme.group_size || scheme.granularity == Granularity::kGroup)
        refuse_option("--group-size", "follows from the shape in quanto; leave it out");
    if (scheme.granularity == Granularity::kTensor)
        refuse_option("--granularity", "tensor is nothing that quanto has; leave it out");
    if (scheme.symmetric && *scheme.symmetric != (bits == 8))
        refuse_option("--symmetric", "is what quanto has at 8 bits and at no other; leave it out");
    if (scheme.zero_point == ZeroPoint::kInteger || (scheme.zero_point && bits == 8))
        refuse_option(
            "--zero-point",
            "has no place in quanto's qint8, and is real in qint4 and qint2; leave it out");
    if (scheme.axis == OutputAxis::k1) refuse_option("--axis", "is 0 in quanto; leave it out");
    if (scheme.scale_dtype == ScaleDtype::kTwoLevel)
        refuse_option("--scale-dtype", "is the model's in quanto");
    for (const TensorRule& rule : options.rules) {
        if (!rule.scheme) continue;
        if (const std::string_view why = scheme_refusal(*rule.scheme); !why.empty())
            refuse_option("rule " + in_quotes(rule_text(rule)), why);
    }
}

QuantoWriter::QuantoWriter(const Order& order)
    : QuantoOptions{implied(order.options)},
      FolderWriter({order.checkpoint, own, order.links, order.given, order.set},
                   {"quanto model", kIndexName, kFolderReportName, "quanto", false}),
      format_(lacks_copies(order.checkpoint)),
      ignore_([](std::size_t, codecs::TensorResult&&) {}) {}

void QuantoWriter::adapt(plan::Decisions& decisions) const {
    const checkpoint::Family family = checkpoint::detect_family(decisions.tensors);
    if (family == checkpoint::Family::kGpt2)
        throw Error(ErrorCode::kBadInput, checkpoint().input,
                    "is GPT-2, whose layers are Conv1D; quanto quantizes Linear layers only, so "
                    "nothing is gained; "
                    "choose --format mlx, or --type for llama.cpp");
    bool has_scheme = false;
    for (std::size_t i = 0; i < decisions.tensors.size(); ++i) {
        TensorReport& tensor = decisions.tensors[i];
        if (!tensor.scheme) continue;
        has_scheme = true;
        need_linear(tensor, family);
        fit_scheme(tensor, decisions.deciders[i] == plan::Decider::kRule);
        tensor.output_bytes = quant::stored_bytes(*tensor.scheme, tensor.shape);
    }
    if (!has_scheme)
        throw Error(
            ErrorCode::kBadInput, checkpoint().input,
            "has no weight of a Linear layer that is to be quantized, so quanto gains nothing");
}

void QuantoWriter::add_task(std::size_t number, const pipeline::Stretch& target,
                            const codecs::TakeResult& take, codecs::TaskList& tasks) {
    const TensorReport& tensor = tensors()[number];
    const pipeline::Stretch source = survey::source_of(checkpoint(), number);
    if (tensor.scheme && tensor.scheme->bits != kCodeBits)
        return tasks.add<codecs::QuantizeGroupsTask>(groups_job(number), source, target, number,
                                                     take);
    if (!format_.is_stored_thrice(tensor))
        return FolderWriter::add_task(number, target, take, tasks);
    take_first_ = [&take](std::size_t i, codecs::TensorResult&& result) {
        result.stored_pieces.assign(1, std::nullopt);  // they are of a third of what is stored
        take(i, std::move(result));
    };
    for (std::uint64_t at = 0; at < target.byte_count; at += source.byte_count)
        tasks.add<codecs::CopyTask>(
            source, pipeline::Stretch{target.file, target.offset + at, source.byte_count}, number,
            at == 0 ? take_first_ : ignore_);
}

/// Of qint4 and qint2, whose bytes hold codes of distant rows.
codecs::GroupsJob QuantoWriter::groups_job(std::size_t number) const {
    const TensorReport& tensor = tensors()[number];
    const codecs::QuantizeJob plain =
        survey::quantize_job(checkpoint(), number, *tensor.scheme, inputs().importance.get());
    codecs::GroupsJob job{tensor.dtype, *tensor.scheme, tensor.name, tensor.shape, plain.weights};
    job.group = quanto_matrix(job.scheme, tensor.shape).group;
    job.stacked = kCodeBits / job.scheme.bits;
    job.negates_zero_points = true;
    job.last = quanto_ones(quant::scale_dtype_of(job.scheme));
    return job;
}

std::vector<TextFile> QuantoWriter::text_files() const {
    std::vector<QuantizedModule> modules;
    for (const TensorReport& tensor : tensors()) {
        if (!tensor.scheme) continue;
        const std::uint32_t bits = tensor.scheme->bits;
        modules.push_back({*quanto_module(tensor.name), bits == 8   ? "qint8"
                                                        : bits == 4 ? "qint4"
                                                                    : "qint2"});
    }
    return {{std::string(kMapName), module_map_text(std::move(modules))}};
}

}  // namespace octet::writers
