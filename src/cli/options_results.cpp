// The options about results: what is shown, refused and written, and how a command runs.
#include <fmt/format.h>

#include "cli/option.hpp"
#include "report/file_formats.hpp"

namespace octet::cli {
namespace {

constexpr Commands kJudged = kQuantize | kCompare;

constexpr Commands kReported =
    kQuantize | kJoin | kInspect | kVerify | kCompare | kPlan | kEvaluate;

constexpr Choice kCompanionChoices[] = {
    {"all", "all that is small and not weights, of subfolders, too"},
    {"known", "configs, tokenizer and licence of the folder itself, by their names"},
    {"none", "no other file"},
};
constexpr Choice kDtypes[] = {{"source"}, {"f32"}, {"f16"}, {"bf16"}};
constexpr Choice kSortKeys[] = {
    {"file", "in file order"},
    {"name", "from a to z"},
    {"size", "largest first"},
    {"sqnr", "worst first"},
};
constexpr Choice kWhen[] = {{"auto"}, {"always"}, {"never"}};

void set_dtype(Arguments& arguments, const Given& given) {
    constexpr std::array<std::optional<Dtype>, 4> kOf = {std::nullopt, Dtype::kF32, Dtype::kF16,
                                                         Dtype::kBF16};
    arguments.dtype = kOf[given.choice()];
}

void set_threads(Arguments& arguments, const Given& given) {
    const std::string advice = "; see octet " + arguments.command + " --help";
    arguments.threads = static_cast<unsigned>(given.count(1, 1024, advice));
}

void add_report(Arguments& arguments, const Given& given) {
    if (report::file_format_of(given.text) == nullptr) {
        std::vector<std::string_view> endings;
        for (const report::FileFormat& format : report::file_formats())
            endings.push_back(format.ending);
        given.refuse(fmt::format("does not end in one of {}, which says the format",
                                 fmt::join(endings, ", ")));
    }
    arguments.reports.push_back(given.text);
}

constexpr Option kOptions[] = {
    {
        .name = "--source",
        .value = "INPUT",
        .commands = kVerify | kShowTensor,
        .group = Group::kAgainst,
        .help = "the original checkpoint, to hold every value against",
        .set = [](Arguments& a, const Given& given) { a.verify.source = given.path(); },
    },
    {
        .name = "--importance",
        .value = "FILE",
        .commands = kVerify,
        .group = Group::kAgainst,
        .help = "with --source: the file that quantize had",
        .manual = "The file that quantize had, if it had one.",
        .needs = "--source",
        .set = [](Arguments& a, const Given& given) { a.verify.importance = given.path(); },
    },
    {
        .name = "--sizes",
        .commands = kInspect,
        .group = Group::kShow,
        .help = "bytes by dtype and kind, bits per weight, ratio, footprint",
        .manual = R"(Bytes by dtype and kind, bits per weight, ratio, state bytes and footprint;
            without the table of tensors unless `--tensors` or `--sort` ask for it.)",
        .set = [](Arguments& a, const Given& given) { a.sizes = given.is_on(); },
    },
    {
        .name = "--summary",
        .commands = kPlan,
        .group = Group::kShow,
        .help = "a row for each scheme instead of each tensor",
        .manual = R"(A row for each scheme with the number of tensors, their bytes and bits for each
            element, instead of a row for each tensor with its reason. `--json` is as without it.)",
        .set = [](Arguments& a, const Given& given) { a.summary = given.is_on(); },
    },
    {
        .name = "--tensors",
        .value = "PATTERN",
        .commands = kInspect | kCompare | kPlan,
        .group = Group::kShow,
        .help = "only names that match: a glob, or re:REGEX",
        .manual =
            R"(Only tensors whose names match a glob (`*`, `?`, `[a-z]`, `[!a-z]`) or `re:` and a
            regular expression (ECMAScript) for the whole name. No match is exit 2.)",
        .set = [](Arguments& a, const Given& given) { a.tensors = given.text; },
    },
    {
        .name = "--sort",
        .value = "KEY",
        .commands = kInspect,
        .group = Group::kShow,
        .help = "the order of tensors",
        .manual = "The order of the tensors in the table. JSON stays in file order.",
        .choices = kSortKeys,
        .fallback = "file",
        .set =
            [](Arguments& a, const Given& given) {
                if (!given.text.empty()) a.sort = given.choice_of<SortKey>();
            },
    },
    {
        .name = "--scan",
        .commands = kPlan,
        .group = Group::kShow,
        .help = "read the data too, for what depends on values",
        .set = [](Arguments& a, const Given& given) { a.scan = given.is_on(); },
    },
    {
        .name = "--list-schemes",
        .commands = kPlan,
        .group = Group::kShow,
        .help = "print the named schemes, one a line, and nothing else",
        .manual = R"(Print (with `--json` as the array `schemes`) the schemes of the table in
            [quantization.md](quantization.md#bits-against-sqnr), without axes, and `u8-trunc`, one
            a line; any other [scheme name](quantization.md) that is built works as well. It takes
            no INPUT and no other option of plan.)",
        .alone = true,
        .set = [](Arguments& a, const Given& given) { a.list_schemes = given.is_on(); },
    },
    {
        .name = "--min-sqnr-tensor",
        .value = "DB",
        .commands = kJudged,
        .group = Group::kGates,
        .help = "exit 1 if any tensor's SQNR is lower",
        .manual = "The [gate](#gates) on every tensor's `sqnr_db`.",
        .set = [](Arguments& a, const Given& given) { a.gates.min_sqnr_tensor = given.number(); },
    },
    {
        .name = "--min-sqnr",
        .value = "DB",
        .commands = kJudged,
        .group = Group::kGates,
        .help = "exit 1 if the SQNR over all values is lower",
        .manual = "The gate on `totals.sqnr_db`.",
        .set = [](Arguments& a, const Given& given) { a.gates.min_sqnr = given.number(); },
    },
    {
        .name = "--max-abs-error",
        .value = "X",
        .commands = kJudged,
        .group = Group::kGates,
        .help = "exit 1 if any value is further off",
        .manual = "The gate on every tensor's `max_abs_error`.",
        .set = [](Arguments& a, const Given& given) { a.gates.max_abs_error = given.number(); },
    },
    {
        .name = "--max-output-size",
        .value = "SIZE",
        .commands = kJudged,
        .group = Group::kGates,
        .help = "exit 1 if the data files are larger, as in 70MB or 1.5GiB",
        .manual = "The gate on `totals.output_bytes`: the data files; for compare those of B.",
        .set = [](Arguments& a, const Given& given) { a.gates.max_output_size = given.size(); },
    },
    {
        .name = "--keep-on-failure",
        .commands = kQuantize | kJoin,
        .group = Group::kGates,
        .help = "write the set even when a gate failed",
        .manual = "Write the set even when a gate failed; the exit code is 1 all the same.",
        .set = [](Arguments& a, const Given& given) { a.coding.keep_on_failure = given.is_on(); },
    },
    {
        .name = "--output",
        .letter = 'o',
        .value = "FILE",
        .commands = kCalibrate,
        .group = Group::kWrite,
        .help = "the file to write, ending in .safetensors",
        .manual =
            "The file to write, its name ending in `.safetensors`; an existing one is exit 2.",
        .required = true,
        .path = &Arguments::output,
    },
    {
        .name = "--output",
        .letter = 'o',
        .value = "FILE",
        .commands = kPlan,
        .group = Group::kWrite,
        .help = "write the plan as JSON, ending in .json; for --plan",
        .manual = R"(Write the plan as JSON into FILE, whose name ends in `.json`: what `--report
            FILE.json` writes. `octet quantize --part K/N --plan FILE` takes it.)",
        .set =
            [](Arguments& a, const Given& given) {
                if (!given.text.ends_with(".json"))
                    given.refuse("is no name of a plan; give one that ends in .json");
                a.reports.push_back(given.text);
            },
    },
    {
        .name = "--dtype",
        .value = "DTYPE",
        .commands = kDequantize,
        .group = Group::kWrite,
        .help = "dtype of every float tensor",
        .manual =
            R"(The dtype of every float tensor, kept ones too. `source` is each tensor's own. F16
            that would overflow is exit 3.)",
        .choices = kDtypes,
        .fallback = "source",
        .set = set_dtype,
    },
    {
        .name = "--like",
        .value = "MODEL_FOLDER",
        .commands = kDequantize,
        .group = Group::kWrite,
        .help = "of a GGUF file: the model whose config and tokenizer go along",
        .manual =
            R"(Of a GGUF file, which has no other files: the folder of the model that it was made from, whose companions
            (`config.json`, the tokenizer) go along into a folder OUT, `config.json` with the dtype of the restored weights.)",
        .set = [](Arguments& a, const Given& given) { a.like = given.path().value_or(""); },
    },
    {
        .name = "--companions",
        .value = "WHICH",
        .commands = kQuantize | kPlan,
        .group = Group::kWrite,
        .help = "which other files of the model's folder go along",
        .manual = R"(Which other files of the model's folder go along
            ([format.md](format.md#companions) says which are small and not weights).)",
        .choices = kCompanionChoices,
        .fallback = "all",
        .set = [](Arguments& a,
                  const Given& given) { a.coding.companions = given.choice_of<CompanionChoice>(); },
    },
    {
        .name = "--report",
        .value = "FILE",
        .commands = kReported,
        .group = Group::kWrite,
        .help = "also write a report: .html, .md, .xml (JUnit), .csv or .json, by its ending",
        .manual =
            R"(Also write a [report](reports.md) into FILE, whose ending says the format: `.html`, `.md`,
            `.xml` (JUnit), `.csv` or `.json`. Any other ending is exit 2. An old report is replaced;
            after exit codes other than 0 and 1 there is no new one.)",
        .repeatable = true,
        .set = add_report,
    },
    {
        .name = "--force",
        .commands = kQuantize | kDequantize | kJoin | kShowTensor,
        .group = Group::kWrite,
        .help = "replace what octet wrote there before",
        .manual = "Replace a set. dequantize replaces files of the same names, and nothing else; "
                  "show the file of `--npy`.",
        .set = [](Arguments& a, const Given& given) { a.write.force = given.is_on(); },
    },
    {
        .name = "--sha256",
        .commands = kWriting & ~kJoin,
        .group = Group::kWrite,
        .help = "also SHA-256 of every file, for those who publish it",
        .manual = R"(Also SHA-256 of every file, as `sha256sum` prints it: in the sidecar (of data
            files and companions) and in the `--json` report. Needs OpenSSL's libcrypto, which is
            loaded on demand; where it is missing, the exit code is 2. verify needs it too, for a
            set that has such digests.)",
        .set = [](Arguments& a, const Given& given) { a.write.sha256 = given.is_on(); },
    },
    {
        .name = "--no-sync",
        .commands = kWriting | kShowTensor,
        .group = Group::kWrite,
        .help = "do not wait until the output is on the disk",
        .set = [](Arguments& a, const Given& given) { a.write.sync = !given.is_on(); },
    },
    {
        .name = "--threads",
        .value = "N",
        .commands = kEveryCommand,
        .help = "workers, 1 to 1024",
        .fallback = "one a core",
        .set = set_threads,
    },
    {
        .name = "--follow-links",
        .commands = kEveryCommand,
        .help = "follow links out of the model's folder",
        .manual = R"(Follow the links of a model's folder wherever they lead. By default octet
            follows only links inside the folder and links of the hub's cache (`../../blobs/HEX`).
            Other links are refused; companions behind them are left out.)",
        .set = [](Arguments& a, const Given& given) { a.write.follow_links = given.is_on(); },
    },
    {
        .name = "--json",
        .commands = kEveryCommand,
        .help = "one JSON object on standard output, nothing else there",
        .set = [](Arguments& a, const Given& given) { a.json = given.is_on(); },
    },
    {
        .name = "--quiet",
        .commands = kEveryCommand,
        .help = "print nothing but errors and --json",
        .manual = "Print nothing but errors and what `--json` prints.",
        .set = [](Arguments& a, const Given& given) { a.quiet = given.is_on(); },
    },
    {
        .name = "--verbose",
        .commands = kEveryCommand,
        .help = "print every tensor",
        .manual = R"(Every tensor in the report instead of the worst five (compare: ten, and every
            line of its other lists).)",
        .set = [](Arguments& a, const Given& given) { a.verbose = given.is_on(); },
    },
    {
        .name = "--color",
        .value = "WHEN",
        .commands = kEveryCommand,
        .help = "color the report",
        .manual = "Color the report. `auto`: on a terminal, unless `NO_COLOR` is set.",
        .choices = kWhen,
        .fallback = "auto",
        .set = [](Arguments& a, const Given& given) { a.color = given.choice_of<When>(); },
    },
    {
        .name = "--progress",
        .value = "WHEN",
        .commands = kEveryCommand,
        .help = "show how far it is",
        .manual = "Show how far it is, on stderr. `auto`: when that is a terminal.",
        .choices = kWhen,
        .fallback = "auto",
        .set = [](Arguments& a, const Given& given) { a.progress = given.choice_of<When>(); },
    },
    {
        .name = "--no-sandbox",
        .commands = kEveryCommand,
        .help = "keep rights that are given up before INPUT is read",
        .manual = R"(Before INPUT is read, octet gives up what it does not need, by Landlock and
            seccomp where the kernel has them: opening anything but the paths of the command line,
            their folders (of a set also the one that it lies in) and the folder of the output;
            networks; other programs. This option keeps these rights.)",
        .set = [](Arguments& a, const Given& given) { a.sandbox = !given.is_on(); },
    },
    {
        .name = "--help",
        .letter = 'h',
        .commands = kEveryCommand | kProgram,
        .help = "print this help",
        .manual = "Print the arguments and options, and an example.",
    },
    {
        .name = "--version",
        .commands = kProgram,
        .help = "print the version; with --json also how it was built",
        .manual =
            R"(Print the version. With `--json` one object: `version`, `commit` (12 digits, `-dirty`
            if files were changed, `unknown` outside git), `compiler`, `instruction_sets` (all that are
            built in), `static`.)",
    },
};

}  // namespace

std::span<const Option> result_options() {
    return kOptions;
}

}  // namespace octet::cli
