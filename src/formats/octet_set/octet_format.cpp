// Names of files and tensors of a set; what a tensor is stored as is quant/storage_layout's.
#include "formats/octet_set/octet_format.hpp"

#include <fmt/format.h>

#include "base/set_names.hpp"
#include "formats/octet_set/tile_encoder.hpp"
#include "octet/octet.hpp"
#include "quant/state_names.hpp"

namespace octet::octet_set {

std::unique_ptr<formats::TensorEncoder> OctetFormat::encoder_of(const Scheme& scheme,
                                                                const Shape& shape) const {
    return std::make_unique<TileEncoder>(scheme, shape);
}

std::vector<quant::StoredPart> OctetFormat::parts_of(const TensorReport& tensor,
                                                     const std::optional<Scheme>& scheme) const {
    if (scheme) return quant::stored_parts(*scheme, tensor.shape);
    return {{"", tensor.dtype, tensor.shape, tensor.source_bytes}};
}

formats::NameOfPart OctetFormat::part_names(const std::vector<TensorReport>& tensors) const {
    const auto names = std::make_shared<const quant::StateNames>(
        tensors.size(), [&](std::size_t i) -> const std::string& { return tensors[i].name; });
    return [names](std::string_view tensor, std::string_view part) {
        return names->name_of(tensor, part);
    };
}

std::vector<formats::DataFile> OctetFormat::data_files(
    const checkpoint::Checkpoint& checkpoint) const {
    const std::size_t count = checkpoint.shards.size();
    const bool is_one = !checkpoint.index && count == 1;
    std::vector<formats::DataFile> files;
    for (const checkpoint::Shard& shard : checkpoint.shards) {
        std::string name =
            fmt::format("model.octet-{:05}-of-{:05}.safetensors", files.size() + 1, count);
        files.push_back({is_one ? "model.octet.safetensors" : std::move(name), shard.metadata});
        files.back().metadata.emplace_back(kVersionKey, version());
    }
    return files;
}

}  // namespace octet::octet_set
