// A folder for mlx-lm: Linear layers and embeddings in 2, 3, 4, 5, 6 or 8 bits with real zero
// points in groups of 32, 64 or 128, all else as it is, and config.json with `quantization`.
#pragma once

#include "codecs/quantize_groups.hpp"
#include "writers/folder_writer.hpp"
#include "writers/mlx/mlx_config.hpp"
#include "writers/mlx/mlx_format.hpp"

namespace octet::writers {

/// Refuses options that mlx-lm has no weights for, and names that can hardly be meant: kUsage.
void check_mlx(const QuantizeOptions& options, const std::filesystem::path& given);

/// What MlxWriter makes of the options, and outlives what it derives from.
struct MlxOptions {
    QuantizeOptions own;
};

class MlxWriter final : private MlxOptions, public FolderWriter {
  public:
    explicit MlxWriter(const Order& order);

  private:
    const formats::Format& format() const override { return format_; }
    void adapt(plan::Decisions& decisions) const override;
    void adapt_tensor(TensorReport& tensor, plan::Decider decider) const;
    void fit(TensorReport& tensor) const override;
    bool leaves_out(TensorReport& tensor) const;
    void add_task(std::size_t number, const pipeline::Stretch& target,
                  const codecs::TakeResult& take, codecs::TaskList& tasks) override;
    std::vector<TextFile> text_files() const override;
    codecs::GroupsJob turned_job(std::size_t number) const;

    const MlxConfig config_;
    const MlxFormat format_;
};

}  // namespace octet::writers
