// Files are created in full size with their headers, so that workers write at offsets; inputs are
// known by device and inode, whatever they are called.
#include "commands/output.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "octet/error.hpp"

namespace octet::commands {

std::uint64_t bytes_needed(const std::vector<plan::FilePlan>& files, std::uint64_t companion_bytes,
                           std::size_t tensors) {
    constexpr std::uint64_t kTextBytes = 400;  // a tensor's entry in a sidecar, as tiny-gpt2 has it
    std::uint64_t bytes = companion_bytes + kTextBytes * tensors;
    for (const plan::FilePlan& file : files) bytes += file.byte_count;
    return bytes;
}

std::vector<io::File> create_files(plan::OutputPlan& plan, io::Output& output) {
    std::vector<io::File> files;
    for (plan::FilePlan& planned : plan.files) {
        files.push_back(output.create(planned.name, planned.byte_count));
        planned.write_header(
            [&](std::string_view piece, std::uint64_t offset) { files.back().write_at(io::bytes_of(piece), offset); });
        planned.write_header = {};
    }
    return files;
}

void check_stop(const WriteOptions& options) {
    if (options.stop_requested && options.stop_requested())
        throw Error(ErrorCode::kInterrupted, "interrupted; nothing was changed");
}

void sync_files(const std::vector<io::File>& files, const WriteOptions& options) {
    for (const io::File& file : files) {
        check_stop(options);
        if (options.sync) file.sync();
    }
}

void refuse_inputs(const std::filesystem::path& folder, const std::filesystem::path& given,
                   const std::vector<std::string>& names, const std::vector<io::FileIdentity>& inputs) {
    for (const std::string& name : names) {
        io::FileIdentity identity;
        const bool is_input = io::find_identity(folder / name, identity) &&
                              std::find(inputs.begin(), inputs.end(), identity) != inputs.end();
        if (!is_input) continue;
        throw Error(ErrorCode::kUsage, printable(given.native()),
                    fmt::format("would replace {}, which is the input; choose another place", in_quotes(name)));
    }
}

}  // namespace octet::commands
