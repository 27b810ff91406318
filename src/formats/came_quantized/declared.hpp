// What config.json says of the way in which a checkpoint came quantized, as far as reading it needs
// that; most follows from names, dtypes and shapes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "octet/dtype.hpp"

namespace octet::came_quantized {

/// What one module has, where it is declared by its name. 0: nothing.
struct QuantizedModule {
    std::uint64_t bits = 0;
    std::uint64_t group_size = 0;
};

/// Inputs of a transformer's matrices; 0 where the config does not say.
struct ModelSizes {
    std::uint64_t hidden = 0;
    std::uint64_t feed_forward = 0;  ///< of the one back from the feed-forward part
    std::uint64_t heads = 0;         ///< of the one back from attention: all heads
};

struct Declared {
    std::string method;                ///< "fp8", "gptq", "compressed-tensors", "mlx"; empty: none
    std::string format;                ///< "pack-quantized"; of GPTQ "gptq" or "gptq_v2"
    std::vector<std::uint64_t> block;  ///< of FP8: rows and columns of a block; or empty
    std::vector<std::uint64_t> bits;   ///< each width that is declared, once
    std::vector<std::uint64_t> group_sizes;  ///< each one that is declared, once
    std::map<std::string, QuantizedModule, std::less<>> modules;  ///< of MLX, by their names
    ModelSizes sizes;
    std::string model_type;      ///< "gpt2"; empty: the config does not say
    std::optional<Dtype> dtype;  ///< of the model: F32, F16, BF16

    /// MLX has GPT-2's names with "model." before them, and its Conv1D weights as Linear's.
    bool is_gpt2_of_mlx() const { return method == "mlx" && model_type == "gpt2"; }
};

/// True of the weight of one of GPT-2's Conv1D modules, which its own files have as [in, out].
bool is_conv1d_of_gpt2(std::string_view name);

/// What the text of a config.json declares; nothing of what is no such text.
Declared parse_declared(std::string_view config);

/// The same of a file; not there, too large or an empty path: nothing. `beside`: a
/// quantize_config.json, as GPTQ has them, which fills in what the config lacks.
Declared read_declared(const std::filesystem::path& config, const std::filesystem::path& beside);

}  // namespace octet::came_quantized
