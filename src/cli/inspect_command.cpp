#include <algorithm>
#include <limits>
#include <memory>

#include <CLI/CLI.hpp>

#include "base/pattern.hpp"
#include "base/text.hpp"
#include "cli/commands.hpp"
#include "octet/octet.hpp"

namespace octet::cli {
namespace {

struct InspectArguments {
    bool sizes = false;
    std::string tensors;
    std::string sort;
};

double sqnr_of(const TensorReport& tensor) {
    return tensor.statistics ? tensor.statistics->sqnr_db : std::numeric_limits<double>::infinity();
}

std::vector<std::uint32_t> selected(const Report& report, const InspectArguments& arguments) {
    const Pattern pattern(arguments.tensors.empty() ? "*" : arguments.tensors, "--tensors");
    std::vector<std::uint32_t> order;
    for (std::uint32_t i = 0; i < report.tensors.size(); ++i) {
        if (pattern.matches(report.tensors[i].name)) order.push_back(i);
    }
    if (order.empty() && !arguments.tensors.empty()) {
        throw Error(ErrorCode::kUsage, "--tensors",
                    in_quotes(arguments.tensors) + " matches no tensor; octet inspect PATH lists their names");
    }
    const auto sort_by = [&](auto before) {
        std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
            return before(report.tensors[a], report.tensors[b]);
        });
    };
    switch (arguments.sort.empty() ? 0 : choice_of("--sort", arguments.sort, {"file", "name", "size", "sqnr"})) {
        case 1:
            sort_by([](const TensorReport& a, const TensorReport& b) { return a.name < b.name; });
            break;
        case 2:
            sort_by([](const TensorReport& a, const TensorReport& b) { return a.output_bytes > b.output_bytes; });
            break;
        case 3:
            sort_by([](const TensorReport& a, const TensorReport& b) { return sqnr_of(a) < sqnr_of(b); });
            break;
        default:
            break;
    }
    return order;
}

int run_inspect(const InspectArguments& arguments, Terminal& terminal, const CommonOptions& common) {
    const Report report = inspect(common.input);
    report::ReportOptions shown;
    shown.command = "inspect";
    shown.shown = selected(report, arguments);
    shown.sizes = arguments.sizes;
    shown.table = !arguments.sizes || !arguments.tensors.empty() || !arguments.sort.empty();
    return print_report(terminal, common, report, shown);
}

}  // namespace

void add_inspect(CLI::App& app, Invocation& invocation) {
    auto arguments = std::make_shared<InspectArguments>();
    CLI::App* const command = app.add_subcommand("inspect", "Describe a checkpoint or a set, from its headers alone");
    command->add_option("PATH", invocation.common.input, "a checkpoint or a set")->required();
    command->add_flag("--sizes", arguments->sizes, "bytes by dtype and kind, bits per weight, ratio, footprint");
    command->add_option("--tensors", arguments->tensors, "only names that match: a glob, or re:REGEX");
    command->add_option("--sort", arguments->sort, "file (default), name, size (largest first) or sqnr (worst first)");
    add_common_options(*command, invocation.common);
    command->callback([arguments, &invocation] {
        invocation.command = "inspect";
        invocation.run = [arguments](Terminal& terminal, const CommonOptions& common) {
            return run_inspect(*arguments, terminal, common);
        };
    });
}

}  // namespace octet::cli
