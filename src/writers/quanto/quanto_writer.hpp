// A folder for optimum-quanto: qint8, qint4 or qint2 weights of Linear layers, all else as it is,
// and quanto_qmap.json, which names the layers. It loads by quanto's model classes and by
// requantize().
#pragma once

#include <optional>
#include <string_view>

#include "codecs/quantize_groups.hpp"
#include "writers/folder_writer.hpp"
#include "writers/quanto/quanto_format.hpp"

namespace octet::writers {

/// The layer whose weight that is: "lm_head" of "lm_head.weight".
std::optional<std::string_view> quanto_module(std::string_view tensor) noexcept;

/// Refuses options that no qtype of quanto has, and names that can hardly be meant: kUsage.
void check_quanto(const QuantizeOptions& options, const std::filesystem::path& given);

/// What QuantoWriter makes of the options, and outlives what it derives from.
struct QuantoOptions {
    QuantizeOptions own;
};

class QuantoWriter final : private QuantoOptions, public FolderWriter {
  public:
    explicit QuantoWriter(const Order& order);

  private:
    const formats::Format& format() const override { return format_; }
    void adapt(plan::Decisions& decisions) const override;
    void add_task(std::size_t number, const pipeline::Stretch& target,
                  const codecs::TakeResult& take, codecs::TaskList& tasks) override;
    std::vector<TextFile> text_files() const override;
    codecs::GroupsJob groups_job(std::size_t number) const;

    const QuantoFormat format_;
    codecs::TakeResult take_first_;    ///< of the copy whose figures count
    const codecs::TakeResult ignore_;  ///< of copies beside the one whose figures count
};

}  // namespace octet::writers
