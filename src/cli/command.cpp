// The table of commands, and what else scripts rely on.
#include "cli/command.hpp"

#include <algorithm>

namespace octet::cli {
namespace {

constexpr std::string_view kCheckpoint =
    "a .safetensors file, a *.safetensors.index.json, or a folder";
constexpr std::string_view kModel =
    "a checkpoint or set, config.json and tokenizer beside it; or a GGUF file";

constexpr Positional kQuantizePaths[] = {
    {"INPUT", kCheckpoint, &Arguments::input},
    {"OUT_DIR", "a new or empty folder for the set; with --type a file that ends in .gguf",
     &Arguments::output},
};
constexpr Positional kDequantizePaths[] = {
    {"SET", "a folder that octet quantize wrote, or a GGUF file of anybody", &Arguments::input},
    {"OUT", "a name ending in .safetensors for one file, else a new or empty folder",
     &Arguments::output},
};
constexpr Positional kInspectPaths[] = {
    {"PATH", "a checkpoint, a set or a GGUF file", &Arguments::input}};
constexpr Positional kVerifyPaths[] = {
    {"SET", "a folder that octet quantize wrote, or a GGUF file", &Arguments::input}};
constexpr Positional kComparePaths[] = {
    {"A", "the reference: a checkpoint, a set or a GGUF file", &Arguments::input},
    {"B", "what is judged: a checkpoint, a set or a GGUF file", &Arguments::output},
    {"C", "more of what is judged; all of them make one table", nullptr, false, &Arguments::others},
};
constexpr Positional kPlanPaths[] = {{"INPUT", kCheckpoint, &Arguments::input, false}};
constexpr Positional kShowPaths[] = {
    {"PATH", "a checkpoint, a set or a GGUF file", &Arguments::input},
    {"TENSOR", "the name of a tensor in it, as octet inspect prints it", &Arguments::tensor},
};
constexpr Positional kJoinPaths[] = {
    {"OUT", "the output that octet quantize --part was given", &Arguments::output}};
constexpr Positional kModelPaths[] = {{"MODEL", kModel, &Arguments::input}};

constexpr Command kCommands[] = {
    {
        .name = "quantize",
        .bit = kQuantize,
        .is_main = true,
        .summary = "Quantize a checkpoint into a set: codes, sidecar, companions",
        .manual = R"(Reads INPUT and writes a set into OUT_DIR: the codes as safetensors files, the
            sidecar `quantization_state.json` that says how to read them, and, from a folder, its
            companions, such as `config.json` and the tokenizer. The set appears whole or not at
            all. The report says what quantizing cost, tensor by tensor.)",
        .positionals = kQuantizePaths,
        .example = "octet quantize model.safetensors out/ --preset q4 --min-sqnr 20",
        .run = run_quantize,
    },
    {
        .name = "dequantize",
        .bit = kDequantize,
        .is_main = true,
        .summary = "Restore a checkpoint from a set or a GGUF file",
        .manual =
            R"(Restores the checkpoint that SET was made from: its names, order, shapes, dtypes and
            metadata, with the values that the codes stand for. Of a GGUF file the names and layout of
            the checkpoint come back where octet knows the architecture.)",
        .positionals = kDequantizePaths,
        .example = "octet dequantize out/ restored.safetensors",
        .run = run_dequantize,
    },
    {
        .name = "inspect",
        .bit = kInspect,
        .is_main = true,
        .summary = "Describe a checkpoint, set or GGUF file from its headers",
        .manual = "Prints what PATH holds, tensor by tensor. It reads no weights.",
        .positionals = kInspectPaths,
        .example = "octet inspect out/ --sizes --tensors '*.weight' --sort sqnr",
        .run = run_inspect,
    },
    {
        .name = "verify",
        .bit = kVerify,
        .is_main = true,
        .summary = "Prove that a set is what was written, and true to its source",
        .manual = R"(Reads every byte of SET and compares it with the checksums that quantize
            stored. With `--source` it also holds every value against the original. Any finding is
            exit 1.)",
        .positionals = kVerifyPaths,
        .example = "octet verify out/ --source model.safetensors",
        .run = run_verify,
    },
    {
        .name = "compare",
        .bit = kCompare,
        .is_main = true,
        .summary = "Compare checkpoints, sets or GGUF files with an original",
        .manual =
            R"(Says which tensors are missing, extra or of another shape, and, for each tensor in
            both, how far the values of B are from those of A. With several it prints one table of
            size, bits, SQNR and worst tensors; with `--text` also how far their predictions are
            from those of A.)",
        .positionals = kComparePaths,
        .example = "octet compare model/ q4/ q8.gguf --text eval.txt --max-kl 0.01",
        .run = run_compare,
    },
    {
        .name = "plan",
        .bit = kPlan,
        .summary = "Say what quantize would do to each tensor, and why",
        .manual =
            R"(Takes quantize's options and writes nothing: for every tensor the scheme, the exact
            bytes, what decided, and what would change it. It reads headers alone, unless values
            decide.)",
        .positionals = kPlanPaths,
        .example = "octet plan model.safetensors --rule '*.bias=keep' --max-size 70MB",
        .run = run_plan,
    },
    {
        .name = "generate",
        .bit = kGenerate,
        .summary = "Let a GPT-2 or T5, or its codes, continue or answer a prompt",
        .manual =
            "Runs MODEL, the original or a set, on the codes themselves, and prints what it says.",
        .positionals = kModelPaths,
        .example = "octet generate out/ --versus model/ --prompt 'The quick brown fox'",
        .run = run_generate,
    },
    {
        .name = "evaluate",
        .bit = kEvaluate,
        .summary = "Measure what a GPT-2 or T5, or its codes, predicts",
        .manual =
            R"(Prints loss and perplexity of MODEL on a text, and with `--reference` how far its
            predictions are from another model's.)",
        .positionals = kModelPaths,
        .example = "octet evaluate out/ --text eval.txt --reference model/ --max-kl 0.01",
        .run = run_evaluate,
    },
    {
        .name = "calibrate",
        .bit = kCalibrate,
        .summary = "Collect the mean squared input of every weight of a model",
        .manual = R"(Runs a text through MODEL and writes what `--importance` of quantize takes: for
            each weight that activations are multiplied with, the mean square of each input.)",
        .positionals = kModelPaths,
        .example = "octet calibrate model/ --text some.txt -o importance.safetensors",
        .run = run_calibrate,
    },
    {
        .name = "show",
        .bit = kShowTensor,
        .summary = "Print a tensor as torch does: values, codes, errors, histograms",
        .manual =
            R"(Prints TENSOR of PATH as torch prints tensors: values, or codes and restored values,
            with `--source` all of them and their differences; then scale and zero point, figures and
            histograms.)",
        .positionals = kShowPaths,
        .example = "octet show out/ h.0.attn.c_attn.weight --source model.safetensors",
        .run = run_show,
    },
    {
        .name = "join",
        .bit = kJoin,
        .summary = "Put together what quantize --part left, byte for byte the single run's output",
        .manual =
            R"(Checks that all parts of OUT are there, whole, of one source, one version and equal
            options, writes what belongs to all of them, and makes OUT visible in one step. The
            bytes are those of a run without `--part`. Tensor data is read only where the
            bytes of two parts meet.)",
        .positionals = kJoinPaths,
        .example = "octet join out/ --verify",
        .run = run_join,
    },
};

constexpr Command kOctet = {
    .name = "",
    .bit = kProgram,
    .summary =
        "octet quantizes safetensors checkpoints to 8, 6, 5, 4, 3 or 2 bits, restores them, and "
        "says what it cost.",
    .manual =
        R"(octet quantizes safetensors checkpoints to 8, 6, 5, 4, 3 or 2 bits, restores them, and says
        what quantizing cost, tensor by tensor. What it writes is whole or absent. Under the name
        `quantize`, `dequantize` or `inspect` (a link or a copy) the program is that command.)",
    .example = "octet quantize model.safetensors out/ && octet inspect out/ --sizes",
};

constexpr std::string_view kLinkNames[] = {"quantize", "dequantize", "inspect"};

constexpr Fact kExitCodes[] = {
    {"0", "done; also when the reader of stdout went away"},
    {"1",
     R"(a check failed: a gate; a size or an SQNR that the planner cannot reach (`--max-size`,
        `--target-sqnr`); any finding of verify; compare with missing, extra, reshaped or otherwise
        different tensors (a dtype alone is only reported))"},
    {"2", R"(usage: unknown or impossible option, rule that decides nothing, pattern that matches
        nothing, unknown `OCTET_ISA`, output not acceptable, output = input)"},
    {"3",
     R"(bad input: not found, not a checkpoint, malformed, not finite, already quantized, a model or
        text that cannot be run, `--dtype f16` that would overflow)"},
    {"4",
     "I/O: permission, disk full, a file shrank while it was read, another run is writing there"},
    {"5", "internal error or out of memory; please report it"},
    {"128 + N",
     R"(ended by the signal N after cleaning up: INT (130), TERM (143), HUP (129). Any other signal
        ends it at once, without cleaning up)"},
};

constexpr Fact kVariables[] = {
    {"OCTET_ISA",
     R"(forces an instruction set: `scalar`, `sse2`, `avx2`, `avx512`, `neon64`, as far as the
        machine and the build have them. The bytes are the same with each. An unknown name is exit 2)"},
    {"OCTET_READER",
     R"(forces how sources are read, `mapped` or `pread`; octet tries both out otherwise)"},
    {"COLUMNS",
     R"(the columns of the terminal, which tables are made to fit. Without it those that the
        terminal says; without a terminal names are whole up to 60 characters)"},
    {"NO_COLOR", R"(if set and not empty: no colors, unless `--color always` asks for them)"},
};

}  // namespace

std::span<const Command> commands() {
    return kCommands;
}

const Command& program() {
    return kOctet;
}

const Command* find_command(std::string_view name) {
    const auto* const found =
        std::find_if(std::begin(kCommands), std::end(kCommands),
                     [&](const Command& command) { return command.name == name; });
    return found == std::end(kCommands) ? nullptr : found;
}

std::vector<std::string> command_names(Commands these) {
    std::vector<std::string> names;
    for (const Command& command : kCommands) {
        if ((command.bit & these) != 0) names.emplace_back(command.name);
    }
    return names;
}

std::span<const std::string_view> link_names() {
    return kLinkNames;
}

std::span<const Fact> exit_codes() {
    return kExitCodes;
}

std::span<const Fact> environment_variables() {
    return kVariables;
}

}  // namespace octet::cli
