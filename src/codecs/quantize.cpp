// Two places for state tensors: they are kept in memory and written behind the last codes where 5
// MiB hold those of all pieces, and at their offsets, in runs, where they do not.
#include "codecs/quantize.hpp"

#include <algorithm>

#include "codecs/block_pass.hpp"

namespace octet::codecs {

/// What the pieces of the task share for writing.
class QuantizeTask::States {
  public:
    explicit States(std::unique_ptr<formats::TensorEncoder> tensor_encoder)
        : encoder(std::move(tensor_encoder)) {}

    const std::unique_ptr<formats::TensorEncoder> encoder;
    bool follow_in_piece =
        false;  ///< the only piece keeps them in its own memory, until its codes are handed on
    bool may_be_kept = false;                  ///< of several pieces: in spare memory
    std::atomic<std::uint64_t> codes_left{0};  ///< pieces that make codes

    std::uint64_t begin() const noexcept { return encoder->codes_byte_count(); }
    std::uint64_t size() const noexcept { return encoder->byte_count() - begin(); }

    /// Takes spare memory, if there is some; the first piece that comes by.
    void keep(pipeline::SpareMemory& spare) {
        if (may_be_kept) std::call_once(once_, [&] { kept_ = spare.take(size()); });
    }

    Bytes kept() const noexcept { return kept_.bytes(); }
    void give_back(pipeline::SpareMemory& spare) { spare.give_back(kept_); }

  private:
    std::once_flag once_;
    io::LargeBuffer kept_;
};

namespace {

void copy_to(pipeline::OutputStream& output, ConstBytes bytes) {
    while (!bytes.empty()) {
        const std::uint64_t size = std::min<std::uint64_t>(bytes.size(), 64U << 10U);
        std::copy_n(bytes.begin(), size, output.next(size).begin());
        bytes = bytes.subspan(size);
    }
}

/// To their places in the target, several small ones that belong together in one write.
template <typename Run>
class PlaceWriter final : public formats::ByteSink {
  public:
    PlaceWriter(const pipeline::Stretch& target, std::span<Run> runs, Bytes memory)
        : target_(target), runs_(runs), memory_(memory) {}

    void put(std::uint64_t at, std::span<const std::byte> bytes) override {
        if (memory_.empty() || bytes.size() > room()) return write(at, bytes);
        auto run = std::find_if(runs_.begin(), runs_.end(), [&](const Run& one) {
            return one.size > 0 && one.at + one.size == at && one.size + bytes.size() <= room();
        });
        if (run == runs_.end()) {
            run = std::min_element(runs_.begin(), runs_.end(),
                                   [](const Run& a, const Run& b) { return a.used < b.used; });
            flush(*run);
            run->at = at;
        }
        std::copy(bytes.begin(), bytes.end(), memory_of(*run).subspan(run->size).begin());
        run->size += bytes.size();
        const auto last = std::max_element(
            runs_.begin(), runs_.end(), [](const Run& a, const Run& b) { return a.used < b.used; });
        run->used = last->used + 1;
    }

    void flush_all() {
        for (Run& run : runs_) flush(run);
    }

  private:
    std::uint64_t room() const { return memory_.size() / runs_.size(); }
    Bytes memory_of(const Run& run) const {
        return memory_.subspan(static_cast<std::uint64_t>(&run - runs_.data()) * room(), room());
    }
    void write(std::uint64_t at, ConstBytes bytes) const {
        target_.file->write_at(bytes, target_.offset + at);
    }
    void flush(Run& run) {
        if (run.size > 0) write(run.at, memory_of(run).first(run.size));
        run.size = 0;
    }

    const pipeline::Stretch& target_;
    std::span<Run> runs_;
    Bytes memory_;
};

/// To memory that holds all state.
class MemoryWriter final : public formats::ByteSink {
  public:
    MemoryWriter(Bytes memory, std::uint64_t begin) : memory_(memory), begin_(begin) {}
    void put(std::uint64_t at, std::span<const std::byte> bytes) override {
        std::copy(bytes.begin(), bytes.end(), memory_.subspan(at - begin_).begin());
    }

  private:
    Bytes memory_;
    std::uint64_t begin_;
};

}  // namespace

QuantizeTask::QuantizeTask(const QuantizeJob& quantize_job, const pipeline::Stretch& from,
                           const pipeline::Stretch& to, const formats::Format& format,
                           std::size_t number, const TakeResult& take)
    : BlockTask(quantize_job, from, to, true), format_(format), take_(take), number_(number) {}

QuantizeTask::~QuantizeTask() = default;

void QuantizeTask::prepare() {
    states_ = std::make_unique<States>(format_.encoder_of(job.scheme, job.shape));
    BlockTask::prepare();
}

void QuantizeTask::release() noexcept {
    states_.reset();
    BlockTask::release();
}

/// All state where one piece can keep it, else room for runs of it.
std::uint64_t QuantizeTask::state_bytes(const Shared& all) const {
    states_->codes_left = static_cast<std::uint64_t>(
        std::count_if(all.pieces.begin(), all.pieces.end(),
                      [&](const Piece& piece) { return all.makes_codes(piece); }));
    const bool is_only = all.pieces.size() == 1;
    states_->may_be_kept = all.in_order && !is_only && states_->size() > 0;
    states_->follow_in_piece = is_only && all.in_order;
    if (states_->size() == 0) return 0;
    MemoryNeeds needs = all.needs;
    needs.state_bytes = states_->size();
    states_->follow_in_piece = states_->follow_in_piece && needs.byte_count() <= worker_memory();
    if (states_->follow_in_piece) return needs.state_bytes;
    needs.state_bytes = Pass::kStateRuns * Pass::kRunBytes;
    return needs.byte_count() <= worker_memory() ? needs.state_bytes : 0;
}

void QuantizeTask::begin(Pass& pass, bool makes_codes) {
    states_->keep(pass.workspace.spare);
    const Shared& all = shared();
    if (!makes_codes || !all.in_order) return;
    if (all.pieces.size() <= 1) {
        const std::uint64_t size = states_->follow_in_piece ? target.byte_count : states_->begin();
        pass.output = &pass.workspace.open_output(0, size);
        return;
    }
    const formats::TensorEncoder& encoder = *states_->encoder;
    const quant::TilePlace last = place_of(all.layout, pass.last_tile);
    const std::uint64_t at = encoder.code_offset(place_of(all.layout, pass.first_tile));
    pass.output =
        &pass.workspace.open_output(at, encoder.code_offset(last) + encoder.code_bytes(last) - at);
}

std::uint8_t* QuantizeTask::room_for_codes(const quant::TilePlace& place, Pass& pass) {
    // Codes that are stored as they are made are made where they are handed on.
    if (pass.output == nullptr || !states_->encoder->stores_bytes()) return pass.codes;
    return reinterpret_cast<std::uint8_t*>(pass.output->next(place.rows * place.columns).data());
}

/// Hands the codes on, packed where they do not fill bytes; those that do not lie one behind the
/// other row by row.
void QuantizeTask::take_codes(const quant::TilePlace& place, std::uint8_t* codes, Pass& pass) {
    const formats::TensorEncoder& encoder = *states_->encoder;
    if (pass.output != nullptr) {
        if (encoder.stores_bytes()) return;
        const Bytes room = pass.output->next(encoder.code_bytes(place));
        return encoder.encode_codes(place, codes, reinterpret_cast<std::uint8_t*>(room.data()));
    }
    PlaceWriter<Pass::StateRun> writer(target, {}, {});
    put_codes(encoder, place, codes, writer);
}

void QuantizeTask::take_blocks(const quant::TilePlace& place, const quant::Blocks& blocks,
                               Pass& pass) {
    if (states_->size() == 0) return;
    const Bytes kept = states_->follow_in_piece ? pass.states : states_->kept();
    if (!kept.empty()) {
        MemoryWriter writer(kept, states_->begin());
        return states_->encoder->encode_states(place, blocks, pass.scratch, writer);
    }
    PlaceWriter<Pass::StateRun> writer(target, pass.runs, pass.states);
    states_->encoder->encode_states(place, blocks, pass.scratch, writer);
}

/// Behind the codes of the last piece go the states.
void QuantizeTask::end(Pass& pass, bool makes_codes) {
    if (states_->follow_in_piece) {
        if (pass.output != nullptr) copy_to(*pass.output, pass.states);
        return;
    }
    PlaceWriter<Pass::StateRun>(target, pass.runs, pass.states).flush_all();
    if (!makes_codes || states_->codes_left.fetch_sub(1) != 1 || states_->kept().empty()) return;
    copy_to(pass.workspace.open_output(states_->begin(), states_->size()), states_->kept());
    states_->give_back(pass.workspace.spare);
}

void QuantizeTask::take_result(TensorResult&& result) {
    take_(number_, std::move(result));
}

}  // namespace octet::codecs
