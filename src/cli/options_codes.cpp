// The options that decide the codes of quantize, and what plan shows of them: which tensors, which
// schemes, which gates.
#include "cli/option.hpp"
#include "octet/error.hpp"
#include "octet/octet.hpp"

namespace octet::cli {
namespace {

constexpr Commands kCoding = kQuantize | kPlan;

constexpr Choice kPresets[] = {
    {"all", "every float tensor, one scale per tensor, rounded to nearest"},
    {"lesson", "parameters only, truncated toward zero: the lesson of docs/seeds.md"},
    {"linear", "8-bit rows of Linear weights, as quanto's qint8"},
    {"q8", "the best SQNR of octet's schemes within 8.5 bits per weight"},
    {"q6", "the same within 6.5625 bits per weight"},
    {"q4", "the same within 4.5 bits per weight"},
};
constexpr Choice kEngines[] = {
    {"vllm", "vLLM and SGLang; symmetric codes also transformers"},
    {"transformers", "T5 and the family of Llama"},
};
constexpr Choice kBits[] = {{"8"}, {"6"}, {"5"}, {"4"}, {"3"}, {"2"}};
constexpr Choice kGranularities[] = {
    {"tensor", "one scale per tensor"},
    {"channel", "one scale per output channel"},
    {"group", "one scale per run of inputs of an output"},
};
constexpr Choice kAxes[] = {{"auto"}, {"0"}, {"1"}};
constexpr Choice kZeroPoints[] = {{"real", "the value of code 0"},
                                  {"integer", "a code, the one that stands for 0"}};
constexpr Choice kRoundings[] = {{"nearest", "ties to even"}, {"truncate", "toward zero"}};
constexpr Choice kRanges[] = {
    {"minmax", "from the smallest to the largest value"},
    {"mse", "a search for the least squared error"},
    {"percentile:P", "without the outermost values, 50 < P < 100"},
};
constexpr Choice kScaleDtypes[] = {{"f32"}, {"f16"}, {"bf16"}, {"two-level"}};
constexpr Choice kOnNonFinite[] = {{"error", "refuse the checkpoint"},
                                   {"keep", "copy that tensor"}};

void set_bits(Arguments& arguments, const Given& given) {
    const std::uint64_t bits = given.count(2, 8);
    if (bits == 7)
        throw Error(ErrorCode::kUsage, given.option.name, "7 is not one of 2, 3, 4, 5, 6, 8");
    arguments.coding.scheme.bits = static_cast<std::uint32_t>(bits);
}

void set_axis(Arguments& arguments, const Given& given) {
    const auto axis = given.choice_of<OutputAxis>();
    if (axis != OutputAxis::kAuto) arguments.coding.scheme.axis = axis;
}

void set_range(Arguments& arguments, const Given& given) {
    constexpr std::string_view kPercentile = "percentile:";
    SchemeOptions& scheme = arguments.coding.scheme;
    const bool is_percentile = given.text.starts_with(kPercentile);
    scheme.range = is_percentile ? RangeSearch::kPercentile : given.choice_of<RangeSearch>();
    if (!is_percentile) return;
    const auto ppm = parse_percentile(std::string_view(given.text).substr(kPercentile.size()));
    if (!ppm)
        given.refuse("is no percentile above 50 and below 100 with at most four decimal places");
    scheme.percentile_ppm = *ppm;
}

void add_rules(Arguments& arguments, const Given& given) {
    if (given.text.empty()) return;
    const std::vector<TensorRule> rules = read_rules(given.text);
    arguments.coding.rules.insert(arguments.coding.rules.end(), rules.begin(), rules.end());
}

constexpr Option kOptions[] = {
    {
        .name = "--preset",
        .value = "NAME",
        .commands = kCoding,
        .group = Group::kChoose,
        .help = "which tensors, and how",
        .manual = R"(Which tensors are quantized, and how. `lesson` does bit for bit what the
            lesson does that octet began with ([seeds.md](seeds.md)): codes are truncated, and
            buffers, such as GPT-2's causal masks, are copied. `linear` quantizes the weights of
            Linear layers (of GPT-2: its Conv1D weights) symmetric in 8 bits with one float32 scale
            per output (`s8-channel`), and copies all else; `framework_bytes` then counts two
            activation scales per layer, as quanto adds them ([seeds.md](seeds.md#flan-t5)).
            `q8`, `q6` and `q4` quantize weights, embeddings and heads at [two
            levels](quantization.md#two-levels), copy all else, and cannot be
            combined with scheme options.)",
        .choices = kPresets,
        .fallback = "all",
        .set = [](Arguments& a,
                  const Given& given) { a.coding.preset = given.choice_of<Preset>(); },
    },
    {
        .name = "--type",
        .value = "TYPE",
        .commands = kCoding,
        .group = Group::kChoose,
        .help = "write a GGUF file of this type or mixture for llama.cpp, or gguf: as the planner "
                "chooses",
        .manual = R"(The output is one GGUF file for llama.cpp, Ollama, LM Studio and their like
            ([gguf.md](gguf.md)), its name ends in `.gguf`, and its tensors have this type: `f32`,
            `f16`, `bf16`, `q8_0`, `q6_k`, `q5_k_m`, `q5_k_s`, `q4_k_m`, `q4_k_s`, `q3_k_l`,
            `q3_k_m`, `q3_k_s`, `q2_k`, `iq4_nl`, `q5_1`, `q5_0`, `q4_1`, `q4_0`, in any case; `q5_k`,
            `q4_k` and `q3_k` are the mixtures `_m`. Mixtures choose for each tensor what
            llama-quantize chooses. With `gguf` the [planner](gguf.md#the-planner) chooses each
            tensor's type, for `--max-size` or `--target-sqnr`. Presets and schemes are not used;
            `--range minmax` leaves out the search for the least error, which is the default here.)",
        .set = [](Arguments& a, const Given& given) { a.coding.type = given.text; },
    },
    {
        .name = "--format",
        .value = "NAME",
        .commands = kQuantize,
        .group = Group::kChoose,
        .help = "write a folder of this format instead of a set",
        .manual = R"(The format of an output that is a folder. `octet` is a set, as without this
            option; `compressed-tensors` is for vLLM, SGLang and transformers; `mlx` is for mlx-lm:
            Linear layers and embeddings with real zero points in 2 to 8 bits and groups of 32, 64
            or 128 (4 bits and 64 unless told), the rest as it is; `quanto` is for optimum-quanto: weights of Linear layers as qint8 (with `--bits 4` or `2` qint4 or
            qint2, in the groups that quanto derives from the shape), all else as it is, and
            `quanto_qmap.json` ([formats.md](formats.md)). GGUF files have `--type`.)",
        .set = [](Arguments& a, const Given& given) { a.coding.format = given.text; },
    },
    {
        .name = "--for",
        .value = "ENGINE",
        .commands = kQuantize,
        .group = Group::kChoose,
        .help = "of --format compressed-tensors: which engine is to load it",
        .manual = R"(`vllm` packs the codes, `transformers` gives each a byte
            ([formats.md](formats.md#compressed-tensors)).)",
        .choices = kEngines,
        .fallback = "vllm",
        .needs = "--format",
        .set =
            [](Arguments& a, const Given& given) {
                if (!given.text.empty()) a.coding.engine = given.text;
            },
    },
    {
        .name = "--arch",
        .value = "NAME",
        .commands = kCoding,
        .group = Group::kChoose,
        .help = "of a GGUF file: none writes weights alone, with names and layout as they are",
        .manual = R"(Without it `model_type` of config.json says which architecture it is. `none`
            writes weights of any other, under their own names and in their own layout, without keys
            and tokenizer: no program runs such a file.)",
        .needs = "--type",
        .set = [](Arguments& a, const Given& given) { a.coding.architecture = given.text; },
    },
    {
        .name = "--pre",
        .value = "NAME",
        .commands = kCoding,
        .group = Group::kChoose,
        .help = "of a GGUF file: llama.cpp's name for how the tokenizer cuts text",
        .manual = R"(`tokenizer.ggml.pre`, such as `llama-bpe`, where octet does not know the
            expression in tokenizer.json. A wrong name gives wrong tokens.)",
        .needs = "--type",
        .set = [](Arguments& a, const Given& given) { a.coding.pre_tokenizer = given.text; },
    },
    {
        .name = "--split-size",
        .value = "SIZE",
        .commands = kCoding,
        .group = Group::kWrite,
        .help = "of a GGUF file: several files of at most SIZE, as in 2GB",
        .manual =
            R"(Writes NAME-00001-of-0000N.gguf and so on instead of NAME.gguf, each of at most SIZE
            unless a single tensor has more. Programs are given the first one, which appears last.)",
        .needs = "--type",
        .set = [](Arguments& a, const Given& given) { a.coding.split_size = given.size(); },
    },
    {
        .name = "--no-fallback",
        .commands = kQuantize,
        .group = Group::kGates,
        .help = "of a GGUF file: fail where a tensor cannot have its type",
        .manual =
            R"(Rows have to be whole blocks: of 256 values for types that end in `_k`, of 32 for
            the others. Where they are not, the tensor has the type that llama-quantize falls back to,
            and the report says so. With this option such a tensor ends the run with
            exit code 1, like a failed gate.)",
        .needs = "--type",
        .set = [](Arguments& a, const Given& given) { a.coding.no_fallback = given.is_on(); },
    },
    {
        .name = "--requantize",
        .commands = kQuantize,
        .group = Group::kChoose,
        .help = "an INPUT that is quantized already, made plain first; errors add up",
        .manual = R"(Codes that `octet dequantize` reads are made plain first, in a hidden folder
            beside OUT_DIR. Without it they are refused, or copied with their state.)",
        .set = [](Arguments& a, const Given& given) { a.coding.requantize = given.is_on(); },
    },
    {
        .name = "--rule",
        .value = "PATTERN=SCHEME",
        .commands = kCoding,
        .group = Group::kChoose,
        .help = "SCHEME, type of --type, or keep, for tensors that match a glob, re:REGEX or "
                "kind:KIND; the first "
                "match wins",
        .manual =
            R"(SCHEME, or `keep`, for tensors whose names match a glob, or `re:` and a regular
            expression, or whose kind is KIND (`kind:KIND`). The first rule that matches decides
            ([Rules](#rules)). With `--type` it is a type, such as `q6_k`, and the names in the
            checkpoint and in the GGUF file both match.)",
        .repeatable = true,
        .set = [](Arguments& a,
                  const Given& given) { a.coding.rules.push_back(parse_rule(given.text)); },
    },
    {
        .name = "--rules",
        .value = "FILE",
        .commands = kCoding,
        .group = Group::kChoose,
        .help = "a JSON file of rules, after those of --rule",
        .manual = "A JSON file of rules, which follow those of `--rule`.",
        .set = add_rules,
    },
    {
        .name = "--max-size",
        .value = "SIZE",
        .commands = kCoding,
        .group = Group::kChoose,
        .help = "choose schemes for the least error in data files of at most SIZE, as in 70MB",
        .manual = R"(The [planner](quantization.md#the-planner) chooses the scheme of every tensor
            that no rule decides, or copies it, for the least error in data files of at most SIZE
            (`70MB`, `1.5GiB`). It reads the data once more. Preset and scheme options then decide
            nothing. A size that cannot be reached is exit 1, and the message says what can be. With
            `--type gguf` it chooses types, and SIZE is that of the whole GGUF file.)",
        .set = [](Arguments& a, const Given& given) { a.coding.max_size = given.size(); },
    },
    {
        .name = "--target-sqnr",
        .value = "DB",
        .commands = kCoding,
        .group = Group::kChoose,
        .help = "choose schemes for the smallest set with an SQNR of DB",
        .manual = R"(The planner chooses the smallest data files in which the quantized values,
            **buffers left out**, have an SQNR of at least DB. That SQNR is `totals.sqnr_db`. It
            excludes `--max-size`. With `--type gguf` no value is left out.)",
        .set = [](Arguments& a, const Given& given) { a.coding.target_sqnr_db = given.number(); },
    },
    {
        .name = "--importance",
        .value = "FILE",
        .commands = kCoding,
        .group = Group::kChoose,
        .help = "weights of the squared error for each input, as calibrate or llama-imatrix writes "
                "them",
        .manual = R"(A safetensors file of F32 vectors, as `octet calibrate` writes it. Each vector
            has the name of a tensor and, for each input of the tensor, a weight of the squared
            error that is not negative; for fused experts it may be a matrix of one row for each expert. Or
            an importance matrix of llama-imatrix, `.dat` or `.gguf`, whose names are those of a GGUF
            file ([gguf.md](gguf.md#importance)). `--range mse` of
            groups and channels then minimizes the weighted sum. The sidecar holds the file's checksum.)",
        .set = [](Arguments& a, const Given& given) { a.coding.importance = given.path(); },
    },
    {
        .name = "--on-non-finite",
        .value = "ACTION",
        .commands = kCoding,
        .group = Group::kChoose,
        .help = "what to do with a tensor that holds NaN or infinity",
        .manual =
            R"(What to do with a tensor that holds NaN or infinity, whose range is beyond float32
            or the dtype of its scale, or whose values would come back infinite. `keep` reads
            the data once more.)",
        .choices = kOnNonFinite,
        .fallback = "error",
        .set = [](Arguments& a,
                  const Given& given) { a.coding.on_non_finite = given.choice_of<OnNonFinite>(); },
    },
    {
        .name = "--bits",
        .value = "N",
        .commands = kCoding,
        .group = Group::kScheme,
        .help = "bits of one code",
        .manual = R"(The bits of one code. This and the other options of the
            [scheme](quantization.md) apply to tensors of two or more dimensions; other tensors
            have one scale per tensor and 8 bits.)",
        .choices = kBits,
        .fallback = "8",
        .set = set_bits,
    },
    {
        .name = "--granularity",
        .value = "WHAT",
        .commands = kCoding,
        .group = Group::kScheme,
        .help = "what shares one scale",
        .choices = kGranularities,
        .fallback = "tensor",
        .set =
            [](Arguments& a, const Given& given) {
                a.coding.scheme.granularity = given.choice_of<Granularity>();
            },
    },
    {
        .name = "--group-size",
        .value = "N",
        .commands = kCoding,
        .group = Group::kScheme,
        .help = "inputs of one group, 16 to 1024",
        .manual =
            "The number of inputs in one group, 16 to 1024. It implies `--granularity group`.",
        .fallback = "64",
        .set =
            [](Arguments& a, const Given& given) {
                const std::uint64_t size = given.count(kLeastGroupSize, kMostGroupSize);
                a.coding.scheme.group_size = static_cast<std::uint32_t>(size);
            },
    },
    {
        .name = "--axis",
        .value = "AXIS",
        .commands = kCoding,
        .group = Group::kScheme,
        .help = "which axis counts the outputs",
        .manual = "Which axis counts the outputs (of fused experts, of each expert's matrix). "
                  "`auto` is 1 for GPT-2's Conv1D "
                  "weights and `wpe`, and wherever biases or the hidden size say so, else 0.",
        .choices = kAxes,
        .fallback = "auto",
        .set = set_axis,
    },
    {
        .name = "--symmetric",
        .commands = kCoding,
        .group = Group::kScheme,
        .help = "codes around 0, no zero point",
        .set =
            [](Arguments& a, const Given& given) {
                if (given.is_on()) a.coding.scheme.symmetric = true;
            },
    },
    {
        .name = "--zero-point",
        .value = "KIND",
        .commands = kCoding,
        .group = Group::kScheme,
        .help = "what the zero point is",
        .choices = kZeroPoints,
        .fallback = "real",
        .set =
            [](Arguments& a, const Given& given) {
                a.coding.scheme.zero_point = given.choice_of<ZeroPoint>();
            },
    },
    {
        .name = "--rounding",
        .value = "MODE",
        .commands = kCoding,
        .group = Group::kScheme,
        .help = "rounding of values to codes, instead of the preset's",
        .choices = kRoundings,
        .set = [](Arguments& a,
                  const Given& given) { a.coding.scheme.rounding = given.choice_of<Rounding>(); },
    },
    {
        .name = "--range",
        .value = "METHOD",
        .commands = kCoding,
        .group = Group::kScheme,
        .help = "what the codes span",
        .manual = "What the codes span, in every group or channel, or in the whole tensor.",
        .choices = kRanges,
        .fallback = "minmax",
        .set = set_range,
    },
    {
        .name = "--scale-dtype",
        .value = "DTYPE",
        .commands = kCoding,
        .group = Group::kScheme,
        .help = "dtype of the scales of channels and groups",
        .manual =
            R"(The dtype of the scales and real zero points of channels and groups. `two-level` is
            for groups: small integers times F16 numbers.)",
        .choices = kScaleDtypes,
        .fallback = "f32",
        .set =
            [](Arguments& a, const Given& given) {
                a.coding.scheme.scale_dtype = given.choice_of<ScaleDtype>();
            },
    },
};

}  // namespace

std::span<const Option> code_options() {
    return kOptions;
}

}  // namespace octet::cli
