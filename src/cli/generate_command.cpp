// octet generate: a model continues or answers a prompt, on a terminal as it is made.
#include "base/text.hpp"
#include "cli/command.hpp"
#include "cli/signals.hpp"
#include "io/text_stream.hpp"
#include "io/tuning/large_buffer.hpp"
#include "octet/error.hpp"
#include "octet/model.hpp"
#include "octet/octet.hpp"
#include "report/model_report.hpp"

namespace octet::cli {
namespace {

constexpr std::uint64_t kMostPromptBytes = 16U << 20U;

GenerateOptions& fill_in(Arguments& arguments) {
    GenerateOptions& options = arguments.generate;
    const int prompts =
        (arguments.prompt ? 1 : 0) + (arguments.prompt_file ? 1 : 0) + (options.ids ? 1 : 0);
    if (prompts != 1)
        throw Error(ErrorCode::kUsage, "give one of --prompt, --prompt-file and --prompt-ids");
    const bool samples = options.sampling.top_k > 0 || options.sampling.top_p != 1;
    options.sampling.temperature = arguments.temperature.value_or(samples ? 1 : 0);
    options.threads = arguments.threads;
    options.follow_links = arguments.write.follow_links;
    options.stop_requested = [] { return signal_received() != 0; };
    if (arguments.prompt) options.prompt = *arguments.prompt;
    if (arguments.prompt_file)
        options.prompt =
            io::read_text_stream(*arguments.prompt_file, kMostPromptBytes, options.stop_requested);
    return options;
}

/// Writes what is new whenever there is more text.
class Stream {
  public:
    explicit Stream(Terminal& terminal) : terminal_(terminal) {}

    void operator()(const std::string& text) {
        if (text.size() <= written_) return;
        terminal_.out(printable(std::string_view(text).substr(written_)));
        written_ = text.size();
    }

  private:
    Terminal& terminal_;
    std::size_t written_ = 0;
};

}  // namespace

int run_generate(Terminal& terminal, Arguments& arguments) {
    GenerateOptions& options = fill_in(arguments);
    io::grow_in_huge_pages();
    const bool streams = terminal.is_terminal() && arguments.versus.empty() && !arguments.json &&
                         !arguments.quiet && !options.ids;
    if (streams) options.on_text = Stream(terminal);
    const Generation generation = generate(arguments.input, options);
    if (streams) {
        terminal.out("\n  (" + report::generation_facts(generation) + ")\n");
        return 0;
    }
    std::optional<Generation> versus;
    if (!arguments.versus.empty()) versus = generate(arguments.versus, options);
    const Generation* const other = versus ? &*versus : nullptr;
    if (arguments.json) {
        terminal.out(report::generation_json(
            generation, inspect(arguments.input, arguments.write.follow_links), other));
    } else if (!arguments.quiet) {
        terminal.out(report::generation_text(generation, other, terminal.style()));
    }
    return 0;
}

}  // namespace octet::cli
