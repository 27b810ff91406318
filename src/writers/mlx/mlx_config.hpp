// config.json as mlx-lm reads it: the model's own, to the byte, with the keys that say what is
// quantized put before its end.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "writers/mlx/mlx_format.hpp"

namespace octet::writers {

/// A module that is quantized: its name, and how.
struct MlxModule {
    std::string name;
    std::uint32_t bits = 0;
    std::uint32_t group_size = 0;

    bool is_like(const MlxModule& other) const noexcept {
        return bits == other.bits && group_size == other.group_size;
    }
};

class MlxConfig {
  public:
    /// Reads the config of that path. An empty path or no file, no JSON object, a model that mlx-lm
    /// lacks or that came quantized: kBadInput; `input` stands in messages.
    static MlxConfig read(const std::filesystem::path& path, const std::string& input);

    const MlxModel& model() const noexcept { return model_; }

    /// The new text. Modules that are not like `usual` are named. `has_head`: a head is stored,
    /// which is not the embedding.
    std::string text(const MlxModule& usual, const std::vector<MlxModule>& modules,
                     bool has_head) const;

  private:
    std::string text_;
    MlxModel model_;
    bool says_tie_ = false;     ///< there is a key for it
    std::string context_ = {};  ///< the number of positions of a GPT-2 that has no n_ctx
};

}  // namespace octet::writers
