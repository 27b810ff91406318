// Writes full-size checkpoints: right for size, layout, speed and memory, wrong for accuracy.
//
//   octet_make_checkpoint OUT [--model gpt2|flan-t5] [--size BYTES] [--header FILE.json] [--holes]
//                             [--tensors N --bytes-each B] [--dtype F32|F16|BF16] [--shards N]
//
//   --model       shapes of GPT-2 124M (default; a header of 14,283 bytes) or FLAN-T5-small
//   --size        GPT-2 of about BYTES as F32; below 320 MB without the token embedding
//   --header      this safetensors header, byte for byte (F32, F16 and BF16 tensors only)
//   --tensors     N vectors of B bytes each
//   --shards      OUT is a folder of N files and their index; --holes: the data read as zeros
//
// Every tensor lies 3 bytes off any alignment, as in the published GPT-2. Values are deterministic:
// heavy tails from a pool of 2^20 numbers, rotated and scaled anew in every MiB. Masks are masks.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace {

constexpr std::uint64_t kPoolCount = 1U << 20U;
constexpr std::uint64_t kBlockCount = 1U << 18U;
constexpr std::uint64_t kOrder = 29000;  // an order in which GPT-2's header has 14,283 bytes
constexpr std::uint64_t kLeastSizeWithEmbedding = 320'000'000;

struct Tensor {
    std::string name;
    std::vector<std::uint64_t> shape;
    std::string dtype{};

    std::uint64_t count() const {
        std::uint64_t product = 1;
        for (const std::uint64_t dimension : shape) product *= dimension;
        return product;
    }
    std::uint64_t bytes() const { return count() * (dtype == "F32" ? 4 : 2); }
};

using Tensors = std::vector<Tensor>;

struct Options {
    std::string out;
    std::string model = "gpt2";
    std::string header;
    std::string dtype = "F32";
    std::uint64_t size = 0;
    std::uint64_t tensors = 0;
    std::uint64_t bytes_each = 1024;
    std::uint64_t shards = 0;
    bool holes = false;
};

[[noreturn]] void die(const std::string& what) {
    std::fprintf(stderr, "octet_make_checkpoint: %s\n", what.c_str());
    std::exit(1);
}

std::uint64_t mix(std::uint64_t x) {  // splitmix64
    x += 0x9E3779B97F4A7C15U;
    x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9U;
    x = (x ^ (x >> 27U)) * 0x94D049BB133111EBU;
    return x ^ (x >> 31U);
}

std::uint64_t hash(const std::string& text) {  // FNV-1a
    std::uint64_t value = 0xCBF29CE484222325U;
    for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
    return value;
}

// --- shapes --------------------------------------------------------------------------------------

void add_gpt2_layer(std::uint64_t layer, Tensors& tensors) {
    const std::string h = "h." + std::to_string(layer) + ".";
    tensors.push_back({h + "attn.bias", {1, 1, 1024, 1024}});
    for (const char* norm : {"ln_1", "ln_2"}) {
        tensors.push_back({h + norm + ".weight", {768}});
        tensors.push_back({h + norm + ".bias", {768}});
    }
    const std::pair<const char*, std::pair<std::uint64_t, std::uint64_t>> linears[] = {
        {"attn.c_attn", {768, 2304}},
        {"attn.c_proj", {768, 768}},
        {"mlp.c_fc", {768, 3072}},
        {"mlp.c_proj", {3072, 768}}};
    for (const auto& [name, shape] : linears) {
        tensors.push_back({h + name + ".weight", {shape.first, shape.second}});
        tensors.push_back({h + name + ".bias", {shape.second}});
    }
}

Tensors gpt2(std::uint64_t layers, bool embedding) {
    Tensors tensors{{"wpe.weight", {1024, 768}}, {"ln_f.weight", {768}}, {"ln_f.bias", {768}}};
    if (embedding) tensors.push_back({"wte.weight", {50257, 768}});
    for (std::uint64_t layer = 0; layer < layers; ++layer) add_gpt2_layer(layer, tensors);
    // Published files are in no particular order.
    for (std::uint64_t i = tensors.size(); i > 1; --i)
        std::swap(tensors[i - 1], tensors[mix(i + kOrder) % i]);
    return tensors;
}

Tensors gpt2_of_size(std::uint64_t size) {
    const bool embedding = size >= kLeastSizeWithEmbedding;
    const auto bytes_of = [](const Tensors& tensors) {
        std::uint64_t sum = 0;
        for (const Tensor& tensor : tensors) sum += 4 * tensor.count();
        return sum;
    };
    const std::uint64_t fixed = bytes_of(gpt2(0, embedding));
    const std::uint64_t each = bytes_of(gpt2(1, embedding)) - fixed;
    return gpt2(std::max<std::uint64_t>(1, (std::max(size, fixed) - fixed + each / 2) / each),
                embedding);
}

void add_t5_attention(const std::string& at, const char* kind, bool first, Tensors& tensors) {
    for (const char* matrix : {"q", "k", "v"})
        tensors.push_back({at + kind + "." + matrix + ".weight", {384, 512}});
    tensors.push_back({at + kind + ".o.weight", {512, 384}});
    if (first) tensors.push_back({at + kind + ".relative_attention_bias.weight", {32, 6}});
    tensors.push_back({at + "layer_norm.weight", {512}});
}

Tensors flan_t5() {
    Tensors tensors{{"shared.weight", {32128, 512}}, {"lm_head.weight", {32128, 512}}};
    for (const std::string stack : {"encoder", "decoder"}) {
        for (int block = 0; block < 8; ++block) {
            const std::string at = stack + ".block." + std::to_string(block) + ".layer.";
            add_t5_attention(at + "0.", "SelfAttention", block == 0, tensors);
            if (stack == "decoder") add_t5_attention(at + "1.", "EncDecAttention", false, tensors);
            const std::string last = at + (stack == "decoder" ? "2." : "1.");
            tensors.push_back({last + "DenseReluDense.wi_0.weight", {1024, 512}});
            tensors.push_back({last + "DenseReluDense.wi_1.weight", {1024, 512}});
            tensors.push_back({last + "DenseReluDense.wo.weight", {512, 1024}});
            tensors.push_back({last + "layer_norm.weight", {512}});
        }
        tensors.push_back({stack + ".final_layer_norm.weight", {512}});
    }
    return tensors;
}

Tensors many(std::uint64_t count, std::uint64_t bytes_each, std::uint64_t width) {
    Tensors tensors;
    for (std::uint64_t i = 0; i < count; ++i)
        tensors.push_back({"layers." + std::to_string(i) + ".weight", {bytes_each / width}});
    return tensors;
}

// --- headers -------------------------------------------------------------------------------------

/// With offsets in the order of the tensors.
std::string header_of(const Tensor* begin, const Tensor* end) {
    std::string text = R"({"__metadata__":{"format":"pt"})";
    std::uint64_t at = 0;
    for (const Tensor* tensor = begin; tensor != end; ++tensor) {
        text += ",\"" + tensor->name + R"(":{"dtype":")" + tensor->dtype + R"(","shape":[)";
        for (std::size_t i = 0; i < tensor->shape.size(); ++i)
            text += (i == 0 ? "" : ",") + std::to_string(tensor->shape[i]);
        text += R"(],"data_offsets":[)" + std::to_string(at) + ',' +
                std::to_string(at + tensor->bytes()) + "]}";
        at += tensor->bytes();
    }
    text += '}';
    while (text.size() % 8 != 3) text += ' ';
    return text;
}

/// The tensors of a header in the order of their data.
Tensors tensors_of(const std::string& header) {
    std::vector<std::pair<std::uint64_t, Tensor>> found;
    const auto json = nlohmann::json::parse(header);
    for (const auto& [name, entry] : json.items()) {
        if (name == "__metadata__") continue;
        found.emplace_back(
            entry.at("data_offsets").at(0).get<std::uint64_t>(),
            Tensor{name, entry.at("shape").get<std::vector<std::uint64_t>>(), entry.at("dtype")});
        const std::string& dtype = found.back().second.dtype;
        if (dtype != "F32" && dtype != "F16" && dtype != "BF16") die(name + ": dtype " + dtype);
    }
    std::sort(found.begin(), found.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    Tensors tensors;
    for (auto& entry : found) tensors.push_back(std::move(entry.second));
    return tensors;
}

// --- values --------------------------------------------------------------------------------------

/// Nearly normal with deviation 0.14; one in 4,096 is 4 to 20 times as large.
std::vector<float> make_pool() {
    std::vector<float> pool(kPoolCount);
    for (std::uint64_t i = 0; i < kPoolCount; ++i) {
        std::int64_t sum = 0;  // of twelve uniform numbers: variance 1
        for (std::uint64_t part = 0; part < 3; ++part) {
            const std::uint64_t bits = mix(3 * i + part);
            for (unsigned k = 0; k < 4; ++k)
                sum += static_cast<std::int64_t>((bits >> (16 * k)) & 0xFFFFU) - 32768;
        }
        float value = static_cast<float>(sum) / 65536.0F * 0.14F;
        const std::uint64_t luck = mix(~i);
        if (luck % 4096 == 0) value *= 4.0F + static_cast<float>((luck >> 32U) % 16);
        pool[i] = value;
    }
    return pool;
}

std::uint16_t to_bf16(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U);
}

std::uint16_t to_f16(float value) {  // of numbers below 65,504
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t sign = (bits >> 16U) & 0x8000U;
    const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
    const float absolute = std::bit_cast<float>(magnitude);
    if (absolute < 0x1p-14F)  // subnormal, in units of 2^-24
        return static_cast<std::uint16_t>(
            sign | static_cast<std::uint32_t>(std::nearbyint(absolute * 0x1p24F)));
    const std::uint32_t rounded = magnitude + 0xFFFU + ((magnitude >> 13U) & 1U) - (112U << 23U);
    return static_cast<std::uint16_t>(sign | (rounded >> 13U));
}

class Values {
  public:
    /// Elements [first, first + count) of the tensor as float32.
    void fill(const Tensor& tensor, std::uint64_t first, std::uint64_t count, float* out) const {
        if (tensor.shape.size() == 4) {
            const std::uint64_t side = tensor.shape[3];
            for (std::uint64_t i = 0; i < count; ++i)
                out[i] = (first + i) % side <= (first + i) / side % tensor.shape[2] ? 1.0F : 0.0F;
            return;
        }
        const std::uint64_t key = mix(hash(tensor.name) + first);
        const float factor = 0.5F + static_cast<float>(key >> 44U) / 1048576.0F;
        const bool norm = tensor.shape.size() == 1 && tensor.name.find("ln_") != std::string::npos;
        const float centre = norm && tensor.name.ends_with("weight") ? 1.0F : 0.0F;
        for (std::uint64_t i = 0; i < count; ++i)
            out[i] = centre + factor * pool_[(key + i) % kPoolCount];
    }

  private:
    std::vector<float> pool_ = make_pool();
};

// --- files ---------------------------------------------------------------------------------------

void write_all(int file, const void* data, std::uint64_t size, const std::string& path) {
    const char* at = static_cast<const char*>(data);
    while (size > 0) {
        const ssize_t written = write(file, at, size);
        if (written <= 0) die(path + ": " + std::strerror(errno));
        at += written;
        size -= static_cast<std::uint64_t>(written);
    }
}

void write_tensor(int file, const Tensor& tensor, const Values& values, const std::string& path) {
    std::vector<float> block(std::min(kBlockCount, tensor.count()));
    std::vector<std::uint16_t> narrow;
    for (std::uint64_t first = 0; first < tensor.count(); first += kBlockCount) {
        const std::uint64_t count = std::min(kBlockCount, tensor.count() - first);
        values.fill(tensor, first, count, block.data());
        if (tensor.dtype == "F32") {
            write_all(file, block.data(), 4 * count, path);
            continue;
        }
        narrow.resize(count);
        std::transform(block.begin(), block.begin() + static_cast<std::ptrdiff_t>(count),
                       narrow.begin(), tensor.dtype == "F16" ? to_f16 : to_bf16);
        write_all(file, narrow.data(), 2 * count, path);
    }
}

void write_file(const std::string& path, const std::string& header, const Tensor* begin,
                const Tensor* end, const Values* values) {
    const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (file < 0) die(path + ": " + std::strerror(errno));
    unsigned char length[8];
    for (unsigned i = 0; i < 8; ++i)
        length[i] = static_cast<unsigned char>(header.size() >> (8 * i));
    write_all(file, length, sizeof length, path);
    write_all(file, header.data(), header.size(), path);
    std::uint64_t size = sizeof length + header.size();
    for (const Tensor* tensor = begin; tensor != end; ++tensor) {
        size += tensor->bytes();
        if (values != nullptr) write_tensor(file, *tensor, *values, path);
    }
    if (values == nullptr && ftruncate(file, static_cast<off_t>(size)) != 0)
        die(path + ": " + std::strerror(errno));
    if (close(file) != 0) die(path + ": " + std::strerror(errno));
}

/// Shards of nearly equal size, each a run of whole tensors.
void write_shards(const std::string& folder, const Tensors& tensors, std::uint64_t shards,
                  const Values* values) {
    if (mkdir(folder.c_str(), 0777) != 0 && errno != EEXIST)
        die(folder + ": " + std::strerror(errno));
    std::uint64_t total = 0;
    for (const Tensor& tensor : tensors) total += tensor.bytes();
    nlohmann::ordered_json map = nlohmann::ordered_json::object();
    std::uint64_t done = 0;
    const Tensor* begin = tensors.data();
    const Tensor* const last = begin + tensors.size();
    for (std::uint64_t shard = 1; shard <= shards; ++shard) {
        char name[64];
        std::snprintf(name, sizeof name, "model-%05llu-of-%05llu.safetensors",
                      static_cast<unsigned long long>(shard),
                      static_cast<unsigned long long>(shards));
        const Tensor* end = begin;
        for (; end != last && (shard == shards || done < total / shards * shard); ++end) {
            done += end->bytes();
            map[end->name] = name;
        }
        write_file(folder + "/" + name, header_of(begin, end), begin, end, values);
        begin = end;
    }
    const nlohmann::ordered_json index{{"metadata", {{"total_size", total}}}, {"weight_map", map}};
    std::ofstream(folder + "/model.safetensors.index.json") << index.dump(2) << '\n';
}

Options parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string argument = argv[i];
        if (argument == "--holes") {
            options.holes = true;
            continue;
        }
        if (!argument.starts_with("--")) {
            options.out = argument;
            continue;
        }
        if (i + 1 == argc) die(argument + " needs a value");
        const std::string value = argv[++i];
        const std::uint64_t number = std::strtoull(value.c_str(), nullptr, 10);
        if (argument == "--model")
            options.model = value;
        else if (argument == "--header")
            options.header = value;
        else if (argument == "--dtype")
            options.dtype = value;
        else if (argument == "--size")
            options.size = number;
        else if (argument == "--tensors")
            options.tensors = number;
        else if (argument == "--bytes-each")
            options.bytes_each = number;
        else if (argument == "--shards")
            options.shards = number;
        else
            die("unknown option " + argument);
    }
    if (options.out.empty()) die("usage: OUT [options], see the top of bench/make_checkpoint.cpp");
    if (options.dtype != "F32" && options.dtype != "F16" && options.dtype != "BF16")
        die("dtype " + options.dtype);
    if (options.model != "gpt2" && options.model != "flan-t5") die("model " + options.model);
    return options;
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = parse(argc, argv);
    std::string header;
    Tensors tensors;
    if (!options.header.empty()) {
        std::ifstream file(options.header, std::ios::binary);
        header.assign(std::istreambuf_iterator<char>(file), {});
        tensors = tensors_of(header);
    } else {
        if (options.tensors > 0)
            tensors = many(options.tensors, options.bytes_each, options.dtype == "F32" ? 4 : 2);
        else if (options.size > 0)
            tensors = gpt2_of_size(options.size);
        else
            tensors = options.model == "gpt2" ? gpt2(12, true) : flan_t5();
        for (Tensor& tensor : tensors) tensor.dtype = options.dtype;
        header = header_of(tensors.data(), tensors.data() + tensors.size());
    }
    const Values values;
    const Values* const data = options.holes ? nullptr : &values;
    if (options.shards > 0) {
        write_shards(options.out, tensors, options.shards, data);
    } else {
        write_file(options.out, header, tensors.data(), tensors.data() + tensors.size(), data);
    }
    return 0;
}
