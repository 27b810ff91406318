// Offsets in shards become stretches of open files.
#include "survey/jobs.hpp"

namespace octet::survey {

pipeline::Stretch source_of(const checkpoint::Checkpoint& checkpoint, std::size_t tensor) {
    const checkpoint::Tensor& source = checkpoint.tensors[tensor];
    return {&checkpoint.shards[source.shard].file, source.offset, source.byte_count};
}

codecs::QuantizeJob quantize_job(const checkpoint::Checkpoint& checkpoint, std::size_t tensor,
                                 const Scheme& scheme, const plan::Importance* importance) {
    const checkpoint::Tensor& source = checkpoint.tensors[tensor];
    std::span<const float> weights;
    if (importance != nullptr) weights = importance->weights_of(source.name, source.shape, scheme);
    return {source.dtype, scheme, source.name, source.shape, weights};
}

}  // namespace octet::survey
