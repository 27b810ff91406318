// Every stored tensor is shown to the methods; what none claims, and what is not the state of a
// claimed weight, stays as it lies there. A decoder is made for each run that is read, as those of
// a hundred thousand weights would take much memory.
#include "formats/came_quantized/quantized_source.hpp"

#include <algorithm>

#include "arch/came_quantized.hpp"
#include "base/json_text.hpp"
#include "checkpoint/declared_method.hpp"
#include "formats/octet_set/totals.hpp"

namespace octet::came_quantized {

struct QuantizedSource::Parts {
    std::vector<io::File> files;
    std::optional<Stored> stored;
    std::vector<Claimed> weights;
    std::vector<std::uint32_t>
        weight_at;  ///< parallel to the stored tensors: a place in `weights`, kPlain or kDropped
    std::vector<std::uint32_t> weight_of;
    std::vector<Position> positions;
    std::string method;
    std::vector<Shard> shards;
    std::optional<checkpoint::Index> index;
    std::vector<std::string> notes;
    bool is_gpt2_of_mlx = false;

    static constexpr std::uint32_t kDropped = ~0U - 1;
};

namespace {

/// What MLX puts before GPT-2's names.
constexpr std::string_view kModelOfMlx = "model.";

/// Whatever codes are stored as.
bool may_be_codes(Dtype dtype) {
    return !is_quantizable(dtype) && dtype != Dtype::kBool && dtype != Dtype::kC64 &&
           dtype != Dtype::kI64 && dtype != Dtype::kU64;
}

/// Bytes of codes that floats only hold, as bitsandbytes does it.
bool holds_codes(const Stored& stored, std::uint32_t tensor) {
    const checkpoint::Tensor& one = stored[tensor];
    return may_be_codes(one.dtype) ||
           (one.name.ends_with("weight") && stored.find(one.name + ".absmax"));
}

/// Enough of every stored tensor to tell whose state it is.
std::vector<TensorReport> named(const Stored& stored) {
    std::vector<TensorReport> reports(stored.size());
    for (std::uint32_t i = 0; i < stored.size(); ++i) {
        reports[i].name = stored[i].name;
        reports[i].dtype = stored[i].dtype;
    }
    return reports;
}

TensorReport plain_report(const checkpoint::Tensor& tensor) {
    TensorReport report;
    report.name = tensor.name;
    report.dtype = tensor.dtype;
    report.shape = tensor.shape;
    report.source_bytes = report.output_bytes = tensor.byte_count;
    return report;
}

TensorReport weight_report(const Stored& stored, const Weight& weight) {
    TensorReport report;
    report.name = weight.name;
    report.dtype = weight.dtype;
    report.shape = weight.shape;
    report.type = weight.type;
    report.stored_name = stored[weight.parts.front()].name;
    for (const std::uint32_t part : weight.parts) report.output_bytes += stored[part].byte_count;
    report.source_bytes = report.output_bytes;
    return report;
}

}  // namespace

/// False where no method claims anything.
bool QuantizedSource::claim_all(Parts& parts, const Declared& declared) {
    const Stored& stored = *parts.stored;
    parts.weight_at.assign(stored.size(), kPlain);
    for (std::uint32_t i = 0; i < stored.size(); ++i) {
        if (!holds_codes(stored, i)) continue;
        for (const Method& method : methods()) {
            std::optional<Weight> weight = method.claim(stored, declared, i);
            if (!weight) continue;
            parts.weight_at[i] = static_cast<std::uint32_t>(parts.weights.size());
            parts.weights.push_back({std::move(*weight), &method});
            break;
        }
    }
    if (parts.weights.empty()) return false;
    parts.is_gpt2_of_mlx = declared.is_gpt2_of_mlx();
    for (std::uint32_t i = 0; parts.is_gpt2_of_mlx && i < stored.size(); ++i) {
        if (parts.weight_at[i] == kPlain && stored[i].shape.size() == 2 &&
            is_conv1d_of_gpt2(stored[i].name))
            stored.refuse(i,
                          "is a weight of GPT-2 that MLX keeps turned and not quantized, which "
                          "octet does not read; quantize it, too");
    }
    const std::vector<std::uint32_t> owners = arch::quantized_weights(named(stored));
    for (std::uint32_t i = 0; i < owners.size(); ++i) {
        const bool is_state =
            owners[i] != arch::kNobody && parts.weight_at[owners[i]] < Parts::kDropped;
        if (is_state && parts.weight_at[i] == kPlain) parts.weight_at[i] = Parts::kDropped;
    }
    for (const Claimed& claimed : parts.weights) {
        for (std::size_t i = 1; i < claimed.weight.parts.size(); ++i)
            parts.weight_at[claimed.weight.parts[i]] = Parts::kDropped;
        for (const std::uint32_t dropped : claimed.weight.dropped)
            parts.weight_at[dropped] = Parts::kDropped;
    }
    return true;
}

std::unique_ptr<QuantizedSource> QuantizedSource::try_open(checkpoint::Checkpoint& checkpoint,
                                                           io::Links links) {
    const auto is_codes = [](const checkpoint::Tensor& tensor) {
        return may_be_codes(tensor.dtype);
    };
    if (std::none_of(checkpoint.tensors.begin(), checkpoint.tensors.end(), is_codes))
        return nullptr;
    const std::filesystem::path config = checkpoint::config_of(checkpoint, links);
    const Declared declared =
        read_declared(config, config.empty() ? config : checkpoint.folder / "quantize_config.json");
    Parts parts;
    for (checkpoint::Shard& shard : checkpoint.shards) parts.files.push_back(std::move(shard.file));
    const auto give_back = [&] {
        for (std::size_t i = 0; i < parts.files.size(); ++i)
            checkpoint.shards[i].file = std::move(parts.files[i]);
        checkpoint.tensors = parts.stored->release();
    };
    parts.stored.emplace(std::move(checkpoint.tensors), parts.files);
    bool is_claimed = false;
    try {
        is_claimed = claim_all(parts, declared);
    } catch (...) {
        give_back();
        throw;
    }
    if (!is_claimed) {
        give_back();
        return nullptr;
    }
    for (checkpoint::Shard& shard : checkpoint.shards)
        parts.shards.push_back({shard.base_name, std::move(shard.metadata)});
    parts.index = checkpoint.index;
    parts.notes = std::move(checkpoint.notes);
    parts.method =
        declared.method.empty() ? std::string(parts.weights.front().method->name) : declared.method;
    return std::unique_ptr<QuantizedSource>(new QuantizedSource(std::move(parts)));
}

void QuantizedSource::lay_out(Parts& parts, Contents& contents) {
    const Stored& stored = *parts.stored;
    for (std::uint32_t i = 0; i < stored.size(); ++i) {
        const std::uint32_t at = parts.weight_at[i];
        if (at == Parts::kDropped) continue;
        const checkpoint::Tensor& tensor = stored[i];
        contents.tensors.push_back(at == kPlain ? plain_report(tensor)
                                                : weight_report(stored, parts.weights[at].weight));
        std::string& name = contents.tensors.back().name;
        if (parts.is_gpt2_of_mlx && name.starts_with(kModelOfMlx))
            name.erase(0, kModelOfMlx.size());
        contents.places.push_back({tensor.shard, tensor.offset, tensor.byte_count});
        parts.weight_of.push_back(at);
        parts.positions.push_back({tensor.shard, tensor.header_position});
    }
}

formats::FloatSource::Contents QuantizedSource::contents_of(Parts& parts) {
    Contents contents;
    contents.what = What::kQuantized;
    contents.counted = checkpoint::Counted::kStored;
    lay_out(parts, contents);
    parts.weight_at = {};
    contents.files = std::move(parts.files);
    return contents;
}

QuantizedSource::QuantizedSource(Parts&& parts)
    : FloatSource(contents_of(parts)),
      stored_(std::move(*parts.stored)),
      weights_(std::move(parts.weights)),
      weight_of_(std::move(parts.weight_of)),
      positions_(std::move(parts.positions)),
      method_(std::move(parts.method)),
      shards_(std::move(parts.shards)),
      index_(std::move(parts.index)),
      notes_(std::move(parts.notes)),
      is_gpt2_of_mlx_(parts.is_gpt2_of_mlx) {
    stored_.rebind(files());
    stored_.forget_names();
}

Totals QuantizedSource::totals() const {
    Totals totals = octet_set::totals_of(tensors(), 0.0);
    totals.sqnr_db.reset();
    totals.max_abs_error.reset();
    totals.source_bytes = totals.output_bytes = file_bytes();
    totals.framework_bytes = framework_bytes();
    totals.quantized = 0;
    double elements = 0;
    double bytes = 0;
    for (std::size_t i = 0; i < tensors().size(); ++i) {
        if (is_plain(i)) continue;
        ++totals.quantized;
        elements += static_cast<double>(element_count(tensors()[i].shape).value_or(0));
        bytes += static_cast<double>(tensors()[i].output_bytes);
    }
    totals.kept = totals.tensors - totals.quantized;
    if (elements > 0) totals.bits_per_weight = six_digits(8 * bytes / elements);
    return totals;
}

std::unique_ptr<Decoder> QuantizedSource::decoder_of(std::size_t tensor) const {
    const Claimed& claimed = weights_[weight_of_[tensor]];
    return claimed.method->make(stored_, claimed.weight);
}

std::uint64_t QuantizedSource::good_run(std::size_t tensor) const {
    return is_plain(tensor) ? 1 : decoder_of(tensor)->good_run();
}

void QuantizedSource::read_as(Dtype target, std::size_t tensor, std::uint64_t first,
                              std::uint64_t count, std::span<std::byte> values,
                              std::span<std::byte> scratch) const {
    if (is_plain(tensor)) return read_plain(target, tensor, first, count, values, scratch);
    decoder_of(tensor)->read(first, {room_of_floats(target, count, values), count}, scratch);
    widen(target, count, values);
}

}  // namespace octet::came_quantized
