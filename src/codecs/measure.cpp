// The one step of MeasureTask that differs from BlockTask's: values that a scheme cannot hold are
// noted, the first of the file's order, instead of being thrown.
#include "codecs/measure.hpp"

#include "codecs/block_pass.hpp"
#include "octet/error.hpp"

namespace octet::codecs {

void MeasureTask::do_piece(std::uint64_t number, pipeline::Workspace& workspace) {
    try {
        BlockTask::do_piece(number, workspace);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::kBadInput) throw;
        const std::lock_guard lock(mutex_);
        if (!problem_.empty() && bad_piece_ < number) return;
        bad_piece_ = number;
        problem_ = error.what();
    }
}

bool MeasureTask::is_spoiled() {
    const std::lock_guard lock(mutex_);
    return !problem_.empty();
}

}  // namespace octet::codecs
