// Arrangement, mixture and rules decide name, type and reason of each tensor; then come the keys,
// those of the model and octet's own.
#include "writers/gguf/contents.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.hpp"
#include "checkpoint/kind.hpp"
#include "formats/gguf/tokenizer_keys.hpp"
#include "formats/plain_source.hpp"
#include "octet/error.hpp"
#include "plan/rules.hpp"
#include "writers/gguf/choose_types.hpp"

namespace octet::writers {
namespace {

/// ggml's floats that hold what a checkpoint's do; F64 becomes F32, as llama.cpp computes with no
/// other.
ggml::Type type_of(Dtype dtype) {
    if (dtype == Dtype::kF16) return ggml::Type::kF16;
    return dtype == Dtype::kBF16 ? ggml::Type::kBF16 : ggml::Type::kF32;
}

const gguf::Mixture& mixture_of(const QuantizeOptions& options) {
    if (plans_types(options)) return *gguf::find_mixture("f32");  // until the planner has chosen
    if (const gguf::Mixture* const found = gguf::find_mixture(options.type)) return *found;
    std::vector<std::string> names;
    for (const gguf::Mixture& one : gguf::mixtures()) names.emplace_back(one.name);
    names.emplace_back(kPlannedType);
    const auto nearest = nearest_spelling(options.type, names);
    throw Error(
        ErrorCode::kUsage, "--type",
        fmt::format("{} is not one of {}{}", in_quotes(options.type), fmt::join(names, ", "),
                    nearest ? "; did you mean " + *nearest + "?" : ""));
}

std::uint32_t number_in(const gguf::Keys& keys, const std::string& name) {
    const auto found = std::find_if(keys.begin(), keys.end(),
                                    [&](const gguf::Key& key) { return key.name == name; });
    const auto* const number =
        found == keys.end() ? nullptr : std::get_if<std::uint32_t>(&found->value);
    return number == nullptr ? 0 : *number;
}

gguf::ModelShape model_shape(const gguf::Arrangement& arrangement, const gguf::Keys& keys,
                             bool has_importance) {
    gguf::ModelShape shape;
    shape.has_importance = has_importance;
    if (arrangement.architecture == nullptr) return shape;
    shape.architecture = arrangement.architecture->name;
    const std::string prefix = std::string(shape.architecture) + ".";
    shape.layers = number_in(keys, prefix + "block_count");
    shape.heads = number_in(keys, prefix + "attention.head_count");
    shape.key_heads = number_in(keys, prefix + "attention.head_count_kv");
    if (shape.key_heads == 0) shape.key_heads = shape.heads;
    return shape;
}

/// The name of a model's folder; models--ORG--NAME/snapshots/REVISION in the hub's cache is NAME.
std::string name_of_folder(const std::filesystem::path& folder) {
    const std::filesystem::path repository = folder.parent_path().parent_path();
    const std::string kept = repository.filename().native();
    const bool is_hub_cache =
        folder.parent_path().filename() == "snapshots" && kept.starts_with("models--");
    return is_hub_cache ? kept.substr(kept.rfind("--") + 2) : folder.filename().native();
}

/// What the model is called: as it calls itself, or its folder.
std::string name_of(const checkpoint::Checkpoint& checkpoint, const gguf::ModelConfig& config) {
    const std::filesystem::path own = config.text_or("_name_or_path", "");
    if (!own.filename().empty()) return own.filename().native();
    const std::filesystem::path folder =
        std::filesystem::absolute(checkpoint.folder).lexically_normal();
    const std::string name = name_of_folder(folder.has_filename() ? folder : folder.parent_path());
    return is_utf8(name) && !name.empty() ? name : "model";
}

/// Of a tensor that the checkpoint has not.
TensorReport report_of_made(const gguf::FileTensor& tensor) {
    TensorReport report;
    report.name = tensor.name;
    report.shape = tensor.shape;
    report.kind = Kind::kBuffer;
    return report;
}

/// One run of the decisions.
class ContentsMaker {
  public:
    ContentsMaker(const checkpoint::Checkpoint& checkpoint, const QuantizeOptions& options,
                  const std::vector<bool>& not_finite)
        : checkpoint_(checkpoint),
          options_(options),
          not_finite_(not_finite),
          mixture_(mixture_of(options)) {}

    GgufContents make() {
        const bool is_model = options_.architecture != "none";
        if (is_model) {
            arrange_model();
        } else {
            contents_.keys = {{"general.architecture", std::string("none")},
                              {"general.type", std::string("model")}};
            contents_.arrangement = gguf::arrange_weights(checkpoint_);
        }
        mark_weights(!is_model);
        choose_types();
        add_type_keys();
        return std::move(contents_);
    }

  private:
    void arrange_model() {
        const gguf::ModelConfig config =
            gguf::ModelConfig::read(checkpoint_.folder / "config.json");
        const gguf::Architecture& architecture = gguf::need_architecture(config);
        contents_.keys = {{"general.architecture", std::string(architecture.name)},
                          {"general.type", std::string("model")},
                          {"general.name", name_of(checkpoint_, config)}};
        architecture.add_keys(config, contents_.keys);
        contents_.arrangement = gguf::arrange_model(checkpoint_, architecture, config);
        for (const gguf::FileTensor& tensor : contents_.arrangement.tensors) {
            if (tensor.name == gguf::kFoldedNorm)
                contents_.keys.push_back({std::string(gguf::kFoldedFactorKey), tensor.factor});
        }
        gguf::add_tokenizer_keys({checkpoint_.folder, config, architecture,
                                  contents_.arrangement.rows, options_.pre_tokenizer},
                                 contents_.keys, contents_.notes);
    }

    /// Kinds of all tensors; of weights alone they say what is quantized.
    void mark_weights(bool decide) {
        if (!decide) return;
        std::vector<TensorReport> reports = formats::tensors_of(checkpoint_);
        checkpoint::assign_kinds(reports);
        for (gguf::FileTensor& tensor : contents_.arrangement.tensors) {
            const TensorReport& report = reports[tensor.source];
            const bool is_weight = report.kind == Kind::kWeight ||
                                   report.kind == Kind::kEmbedding || report.kind == Kind::kHead;
            tensor.may_be_quantized = is_weight && report.role == Role::kNone &&
                                      is_quantizable(report.dtype) &&
                                      gguf::may_be_quantized("weight", tensor.shape);
            if (!is_quantizable(report.dtype))
                throw Error(
                    ErrorCode::kBadInput, printable(checkpoint_.input),
                    fmt::format(
                        "tensor {} is {}, and octet writes GGUF files from F16, BF16, F32 and F64",
                        in_quotes(report.name), dtype_name(report.dtype)));
        }
    }

    void choose_types() {
        std::vector<gguf::TypedTensor> typed;
        for (const gguf::FileTensor& tensor : contents_.arrangement.tensors)
            typed.push_back({tensor.name, tensor.shape, tensor.may_be_quantized});
        const gguf::ModelShape model =
            model_shape(contents_.arrangement, contents_.keys, options_.importance.has_value());
        const std::vector<ggml::Type> types = gguf::types_of(mixture_, model, typed);
        assign_rules();
        for (std::size_t i = 0; i < types.size(); ++i) {
            gguf::FileTensor& tensor = contents_.arrangement.tensors[i];
            const std::optional<std::size_t> rule = contents_.rules[i];
            gguf::TypedFileTensor one{std::move(tensor), types[i]};
            const Dtype dtype =
                one.tensor.is_made() ? Dtype::kF32 : checkpoint_.tensors[one.tensor.source].dtype;
            if (rule) take_rule(options_.rules[*rule], dtype, one);
            if (!one.tensor.is_made() && !not_finite_.empty() && not_finite_[one.tensor.source]) {
                one.type = one.tensor.may_be_quantized ? type_of(dtype) : ggml::Type::kF32;
                one.is_kept = true;
                one.reason = "holds values that are not finite";
            }
            fall_back(one);
            contents_.tensors.push_back(std::move(one));
        }
        contents_.arrangement.tensors.clear();
        check_rules();
    }

    /// Biases and norms that a pattern matches, too, stay what they are; one that matches nothing
    /// else is a mistake.
    void check_rules() const {
        for (std::size_t number = 0; number < options_.rules.size(); ++number) {
            const TensorRule& rule = options_.rules[number];
            bool applies = rule.type.empty() || rule.type == ggml::traits_of(ggml::Type::kF32).name;
            for (std::size_t i = 0; i < contents_.tensors.size(); ++i)
                applies = applies || (contents_.rules[i] == number &&
                                      contents_.tensors[i].tensor.may_be_quantized);
            if (!applies)
                throw Error(ErrorCode::kUsage, "rule " + in_quotes(rule_text(rule)),
                            "matches nothing but tensors that llama.cpp reads as F32 alone");
        }
    }

    /// Rules match the names of both worlds.
    void assign_rules() {
        std::vector<TensorReport> reports = formats::tensors_of(checkpoint_);
        checkpoint::assign_kinds(reports);
        std::vector<TensorReport> own;
        std::vector<std::string> names;
        for (const gguf::FileTensor& tensor : contents_.arrangement.tensors) {
            own.push_back(tensor.is_made() ? report_of_made(tensor) : reports[tensor.source]);
            names.push_back(tensor.name);
        }
        contents_.rules = plan::assign_rules(options_.rules, own, names);
    }

    static void take_rule(const TensorRule& rule, Dtype dtype, gguf::TypedFileTensor& one) {
        if (rule.type.empty()) {
            one.type = one.tensor.may_be_quantized ? type_of(dtype) : ggml::Type::kF32;
            one.reason = "the rule " + in_quotes(rule_text(rule));
            return;
        }
        const ggml::Type type = ggml::find_type(rule.type)->type;
        if (!one.tensor.may_be_quantized) return;
        one.type = type;
    }

    /// Another type where rows are no whole number of blocks.
    void fall_back(gguf::TypedFileTensor& one) const {
        const ggml::Type asked = one.type;
        one.type = gguf::fallback_of(asked, one.tensor.row());
        if (one.type == asked) return;
        one.is_fallback = true;
        const std::string_view name = ggml::traits_of(asked).name;
        one.reason =
            fmt::format("{} needs rows of whole blocks of {}, and these have {}: {} instead", name,
                        ggml::traits_of(asked).block_elements, with_commas(one.tensor.row()),
                        ggml::traits_of(one.type).name);
    }

    void add_type_keys() {
        contents_.keys.push_back({"general.file_type", mixture_.file_type});
        contents_.keys.push_back({"general.quantization_version", std::uint32_t{2}});
    }

    const checkpoint::Checkpoint& checkpoint_;
    const QuantizeOptions& options_;
    const std::vector<bool>& not_finite_;
    const gguf::Mixture& mixture_;
    GgufContents contents_;
};

}  // namespace

void check_gguf_options(const QuantizeOptions& options) {
    mixture_of(options);
    SchemeOptions other = options.scheme;
    other.range.reset();
    const auto refuse = [](std::string_view option, std::string_view what) {
        throw Error(ErrorCode::kUsage, std::string(option), std::string(what));
    };
    if (options.preset != Preset::kAll)
        refuse("--preset", "is for octet's own sets; --type says what a GGUF file holds");
    if (other != SchemeOptions{})
        refuse("--type", "chooses the blocks whole; leave out the other scheme options");
    if (options.scheme.range == RangeSearch::kPercentile)
        refuse("--range", "percentile is for octet's own sets; GGUF types take minmax or mse");
    if (options.importance && options.scheme.range == RangeSearch::kMinMax)
        refuse(
            "--importance",
            "weighs what a search finds, and --range minmax makes none; leave out one of the two");
    check_planner_options(options);
    for (const TensorRule& rule : options.rules) {
        if (rule.scheme)
            refuse("rule " + in_quotes(rule_text(rule)),
                   "is a scheme of octet's own sets; name a type of GGUF, such as q6_k, or keep");
    }
    if (!options.architecture.empty() && options.architecture != "none")
        refuse("--arch",
               in_quotes(options.architecture) +
                   " is not none, which is the only one to be named; config.json says all others");
}

GgufContents gguf_contents(const checkpoint::Checkpoint& checkpoint, const QuantizeOptions& options,
                           const std::vector<bool>& not_finite) {
    return ContentsMaker(checkpoint, options, not_finite).make();
}

std::vector<TensorReport> gguf_reports(const checkpoint::Checkpoint& checkpoint,
                                       const GgufContents& contents) {
    std::vector<TensorReport> all = formats::tensors_of(checkpoint);
    checkpoint::assign_kinds(all);
    std::vector<TensorReport> reports;
    for (const gguf::TypedFileTensor& one : contents.tensors) {
        TensorReport report =
            one.tensor.is_made() ? report_of_made(one.tensor) : all[one.tensor.source];
        report.stored_name = one.tensor.name;
        report.type = ggml::traits_of(one.type).name;
        report.reason = one.reason;
        report.output_bytes = gguf::stored_bytes(one.type, one.tensor.shape);
        reports.push_back(std::move(report));
    }
    return reports;
}

}  // namespace octet::writers
