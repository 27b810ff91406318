// States that need passes of their own over the source (codecs/range_prepass) are found first; then
// the engine runs the tasks.
#include "codecs/run.hpp"

#include "codecs/range_prepass.hpp"
#include "quant/active_kernels.hpp"

namespace octet::codecs {

std::vector<pipeline::FileHasher> TaskList::run(const WriteOptions& options) {
    quant::active_kernels();
    std::uint64_t total = 0;
    for (const auto& task : tasks_) total += task->progress_bytes();
    WriteOptions rest = options;
    rest.progress = find_states(searched_, total, options);
    return pipeline::run_tasks(tasks_, rest);
}

}  // namespace octet::codecs
