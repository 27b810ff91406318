// The format is told from what lies at the path; each has a source of its own.
#include "codecs/open_source.hpp"

#include "checkpoint/checkpoint.hpp"
#include "formats/came_quantized/quantized_source.hpp"
#include "formats/gguf/gguf_source.hpp"
#include "formats/octet_set/quantized_set.hpp"
#include "formats/octet_set/set_source.hpp"
#include "formats/plain_source.hpp"

namespace octet::codecs {

std::unique_ptr<formats::FloatSource> open_source(const std::filesystem::path& path,
                                                  io::Links links) {
    if (checkpoint::locate(path).what == checkpoint::Location::What::kGguf)
        return std::make_unique<gguf::GgufSource>(gguf::open_gguf(path, links));
    if (octet_set::is_set(path))
        return std::make_unique<octet_set::SetSource>(
            octet_set::open_set(octet_set::find_set_folder(path), links));
    checkpoint::Checkpoint checkpoint = checkpoint::open_checkpoint(path, links);
    if (auto quantized = came_quantized::QuantizedSource::try_open(checkpoint, links))
        return quantized;
    return std::make_unique<formats::PlainSource>(std::move(checkpoint));
}

}  // namespace octet::codecs
