// The same steps as in quantize(), up to the plan.
#include "commands/part_work.hpp"

#include <numeric>

#include "base/text.hpp"
#include "commands/gates.hpp"
#include "io/sha256.hpp"
#include "octet/error.hpp"
#include "parts/lines.hpp"
#include "parts/share.hpp"
#include "survey/plan_file.hpp"

namespace octet::commands {
namespace {

namespace fs = std::filesystem;

const writers::OutputFormat& checked_format(const QuantizeOptions& options, const fs::path& out) {
    check_limits(options.gates);
    if (options.requantize)
        throw Error(
            ErrorCode::kUsage, "--requantize",
            "restores all of INPUT first, which no part is to do alone; give the parts what "
            "octet dequantize makes of it");
    if (options.plan && !options.type.empty())
        throw Error(ErrorCode::kUsage, "--plan",
                    "is of octet's own schemes, and --type writes a GGUF file; leave one of the "
                    "two out");
    const writers::OutputFormat& format = writers::format_of(options);
    format.check(options, out);
    if (options.write.sha256) io::need_sha256();
    return format;
}

}  // namespace

void check_planner(const QuantizeOptions& options) {
    if (!options.plan && (options.max_size || options.target_sqnr_db))
        throw Error(ErrorCode::kUsage, options.max_size ? "--max-size" : "--target-sqnr",
                    "measures all tensors before it chooses, and a part sees its own; give "
                    "--plan the file that octet plan -o FILE wrote with the same options");
}

PartWork::PartWork(const fs::path& input, const fs::path& out, const QuantizeOptions& options,
                   std::uint32_t parts)
    : options_(options),
      format_(checked_format(options, out)),
      checkpoint_(checkpoint::open_checkpoint(input, io::links_of(options.write.follow_links))),
      writer_(format_.make({checkpoint_, options, io::links_of(options.write.follow_links), out})),
      order_(parts::order_of(checkpoint_, options, parts)),
      input_(fs::absolute(input).native()) {
    writer_->decide();
}

void PartWork::take_run(const parts::RunRecord& run, const std::string& where) {
    parts::check_same_order(run.order, order_, where);
    if (options_.plan && survey::read_plan(*options_.plan, checkpoint_, options_) != run.findings)
        throw Error(ErrorCode::kBadInput, where,
                    "holds parts that were made by another plan; give all parts the same one");
    writer_->take_findings(run.findings);
    lay_out();
    if (parts::layout_of(plan_) == run.layout) return;
    throw Error(ErrorCode::kBadInput, where,
                "holds parts of an output with other offsets, as a file beside the source changed; "
                "remove them (octet join --discard)");
}

WriteOptions PartWork::examine() {
    WriteOptions writing = options_.write;
    if (options_.plan) {
        writer_->take_findings(survey::read_plan(*options_.plan, checkpoint_, options_));
    } else {
        writing = writer_->examine();
    }
    lay_out();
    return writing;
}

void PartWork::lay_out() {
    plan_ = writer_->lay_out();
    for (std::size_t i = 0; i < plan_.placements.size(); ++i)
        byte_counts_.push_back(writer_->source_of(i).byte_count);
}

parts::RunRecord PartWork::run() const {
    std::vector<std::string> files;
    for (const formats::FilePlan& file : plan_.files) files.push_back(file.name);
    return {order_, input_, writer_->findings(), std::move(files), parts::layout_of(plan_)};
}

writers::TensorRun PartWork::share_of(const Part& part) const {
    const auto [first, end] = parts::share_of(byte_counts_, part);
    return {first, end};
}

std::uint64_t PartWork::source_bytes(const writers::TensorRun& run) const {
    return std::accumulate(byte_counts_.begin() + static_cast<std::ptrdiff_t>(run.first),
                           byte_counts_.begin() + static_cast<std::ptrdiff_t>(run.end),
                           std::uint64_t{0});
}

std::string name_of(const parts::Folder& folder, const std::string& file) {
    return printable((file.empty() ? folder.path() : folder.path() / file).native());
}

std::optional<SealedRun> read_run(const parts::Folder& folder, std::string_view file) {
    const std::string name(file);
    const auto text = folder.read(name);
    if (!text) return std::nullopt;
    return SealedRun{parts::parse_run(*text, name_of(folder, name)),
                     std::string(parts::seal_of(*text))};
}

}  // namespace octet::commands
