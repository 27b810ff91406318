// What mlx-lm can hold follows from its affine mode: u2 to u8 with real zero points in its groups.
// Scales have the dtype of their weight. What options ask for falls back where inputs do not fill
// groups; what a rule asks for is refused.
#include "writers/mlx/mlx_writer.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/set_names.hpp"
#include "base/text.hpp"
#include "checkpoint/declared_method.hpp"
#include "checkpoint/kind.hpp"
#include "codecs/encode_rows.hpp"
#include "octet/error.hpp"
#include "quant/storage_layout.hpp"
#include "survey/jobs.hpp"
#include "writers/mlx/mlx_fit.hpp"
#include "writers/output_name.hpp"
#include "writers/repackage.hpp"

namespace octet::writers {
namespace {

constexpr std::uint32_t kUsualBits = 4;
constexpr std::uint32_t kUsualGroup = 64;

/// Inputs of a weight that is turned, which a worker has in memory.
constexpr std::uint64_t kMostTurnedInputs = 1U << 20U;

[[noreturn]] void refuse_option(std::string_view option, std::string_view what) {
    throw Error(ErrorCode::kUsage, std::string(option), std::string(what));
}

/// Why no weight of mlx-lm's can have the scheme, whatever its shape; empty where one could.
std::string_view scheme_refusal(const Scheme& scheme) {
    if (scheme.symmetric || scheme.zero_point != ZeroPoint::kReal)
        return "has no real zero point, which every code of mlx-lm has; give one such as "
               "u4-group64";
    if (scheme.granularity != Granularity::kGroup || !is_mlx_group(scheme.group_size))
        return "has no groups of 32, 64 or 128, which are all that mlx-lm has; give one such as "
               "u4-group64";
    if (scheme.scale_dtype == ScaleDtype::kTwoLevel)
        return "has scales on two levels, and mlx-lm has one level";
    return "";
}

/// The options with what mlx-lm implies.
QuantizeOptions implied(QuantizeOptions options) {
    options.scheme.bits = options.scheme.bits.value_or(kUsualBits);
    options.scheme.group_size = options.scheme.group_size.value_or(kUsualGroup);
    return options;
}

void keep(TensorReport& tensor, std::string_view why) {
    tensor.scheme.reset();
    tensor.reason = why;
    tensor.output_bytes = tensor.source_bytes;
}

/// Why the tensor is none that mlx-lm quantizes, whatever its scheme; empty where it is one.
std::string_view tensor_refusal(const MlxModel& model, const TensorReport& tensor) {
    const bool is_wanted = tensor.kind == Kind::kWeight || tensor.kind == Kind::kEmbedding ||
                           tensor.kind == Kind::kHead || tensor.kind == Kind::kPosition;
    if (!is_wanted || tensor.shape.size() != 2 || !mlx_module(model, tensor.name))
        return "no weight of a Linear layer or an embedding, which mlx-lm quantizes";
    const bool is_turned = mlx_turns(model, tensor);
    const bool is_conv1d = tensor.kind == Kind::kWeight && tensor.output_axis == OutputAxis::k1;
    if (is_conv1d != is_turned)
        return "stored [in, out], and mlx-lm has such weights of GPT-2 only";
    if (tensor.shape.front() == 0 || tensor.shape.back() == 0) return "without elements";
    if (is_turned && tensor.shape.front() > kMostTurnedInputs)
        return "of too many inputs to be turned";
    return "";
}

/// How most modules are; `usual` without any.
MlxModule most_common(const std::vector<MlxModule>& modules, MlxModule usual) {
    std::ptrdiff_t most = 0;
    for (const MlxModule& one : modules) {
        if (one.is_like(usual) && most > 0) continue;
        const auto count =
            std::count_if(modules.begin(), modules.end(),
                          [&](const MlxModule& other) { return other.is_like(one); });
        if (count <= most) continue;
        most = count;
        usual = {"", one.bits, one.group_size};
    }
    return usual;
}

ggml::Type float_type(Dtype dtype) {
    if (dtype == Dtype::kF16) return ggml::Type::kF16;
    return dtype == Dtype::kBF16 ? ggml::Type::kBF16 : ggml::Type::kF32;
}

}  // namespace

void check_mlx(const QuantizeOptions& options, const std::filesystem::path& given) {
    check_set_name(given);
    const SchemeOptions& scheme = options.scheme;
    if (options.preset != Preset::kAll)
        refuse_option("--preset", "has schemes that mlx-lm lacks; give --bits and --group-size");
    if (options.max_size || options.target_sqnr_db)
        refuse_option(options.max_size ? "--max-size" : "--target-sqnr",
                      "chooses among schemes that mlx-lm lacks; give --bits and --group-size");
    if (scheme.symmetric == true)
        refuse_option("--symmetric", "is nothing that mlx-lm has; leave it out");
    if (scheme.zero_point == ZeroPoint::kInteger)
        refuse_option("--zero-point", "is real in mlx-lm; leave out integer");
    if (scheme.granularity && scheme.granularity != Granularity::kGroup)
        refuse_option("--granularity", "is group in mlx-lm; leave it out");
    if (scheme.group_size && !is_mlx_group(*scheme.group_size))
        refuse_option("--group-size", "is 32, 64 or 128 in mlx-lm");
    if (scheme.axis && scheme.axis != OutputAxis::kAuto)
        refuse_option("--axis", "follows from the model; leave it out");
    if (scheme.scale_dtype == ScaleDtype::kTwoLevel)
        refuse_option("--scale-dtype", "is the model's in mlx-lm");
    for (const TensorRule& rule : options.rules) {
        if (!rule.scheme) continue;
        if (const std::string_view why = scheme_refusal(*rule.scheme); !why.empty())
            refuse_option("rule " + in_quotes(rule_text(rule)), why);
    }
}

MlxWriter::MlxWriter(const Order& order)
    : MlxOptions{implied(order.options)},
      FolderWriter({order.checkpoint, own, order.links, order.given, order.set},
                   {"MLX model", kIndexName, kFolderReportName, "mlx", false}),
      config_(MlxConfig::read(checkpoint::config_of(order.checkpoint, order.links),
                              order.checkpoint.input)),
      format_(config_.model()) {}

void MlxWriter::adapt(plan::Decisions& decisions) const {
    for (std::size_t i = 0; i < decisions.tensors.size(); ++i)
        adapt_tensor(decisions.tensors[i], decisions.deciders[i]);
    const bool has_scheme =
        std::any_of(decisions.tensors.begin(), decisions.tensors.end(),
                    [](const TensorReport& tensor) { return tensor.scheme.has_value(); });
    if (!has_scheme)
        throw Error(ErrorCode::kBadInput, printable(checkpoint().input),
                    "has no weight that is to be quantized and whose inputs fill groups of 32");
}

/// Marks what mlx-lm has no place for; refuses a dtype that it lacks.
bool MlxWriter::leaves_out(TensorReport& tensor) const {
    if (const std::string_view why = mlx_left_out(format_.model(), tensor); !why.empty()) {
        keep(tensor, why);
        tensor.output_bytes = 0;
        return true;
    }
    if (mlx_turns(format_.model(), tensor) && scale_dtype_like(tensor.dtype) == ScaleDtype::kF32 &&
        tensor.dtype != Dtype::kF32)
        throw Error(ErrorCode::kBadInput, "tensor " + in_quotes(tensor.name),
                    fmt::format("is {}, and mlx-lm has GPT-2 in F32, F16 and BF16",
                                dtype_name(tensor.dtype)));
    return false;
}

void MlxWriter::fit(TensorReport& tensor) const {
    if (leaves_out(tensor) || !tensor.scheme) return;
    const MlxModel& model = format_.model();
    if (const std::string_view why = tensor_refusal(model, tensor); !why.empty())
        refuse_to_repackage(tensor, fmt::format("mlx-lm lacks for what is {}", why), "keep");
    const OutputAxis axis = mlx_turns(model, tensor) ? OutputAxis::k1 : OutputAxis::k0;
    const MlxFit found = mlx_fit(*tensor.scheme, tensor, axis);
    if (!found.why.empty()) refuse_to_repackage(tensor, found.why, found.fitting);
    tensor.scheme = found.scheme;
    tensor.output_bytes = quant::stored_bytes(found.scheme, tensor.shape);
}

void MlxWriter::adapt_tensor(TensorReport& tensor, plan::Decider decider) const {
    if (leaves_out(tensor) || !tensor.scheme) return;
    Scheme& scheme = *tensor.scheme;
    const bool is_ruled = decider == plan::Decider::kRule;
    const auto refuse = [&](std::string_view what) {
        throw Error(ErrorCode::kBadInput, "tensor " + in_quotes(tensor.name), std::string(what));
    };
    if (const std::string_view why = tensor_refusal(format_.model(), tensor); !why.empty()) {
        if (is_ruled) refuse(fmt::format("is {}; keep it", why));
        return keep(tensor, why);
    }
    if (!is_ruled && tensor.role == Role::kRouter)
        return keep(tensor, "it chooses experts, and is small");
    const ScaleDtype dtype = scale_dtype_like(tensor.dtype);
    if (scheme.scale_dtype != ScaleDtype::kF32 && scheme.scale_dtype != dtype)
        refuse(fmt::format(
            "is {}, and mlx-lm wants scales of the weight's dtype; leave the scales' dtype out",
            dtype_name(tensor.dtype)));
    scheme.scale_dtype = dtype;
    // Embeddings of positions are looked up as rows, whatever axis octet itself counts as outputs.
    scheme.axis = mlx_turns(format_.model(), tensor) ? OutputAxis::k1 : OutputAxis::k0;
    const std::uint64_t inputs =
        mlx_turns(format_.model(), tensor) ? tensor.shape.front() : tensor.shape.back();
    const std::uint32_t group = mlx_group_for(inputs, scheme.group_size);
    if (is_ruled && group != scheme.group_size)
        refuse(fmt::format(
            "has {} inputs, which do not fill groups of {}; {}", with_commas(inputs),
            scheme.group_size,
            group == 0 ? "keep it" : fmt::format("give u{}-group{}", scheme.bits, group)));
    if (group == 0)
        return keep(tensor, "its inputs are no multiple of 32, and mlx-lm has no short groups");
    scheme.group_size = group;
    tensor.output_bytes = quant::stored_bytes(scheme, tensor.shape);
}

void MlxWriter::add_task(std::size_t number, const pipeline::Stretch& target,
                         const codecs::TakeResult& take, codecs::TaskList& tasks) {
    const TensorReport& tensor = tensors()[number];
    const MlxModel& model = format_.model();
    if (!mlx_left_out(model, tensor).empty()) return;
    if (!mlx_turns(model, tensor)) return FolderWriter::add_task(number, target, take, tasks);
    const pipeline::Stretch source = survey::source_of(checkpoint(), number);
    if (tensor.scheme)
        return tasks.add<codecs::QuantizeGroupsTask>(turned_job(number), source, target, number,
                                                     take);
    codecs::RowsJob job;
    job.name = tensor.name;
    job.dtype = tensor.dtype;
    job.rows = tensor.shape.back();
    job.columns = tensor.shape.front();
    job.type = float_type(tensor.dtype);
    job.is_transposed = true;
    job.keeps_not_finite = true;
    tasks.add<codecs::EncodeRowsTask>(job, source, target, number, take);
}

/// Of a Conv1D weight, whose outputs become rows.
codecs::GroupsJob MlxWriter::turned_job(std::size_t number) const {
    const TensorReport& tensor = tensors()[number];
    const codecs::QuantizeJob plain =
        survey::quantize_job(checkpoint(), number, *tensor.scheme, inputs().importance.get());
    codecs::GroupsJob job{tensor.dtype, *tensor.scheme, tensor.name, tensor.shape, plain.weights};
    job.scheme.axis = OutputAxis::k0;
    job.group = job.scheme.group_size;
    job.is_transposed = true;
    return job;
}

std::vector<TextFile> MlxWriter::text_files() const {
    std::vector<MlxModule> modules;
    bool has_head = false;
    for (const TensorReport& tensor : tensors()) {
        if (!mlx_left_out(format_.model(), tensor).empty()) continue;
        has_head = has_head || tensor.kind == Kind::kHead;
        if (!tensor.scheme) continue;
        modules.push_back({*mlx_module(format_.model(), tensor.name), tensor.scheme->bits,
                           tensor.scheme->group_size});
    }
    MlxModule usual{"", *options().scheme.bits, *options().scheme.group_size};
    if (set() != nullptr) usual = most_common(modules, usual);
    return {{"config.json", config_.text(usual, modules, has_head)}};
}

}  // namespace octet::writers
