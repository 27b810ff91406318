#include <memory>

#include <CLI/CLI.hpp>

#include "cli/commands.hpp"
#include "octet/octet.hpp"
#include "report/verify_report.hpp"

namespace octet::cli {
namespace {

struct VerifyArguments {
    std::string source;
    std::string importance;
};

int run_verify(const VerifyArguments& arguments, Terminal& terminal, const CommonOptions& common) {
    VerifyOptions options;
    if (!arguments.source.empty()) options.source = arguments.source;
    if (!arguments.importance.empty()) options.importance = arguments.importance;
    const WriteOptions shared = with_progress({}, terminal, common, "verifying");
    options.threads = shared.threads;
    options.progress = shared.progress;
    options.stop_requested = shared.stop_requested;
    const VerifyReport report = verify(common.input, options);
    if (common.json) {
        terminal.out(report::verify_json(report, [&](std::string_view piece) { terminal.out(piece); }));
    } else if (!common.quiet) {
        terminal.out(report::verify_text(report, terminal.color()));
    }
    if (report.findings.empty()) return 0;
    terminal.error(report::verify_failure(report));
    return static_cast<int>(ErrorCode::kCheckFailed);
}

}  // namespace

void add_verify(CLI::App& app, Invocation& invocation) {
    auto arguments = std::make_shared<VerifyArguments>();
    CLI::App* const command =
        app.add_subcommand("verify", "Prove that a set is what was written, and keeps its promise to its source");
    command->add_option("SET", invocation.common.input, "a folder that octet quantize wrote")->required();
    CLI::Option* const source =
        command->add_option("--source", arguments->source, "the original checkpoint, to hold every value against");
    command->add_option("--importance", arguments->importance, "with --source: the file that quantize had")
        ->needs(source);
    add_common_options(*command, invocation.common);
    command->callback([arguments, &invocation] {
        invocation.command = "verify";
        invocation.run = [arguments](Terminal& terminal, const CommonOptions& common) {
            return run_verify(*arguments, terminal, common);
        };
    });
}

}  // namespace octet::cli
