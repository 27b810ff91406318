// `--format compressed-tensors`: folders that vLLM, SGLang and transformers load. `--for vllm`
// packs 4 or 8 codes into words, `--for transformers` gives a code a byte, which all of its models
// load. What an engine would refuse, or load wrong without a word, is refused here by the tensor's
// name, with what to use instead.
#pragma once

#include <vector>

#include "formats/compressed_tensors/config_text.hpp"
#include "formats/compressed_tensors/format.hpp"
#include "writers/folder_writer.hpp"

namespace octet::writers {

/// Names and options that have no meaning for it: kUsage.
void check_compressed(const QuantizeOptions& options, const std::filesystem::path& given);

/// The options with what the format adds where nothing was asked: weights of Linear layers,
/// symmetric, groups of 128.
struct CompressedOptions {
    explicit CompressedOptions(const QuantizeOptions& given);

    QuantizeOptions made;
    compressed_tensors::Packing packing;
    bool asks_group;  ///< the group size was asked for: a row that it does not divide is refused
    bool asks_scale;  ///< the scales' dtype was asked for
};

class CompressedWriter final : private CompressedOptions, public FolderWriter {
  public:
    explicit CompressedWriter(const Order& order);

  private:
    const formats::Format& format() const override { return format_; }
    void adapt(plan::Decisions& decisions) const override;
    void check_schemes(const std::vector<TensorReport>& tensors) const override;
    std::vector<TextFile> text_files() const override;

    Scheme adapted(Scheme scheme, const TensorReport& tensor, bool by_rule) const;
    void check_model(const std::vector<TensorReport>& tensors) const;

    const compressed_tensors::CompressedFormat format_;
    const compressed_tensors::ModelConfig config_;
};

}  // namespace octet::writers
