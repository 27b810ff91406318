// Each component runs as a command line of its own with its own paths; with --json their reports
// become an array. Files of the root go along at the end, whole or not at all.
#include "cli/components.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "base/json_text.hpp"
#include "base/text.hpp"
#include "checkpoint/components.hpp"
#include "cli/signals.hpp"
#include "io/output.hpp"
#include "octet/error.hpp"
#include "octet/octet.hpp"

namespace octet::cli {
namespace {

namespace fs = std::filesystem;

constexpr Commands kOfEach = kQuantize | kDequantize | kInspect | kVerify | kPlan;
constexpr Commands kWriters = kQuantize | kDequantize;

/// What cannot be meant for each component alike.
void check_options(const Arguments& arguments) {
    const std::string_view option = arguments.coding.max_size     ? "--max-size"
                                    : arguments.coding.importance ? "--importance"
                                    : !arguments.reports.empty()  ? "--report"
                                    : arguments.part              ? "--part"
                                    : arguments.resume            ? "--resume"
                                                                  : "";
    if (!option.empty())
        throw Error(ErrorCode::kUsage, option,
                    "is about one model, and INPUT holds several; name the folder of one");
}

/// The files beside the components, whole or not at all. OUT is there afterwards.
void write_root(Terminal& terminal, const Arguments& arguments,
                const checkpoint::Companions& companions) {
    const WriteOptions write = writing(terminal, arguments, "copying");
    const fs::path target = io::resolved_target(arguments.output);
    if (io::kind_at(target) == io::EntryKind::kFile)
        throw Error(ErrorCode::kUsage, printable(arguments.output),
                    "is a file; name a new or empty folder");
    std::vector<std::string> notes;
    io::Output output(target, io::Output::Kind::kFolder, std::string(checkpoint::kPipelineName),
                      write.sync, notes);
    const std::vector<std::string>& standing = output.standing().names;
    const bool is_pipeline =
        std::find(standing.begin(), standing.end(), checkpoint::kPipelineName) != standing.end();
    if (!standing.empty() && !is_pipeline)
        throw Error(ErrorCode::kUsage, printable(arguments.output),
                    fmt::format("is not empty ({}); name a new or empty folder",
                                printable(standing.front())));
    if (!standing.empty() && !write.force)
        throw Error(ErrorCode::kUsage, printable(arguments.output),
                    "holds a pipeline already; --force replaces it");
    output.begin();
    std::vector<std::string> names;
    for (const checkpoint::Companion& companion : companions.copied)
        names.push_back(companion.name);
    output.build(names);
    for (const checkpoint::Companion& companion : companions.copied) {
        const io::File source = io::File::open_for_reading(companion.path);
        io::copy_bytes(source, output.create(companion.name, source.size()), write.sync);
    }
    if (standing.empty()) {
        output.publish_folder({});
    } else {
        output.publish_files(names, true);
    }
    for (const std::string& line : notes) terminal.note(line);
    if (const std::string line = checkpoint::left_out_line(companions.left_out); !line.empty())
        terminal.note(line);
}

Arguments arguments_of(const Arguments& all, const std::string& component) {
    Arguments one = all;
    one.input = (fs::path(all.input) / component).native();
    if (!all.output.empty()) one.output = (fs::path(all.output) / component).native();
    if (all.verify.source) one.verify.source = *all.verify.source / component;
    return one;
}

/// Its text up to the first report.
std::string json_beginning(const Arguments& arguments, const checkpoint::Companions& companions) {
    std::string text;
    JsonWriter writer(text);
    const auto path_text = [](const std::string& path) {
        return is_utf8(path) ? path : printable(path);
    };
    writer.begin_object();
    writer.key("command").string(arguments.command).key("version").string(version());
    writer.key("input")
        .string(path_text(arguments.input))
        .key("output")
        .string(path_text(arguments.output));
    writer.key("companions").begin_object().key("copied").begin_array();
    for (const checkpoint::Companion& companion : companions.copied) writer.string(companion.name);
    writer.end_array().key("left_out").begin_array();
    for (const LeftOut& one : companions.left_out)
        writer.begin_object()
            .key("name")
            .string(path_text(one.name))
            .key("why")
            .string(one.why)
            .end_object();
    writer.end_array().end_object();
    return printable_json(text) + ", \"components\": [\n";
}

/// The object around the reports, if there is one.
class Framed {
  public:
    Framed(Terminal& terminal, bool json, const std::string& beginning)
        : terminal_(terminal), json_(json) {
        if (json_) terminal_.out(beginning);
    }

    void before(std::size_t number) {
        if (json_ && number > 0) terminal_.out(",\n");
    }

    void end(const std::string& last) {
        if (json_) terminal_.out(last + "}\n");
    }

  private:
    Terminal& terminal_;
    bool json_;
};

/// The component's own object in the array, and the same error of the whole.
std::string json_of_error(const Arguments& one, int code, const std::string& message) {
    std::string text;
    JsonWriter writer(text);
    writer.begin_object().key("code").integer(static_cast<std::uint64_t>(code));
    writer.key("message").string(is_utf8(message) ? message : printable(message)).end_object();
    return report::json_error(one.command, one.input, one.output, code, message) +
           "], \"error\": " + printable_json(text);
}

}  // namespace

std::vector<std::string> components_given(const Command& command, const Arguments& arguments) {
    if ((command.bit & kOfEach) == 0 || arguments.input.empty()) return {};
    return checkpoint::components_of(arguments.input);
}

int run_components(Terminal& terminal, const Command& command, const Arguments& arguments,
                   const std::vector<std::string>& components) {
    check_options(arguments);
    const bool writes = (command.bit & kWriters) != 0;
    checkpoint::Companions companions;
    if (writes) {
        companions = checkpoint::companions_of_pipeline(arguments.input, components,
                                                        arguments.coding.companions,
                                                        io::links_of(arguments.write.follow_links));
        write_root(terminal, arguments, companions);
    }
    Framed frame(terminal, arguments.json,
                 arguments.json ? json_beginning(arguments, companions) : "");
    int code = 0;
    for (std::size_t i = 0; i < components.size(); ++i) {
        Arguments one = arguments_of(arguments, components[i]);
        frame.before(i);
        try {
            code = std::max(code, command.run(terminal, one));
        } catch (const Error& error) {
            if (!arguments.json) throw;
            const int interrupted = error.code() == ErrorCode::kInterrupted ? signal_received() : 0;
            code = static_cast<int>(error.code()) + interrupted;
            terminal.error(error.what());
            frame.end(json_of_error(one, code, error.what()));
            return code;
        }
    }
    frame.end("]");
    return code;
}

}  // namespace octet::cli
