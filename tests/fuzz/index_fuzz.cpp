// The index of a sharded checkpoint: the input is its text. What is accepted reads back the same
// from the index that octet writes of it.
#include <algorithm>

#include "checkpoint/index.hpp"
#include "fuzz_support.hpp"

using namespace octet;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    std::optional<checkpoint::ParsedIndex> index;
    if (!fuzz::accepted([&] { index = checkpoint::parse_index(text, "f\x1b"); })) return 0;

    fuzz::expect(!index->weights.empty(), "an index without tensors is accepted");
    fuzz::expect(std::is_sorted(index->shard_names.begin(), index->shard_names.end()),
                 "shards are not sorted");
    fuzz::expect(std::is_sorted(index->weights.begin(), index->weights.end()),
                 "weights are not sorted");
    std::vector<std::pair<std::string, std::string>> weights;
    for (const auto& [name, shard] : index->weights) {
        fuzz::expect(shard < index->shard_names.size(), "a tensor is in no shard");
        weights.emplace_back(name, index->shard_names[shard]);
    }
    const std::string metadata = checkpoint::with_total_size(index->metadata, 7);
    const auto again =
        checkpoint::parse_index(checkpoint::index_text_of(metadata, weights), "again");
    fuzz::expect(again.weights == index->weights && again.shard_names == index->shard_names,
                 "a written index reads back as another");
    fuzz::expect(again.metadata == metadata, "the metadata of an index change on the way");
    return 0;
}
