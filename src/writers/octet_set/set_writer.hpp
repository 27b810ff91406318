// Octet's own set: the sidecar `quantization_state.json` is written last and makes the folder a set
// (docs/format.md).
#pragma once

#include "formats/octet_set/octet_format.hpp"
#include "writers/folder_writer.hpp"

namespace octet::writers {

class SetWriter final : public FolderWriter {
  public:
    explicit SetWriter(const Order& order);

    std::vector<std::string> names_of_old(const std::filesystem::path& folder) const override;
    std::string hint(const Report& report) const override;

  private:
    const formats::Format& format() const override { return format_; }
    std::uint64_t write_last(FolderContents& contents, io::Output& output) override;

    const octet_set::OctetFormat format_;
};

}  // namespace octet::writers
