// VerifyTask is the road of quantize (codecs/block_task) whose bytes are compared with those on the
// disk, 16 KiB at a time, instead of being written. Words for what does not hold are made here,
// too.
#include "codecs/verify.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/checked.hpp"
#include "base/text.hpp"
#include "codecs/block_pass.hpp"
#include "octet/error.hpp"

namespace octet::codecs {
namespace {

/// Stored bytes that are compared at a time: they stay in the first-level cache.
constexpr std::uint64_t kPartBytes = 16U << 10U;

/// Where `bytes` first differ from those at `at` of a stretch, counted from its beginning.
std::optional<std::uint64_t> difference(const pipeline::Stretch& stored, std::uint64_t at,
                                        ConstBytes bytes) {
    std::byte buffer[kPartBytes];
    for (std::uint64_t done = 0; done < bytes.size(); done += kPartBytes) {
        const Bytes part = Bytes(buffer).first(std::min(kPartBytes, bytes.size() - done));
        stored.file->read_at(part, stored.offset + at + done);
        if (std::equal(part.begin(), part.end(), bytes.begin() + static_cast<std::ptrdiff_t>(done)))
            continue;
        const auto differs = std::mismatch(part.begin(), part.end(),
                                           bytes.begin() + static_cast<std::ptrdiff_t>(done));
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

std::string fault_of_state(const TensorReport& tensor, const quant::BlockState& made) {
    if (!tensor.zero_point)
        return fmt::format("scale {} does not follow from the source, which gives {}",
                           *tensor.scale, made.scale);
    return fmt::format(
        "scale {} and zero point {} do not follow from the source, whose range gives {} and {}",
        *tensor.scale, *tensor.zero_point, made.scale, made.zero_point);
}

}  // namespace

std::optional<std::string> fault_of(const TensorReport& tensor, std::uint64_t offset,
                                    const Verdict& verdict) {
    const std::optional<std::uint64_t>& first = verdict.first_difference;
    if (!tensor.scheme && first)
        return fmt::format("is not a copy of its source: byte {} differs", with_commas(*first));
    if (!tensor.scheme) return std::nullopt;
    if (!verdict.problem.empty()) return "its source cannot be quantized: " + verdict.problem;
    const quant::BlockState& state = verdict.made.state;
    const bool same_scale = !tensor.scale || *tensor.scale == state.scale;
    const bool same_zero_point = !tensor.zero_point || *tensor.zero_point == state.zero_point;
    if (!same_scale || !same_zero_point) return fault_of_state(tensor, state);
    if (first && quant::is_plain(*tensor.scheme))
        return fmt::format("the code at {} is not what its scale and zero point give",
                           index_text(*first, tensor.shape));
    if (first)
        return fmt::format(
            "codes or state do not follow from the source; the first other byte is {}",
            with_commas(offset + *first));
    if (verdict.made.sums.max_abs_error <= verdict.made.bound) return std::nullopt;
    return fmt::format("its largest error {:.6g} is beyond its bound {:.6g}",
                       verdict.made.sums.max_abs_error, verdict.made.bound);
}

std::optional<std::string> fault_of_source(const TensorReport& tensor, const Checksum& found) {
    if (found == *tensor.source_checksum) return std::nullopt;
    return fmt::format(
        "was made from other bytes than the source has, though the same codes follow: the source's "
        "have the "
        "checksum {}, the sidecar says {}",
        checksum_text(found), checksum_text(*tensor.source_checksum));
}

VerifyTask::VerifyTask(const QuantizeJob& quantize_job, const pipeline::Stretch& from,
                       const pipeline::Stretch& stored, const formats::Format& format,
                       std::size_t number, const TakeVerdict& take)
    : BlockTask(quantize_job, from, {}, true),
      format_(format),
      take_(take),
      number_(number),
      stored_(stored) {}

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

void VerifyTask::take_blocks(const quant::TilePlace& place, const quant::Blocks& blocks,
                             Pass& pass) {
    Comparer comparer(stored_);
    encoder_->encode_states(place, blocks, pass.scratch, comparer);
    if (!comparer.first) return;
    const std::lock_guard lock(mutex_);
    keep_first(first_difference_, comparer.first);
}

void VerifyTask::take_result(TensorResult&& result) {
    take_(number_, {std::move(result), first_difference_, std::move(problem_)});
}

VerifyCopyTask::VerifyCopyTask(const pipeline::Stretch& from, const pipeline::Stretch& stored,
                               std::size_t number, const TakeVerdict& take)
    : TensorTask(from, {}, false), take_(take), number_(number), stored_(stored) {}

std::uint64_t VerifyCopyTask::cut(std::uint64_t /*memory_bytes*/) {
    const std::uint64_t pieces = divide_up(source.byte_count, quant::kPieceBytes);
    verdict_.made.source_pieces.resize(pieces);
    return pieces;
}

void VerifyCopyTask::do_piece(std::uint64_t number, pipeline::Workspace& workspace) {
    const std::uint64_t begin = number * quant::kPieceBytes;
    const std::uint64_t end = std::min(begin + quant::kPieceBytes, source.byte_count);
    const Bytes memory =
        workspace.memory.first(std::min<std::uint64_t>(workspace.memory.size(), 256U << 10U));
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
