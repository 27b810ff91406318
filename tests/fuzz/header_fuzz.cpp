// The header of a safetensors file: the input is its JSON. What is accepted has to be what the
// format promises, and the header that octet writes of it has to read back the same.
#include <algorithm>

#include "formats/safetensors/header.hpp"
#include "fuzz_support.hpp"

using namespace octet;

namespace {

std::optional<safetensors::Header> parsed(std::string_view json, std::uint64_t data_bytes) {
    std::optional<safetensors::Header> header;
    fuzz::accepted(
        [&] { header = safetensors::parse_header(json, 8 + json.size() + data_bytes, "f\x1b"); });
    return header;
}

void expect_sound(const safetensors::Header& header, std::uint64_t data_bytes) {
    std::uint64_t end = 0;
    for (const safetensors::TensorEntry& tensor : header.tensors) {
        fuzz::expect(tensor.begin == end, "an accepted header has a gap or an overlap");
        const auto bytes = tensor_bytes(tensor.dtype, tensor.shape);
        fuzz::expect(bytes && tensor.end - tensor.begin == *bytes,
                     "an accepted tensor has another size than its shape");
        end = tensor.end;
    }
    fuzz::expect(end == data_bytes, "an accepted header announces other data than the file has");
}

/// By place in the header, as the writer is called.
std::vector<safetensors::TensorEntry> in_header_order(const safetensors::Header& header) {
    std::vector<safetensors::TensorEntry> tensors = header.tensors;
    std::sort(tensors.begin(), tensors.end(),
              [](const auto& a, const auto& b) { return a.header_position < b.header_position; });
    return tensors;
}

void expect_reads_back(const safetensors::Header& header, std::uint64_t data_bytes) {
    safetensors::HeaderWriter writer(header.metadata);
    for (const auto& t : in_header_order(header))
        writer.add(t.name, t.dtype, t.shape, t.begin, t.end);
    const std::string bytes = writer.finish("out");
    const auto again = safetensors::parse_header(std::string_view(bytes).substr(8),
                                                 bytes.size() + data_bytes, "again");
    fuzz::expect(again.metadata == header.metadata && again.tensors.size() == header.tensors.size(),
                 "a written header reads back with other members");
    for (std::size_t i = 0; i < again.tensors.size(); ++i) {
        const safetensors::TensorEntry& a = header.tensors[i];
        const safetensors::TensorEntry& b = again.tensors[i];
        fuzz::expect(a.name == b.name && a.dtype == b.dtype && a.shape == b.shape &&
                         a.begin == b.begin && a.end == b.end &&
                         a.header_position == b.header_position,
                     "a written header reads back with another tensor");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view json(reinterpret_cast<const char*>(data), size);
    const std::uint64_t data_bytes = fuzz::announced_bytes(json).value_or(64);
    const auto header = parsed(json, data_bytes);
    if (header) {
        expect_sound(*header, data_bytes);
        expect_reads_back(*header, data_bytes);
        fuzz::expect(!parsed(json, data_bytes + 1), "bytes behind the last tensor are accepted");
    }
    return 0;
}
