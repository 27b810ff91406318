// A GGUF file as a source of floats: any run of elements is that part of the whole, whatever the
// layout, the type and the dtype asked for.
#include <algorithm>
#include <cmath>

#include "formats/gguf/gguf_source.hpp"
#include "formats/gguf/header_writer.hpp"
#include "support.hpp"

using namespace octet;
using namespace octet::test;

namespace {

struct Stored {
    std::string name;
    Shape shape;
    ggml::Type type;
};

/// Two architectures' worth of layouts, in types with blocks of 1, 32 and 256.
std::string file_of(const std::string& architecture, const std::vector<Stored>& tensors,
                    std::mt19937& random) {
    gguf::Keys keys;
    keys.push_back({"general.architecture", architecture});
    keys.push_back({architecture + ".attention.head_count", std::uint32_t{4}});
    keys.push_back({architecture + ".attention.head_count_kv", std::uint32_t{2}});
    std::vector<gguf::TensorInfo> infos;
    std::string data;
    for (const Stored& tensor : tensors) {
        const std::uint64_t bytes = ggml::row_bytes(tensor.type, tensor.shape.back()) *
                                    (tensor.shape.size() > 1 ? tensor.shape.front() : 1);
        infos.push_back(
            {tensor.name, tensor.shape, static_cast<std::uint32_t>(tensor.type), data.size()});
        for (std::uint64_t i = 0; i < gguf::aligned(bytes); ++i)
            data += static_cast<char>(random() & 0x3FU);
    }
    return gguf::header_text(keys, infos).bytes + data;
}

std::vector<float> read(const gguf::GgufSource& source, std::size_t tensor, std::uint64_t first,
                        std::uint64_t count) {
    std::vector<float> values(count);
    std::vector<std::byte> scratch(count * formats::FloatSource::kScratchBytes);
    source.read(tensor, first, std::span(values), scratch);
    return values;
}

std::vector<double> read_wide(const gguf::GgufSource& source, std::size_t tensor,
                              std::uint64_t first, std::uint64_t count) {
    std::vector<double> values(count);
    std::vector<std::byte> scratch(count * formats::FloatSource::kScratchBytes);
    source.read(tensor, first, std::span(values), scratch);
    return values;
}

}  // namespace

TEST_CASE("any run of a GGUF tensor is that part of the whole") {
    std::mt19937 random(5);
    const TemporaryFolder folder;
    for (const std::string architecture : {"gpt2", "llama", "none"}) {
        std::vector<Stored> tensors;
        for (const ggml::Type type :
             {ggml::Type::kF32, ggml::Type::kF16, ggml::Type::kBF16, ggml::Type::kQ8_0,
              ggml::Type::kQ4_0, ggml::Type::kQ4_K, ggml::Type::kQ6_K}) {
            const std::string block = "blk." + std::to_string(tensors.size()) + ".";
            tensors.push_back({block + "attn_qkv.weight", {24, 512}, type});
            tensors.push_back({block + "attn_q.weight", {24, 256}, type});
            tensors.push_back({block + "attn_k.weight", {12, 512}, type});
            tensors.push_back({block + "ffn_norm.weight", {768}, type});
        }
        write_file(folder / "f.gguf", file_of(architecture, tensors, random));
        const gguf::GgufSource source(gguf::open_gguf(folder / "f.gguf"));
        REQUIRE(source.tensors().size() == tensors.size());
        for (std::size_t i = 0; i < tensors.size(); ++i) {
            CAPTURE(architecture, source.tensors()[i].name, source.tensors()[i].type);
            const std::uint64_t elements = *element_count(source.tensors()[i].shape);
            const std::vector<float> all = read(source, i, 0, elements);
            CHECK(std::any_of(all.begin(), all.end(), [](float value) { return value != 0; }));
            bool is_part = true;
            for (int k = 0; k < 60; ++k) {
                const std::uint64_t first = random() % elements;
                const std::uint64_t count =
                    random() % std::min<std::uint64_t>(elements - first + 1, 700);
                const std::vector<float> part = read(source, i, first, count);
                const std::vector<double> wide = read_wide(source, i, first, count);
                for (std::uint64_t j = 0; j < count; ++j)
                    is_part = is_part && bits_of(part[j]) == bits_of(all[first + j]) &&
                              wide[j] == static_cast<double>(all[first + j]);
            }
            CHECK(is_part);
        }
    }
}

TEST_CASE("layouts of a GGUF file are undone") {
    std::mt19937 random(6);
    const TemporaryFolder folder;
    const std::vector<Stored> tensors = {{"blk.0.attn_qkv.weight", {6, 32}, ggml::Type::kQ8_0},
                                         {"blk.0.attn_q.weight", {24, 32}, ggml::Type::kQ8_0}};
    const std::string bytes = file_of("none", tensors, random);
    write_file(folder / "plain.gguf", bytes);
    const gguf::GgufSource plain(gguf::open_gguf(folder / "plain.gguf"));
    for (const std::string architecture : {"gpt2", "llama"}) {
        std::mt19937 again(6);
        write_file(folder / "f.gguf", file_of(architecture, tensors, again));
        const gguf::GgufSource source(gguf::open_gguf(folder / "f.gguf"));
        const std::size_t tensor = architecture == "gpt2" ? 0 : 1;
        const std::vector<float> stored = read(plain, tensor, 0, tensor == 0 ? 192 : 768);
        const std::vector<float> viewed = read(source, tensor, 0, stored.size());
        for (std::uint64_t i = 0; i < stored.size(); ++i) {
            const std::uint64_t row = i / 32;
            const std::uint64_t of_head = row % 6;  // 4 heads of 6 rows
            const std::uint64_t moved =
                row - of_head + (of_head % 2 == 0 ? of_head / 2 : 3 + of_head / 2);
            const std::uint64_t place = tensor == 0 ? i % 32 * 6 + row : moved * 32 + i % 32;
            REQUIRE(bits_of(viewed[place]) == bits_of(stored[i]));
        }
    }
}
