// Files are created in full size with their headers, so that workers write at offsets; inputs are
// known by device and inode, whatever they are called.
#include "commands/output.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "octet/error.hpp"
#include "pipeline/stop.hpp"

namespace octet::commands {

std::vector<io::File> create_files(formats::OutputPlan& plan, io::Output& output) {
    std::vector<io::File> files;
    for (formats::FilePlan& planned : plan.files) {
        files.push_back(output.create(planned.name, planned.byte_count));
        if (!planned.write_header) continue;
        planned.write_header([&](std::string_view piece, std::uint64_t offset) {
            files.back().write_at(io::bytes_of(piece), offset);
        });
        planned.write_header = {};
    }
    return files;
}

void sync_files(const std::vector<io::File>& files, const WriteOptions& options) {
    for (const io::File& file : files) {
        pipeline::check_stop(options);
        if (options.sync) file.sync();
    }
}

void refuse_inputs(const std::filesystem::path& folder, const std::filesystem::path& given,
                   const std::vector<std::string>& names,
                   const std::vector<io::FileIdentity>& inputs) {
    for (const std::string& name : names) {
        io::FileIdentity identity;
        const bool is_input = io::find_identity(folder / name, identity) &&
                              std::find(inputs.begin(), inputs.end(), identity) != inputs.end();
        if (!is_input) continue;
        throw Error(ErrorCode::kUsage, printable(given.native()),
                    fmt::format("would replace {}, which is the input; choose another place",
                                in_quotes(name)));
    }
}

}  // namespace octet::commands
