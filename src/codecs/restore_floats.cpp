// A piece is as many elements as the source reads well and the memory holds; they are read as
// floats, converted to the dtype a part at a time, and what narrowing lost is measured.
#include "codecs/restore_floats.hpp"

#include <algorithm>

#include "base/checked.hpp"
#include "codecs/copy.hpp"
#include "quant/values.hpp"

namespace octet::codecs {
namespace {

/// Elements of a piece where the source does not ask for more.
constexpr std::uint64_t kRunElements = 64U << 10U;

/// Output that is made at a time.
constexpr std::uint64_t kPartBytes = 128U << 10U;

/// A float, and what the source needs beside it.
constexpr std::uint64_t kElementBytes = sizeof(float) + formats::FloatSource::kScratchBytes;

}  // namespace

std::uint64_t RestoreFloatsTask::elements() const {
    return element_count(tensor().shape).value_or(0);
}

std::uint64_t RestoreFloatsTask::memory_needed() const {
    return std::min(kRunElements, elements()) * kElementBytes + 64;
}

std::uint64_t RestoreFloatsTask::cut(std::uint64_t memory_bytes) {
    const std::uint64_t wanted = std::max(kRunElements, job_.source->good_run(job_.tensor));
    run_ = std::max<std::uint64_t>(std::min(wanted, memory_bytes / kElementBytes), 1);
    const std::uint64_t pieces = std::max<std::uint64_t>(divide_up(elements(), run_), 1);
    narrowings_.resize(pieces);
    return pieces;
}

void RestoreFloatsTask::do_piece(std::uint64_t number, pipeline::Workspace& workspace) {
    const std::uint64_t first = number * run_;
    const std::uint64_t count = std::min(run_, elements() - std::min(first, elements()));
    if (count == 0) return;
    const std::span<float> values(reinterpret_cast<float*>(workspace.memory.data()), count);
    job_.source->read(job_.tensor, first, values, workspace.memory.subspan(count * sizeof(float)));
    const std::uint64_t each = dtype_bits(job_.dtype) / 8;
    pipeline::OutputStream& output = workspace.open_output(first * each, count * each);
    const std::uint64_t part = kPartBytes / each;
    for (std::uint64_t done = 0; done < count; done += part) {
        const std::uint64_t size = std::min(part, count - done);
        quant::convert_values(Dtype::kF32, std::as_bytes(values.subspan(done, size)), job_.dtype,
                              output.next(size * each), narrowings_[number]);
    }
    kernels::Narrowing ignored{};
    add_narrowing(narrowings_[number], job_.source->file_of(job_.tensor).name(), tensor().name,
                  job_.dtype, ignored);
    workspace.add_progress(progress_bytes() / elements() * count);
}

void RestoreFloatsTask::finish(pipeline::PieceChecksums /*stored*/) {
    TensorResult result;
    for (const kernels::Narrowing& one : narrowings_)
        add_narrowing(one, job_.source->file_of(job_.tensor).name(), tensor().name, job_.dtype,
                      result.narrowing);
    take_(number_, std::move(result));
}

}  // namespace octet::codecs
