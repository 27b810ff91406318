// VerifyTask is the road of quantize (codecs/block_task) whose bytes are compared with those on the
// disk, 16 KiB at a time, instead of being written. Words for what does not hold are made here,
// too.
#include "codecs/verify.hpp"

#include <algorithm>

#include "base/checked.hpp"
#include "codecs/block_pass.hpp"
#include "octet/error.hpp"

namespace octet::codecs {
namespace {

/// Stored bytes that are compared at a time: they stay in the first-level cache.
constexpr std::uint64_t kPartBytes = 16U << 10U;

/// Where `bytes` first differ from those at `at` of a stretch, counted from its beginning.
std::optional<std::uint64_t> difference(const pipeline::Stretch& stored, std::uint64_t at, ConstBytes bytes) {
    std::byte buffer[kPartBytes];
    for (std::uint64_t done = 0; done < bytes.size(); done += kPartBytes) {
        const Bytes part = Bytes(buffer).first(std::min(kPartBytes, bytes.size() - done));
        stored.file->read_at(part, stored.offset + at + done);
        if (std::equal(part.begin(), part.end(), bytes.begin() + static_cast<std::ptrdiff_t>(done))) continue;
        const auto differs = std::mismatch(part.begin(), part.end(), bytes.begin() + static_cast<std::ptrdiff_t>(done));
        return at + done + static_cast<std::uint64_t>(differs.first - part.begin());
    }
    return std::nullopt;
}

void keep_first(std::optional<std::uint64_t>& first, const std::optional<std::uint64_t>& found) {
    if (found && (!first || *found < *first)) first = found;
}

/// Holds bytes against what is stored.
class Comparer final : public formats::ByteSink {
  public:
    explicit Comparer(const pipeline::Stretch& stored) : stored_(stored) {}

    void put(std::uint64_t at, std::span<const std::byte> bytes) override {
        keep_first(first, difference(stored_, at, bytes));
    }

    std::optional<std::uint64_t> first;

  private:
    const pipeline::Stretch& stored_;
};

}  // namespace

VerifyTask::VerifyTask(const QuantizeJob& quantize_job, const pipeline::Stretch& from, const pipeline::Stretch& stored,
                       const formats::Format& format, std::size_t number, const TakeVerdict& take)
    : BlockTask(quantize_job, from, {}, true), format_(format), take_(take), number_(number), stored_(stored) {}

void VerifyTask::prepare() {
    encoder_ = format_.encoder_of(job.scheme, job.shape);
    BlockTask::prepare();
}

void VerifyTask::do_piece(std::uint64_t number, pipeline::Workspace& workspace) {
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

bool VerifyTask::is_spoiled() {
    const std::lock_guard lock(mutex_);
    return !problem_.empty();
}

void VerifyTask::take_codes(const quant::TilePlace& place, std::uint8_t* codes, Pass& /*pass*/) {
    Comparer comparer(stored_);
    put_codes(*encoder_, place, codes, comparer);
    if (!comparer.first) return;
    const std::lock_guard lock(mutex_);
    keep_first(first_difference_, comparer.first);
}

void VerifyTask::take_blocks(const quant::TilePlace& place, const quant::Blocks& blocks, Pass& pass) {
    Comparer comparer(stored_);
    encoder_->encode_states(place, blocks, pass.scratch, comparer);
    if (!comparer.first) return;
    const std::lock_guard lock(mutex_);
    keep_first(first_difference_, comparer.first);
}

void VerifyTask::take_result(TensorResult&& result) {
    take_(number_, {std::move(result), first_difference_, std::move(problem_)});
}

VerifyCopyTask::VerifyCopyTask(const pipeline::Stretch& from, const pipeline::Stretch& stored, std::size_t number,
                               const TakeVerdict& take)
    : TensorTask(from, {}, false), take_(take), number_(number), stored_(stored) {}

std::uint64_t VerifyCopyTask::cut(std::uint64_t /*memory_bytes*/) {
    const std::uint64_t pieces = divide_up(source.byte_count, quant::kPieceBytes);
    verdict_.made.source_pieces.resize(pieces);
    return pieces;
}

void VerifyCopyTask::do_piece(std::uint64_t number, pipeline::Workspace& workspace) {
    const std::uint64_t begin = number * quant::kPieceBytes;
    const std::uint64_t end = std::min(begin + quant::kPieceBytes, source.byte_count);
    const Bytes memory = workspace.memory.first(std::min<std::uint64_t>(workspace.memory.size(), 256U << 10U));
    quant::PieceHasher hasher;
    std::optional<std::uint64_t> first;
    for (std::uint64_t at = begin; at < end; at += memory.size()) {
        const Bytes part = memory.first(std::min<std::uint64_t>(memory.size(), end - at));
        workspace.read_source(at, part);
        hasher.add(part);
        if (!first) first = difference(stored_, at, part);
    }
    workspace.add_progress(end - begin);
    const std::lock_guard lock(mutex_);
    keep_first(verdict_.first_difference, first);
    verdict_.made.source_pieces[number] = hasher.take_pieces().front();
}

void VerifyCopyTask::finish(pipeline::PieceChecksums /*stored*/) {
    take_(number_, std::move(verdict_));
}

}  // namespace octet::codecs
