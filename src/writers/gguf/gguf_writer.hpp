// A checkpoint as one file for llama.cpp, or as several: tensors go through the pipeline, and
// headers are written last, since they hold what the writing found out
// (formats/gguf/file_layout.hpp).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plan/importance.hpp"
#include "writers/gguf/contents.hpp"
#include "writers/writer.hpp"

namespace octet::writers {

/// Options that have no meaning for GGUF, a type that there is not, or a name that is none of such
/// a file: kUsage.
void check_gguf(const QuantizeOptions& options, const std::filesystem::path& given);

class GgufWriter final : public Writer {
  public:
    explicit GgufWriter(const Order& order);

    Place place() const override;
    std::vector<std::string> names_of_old(const std::filesystem::path& folder) const override;
    void decide() override;
    WriteOptions examine() override;
    survey::Findings findings() const override { return findings_; }
    void take_findings(const survey::Findings& findings) override;
    formats::OutputPlan lay_out() override;
    std::vector<std::string> file_names(const formats::OutputPlan& plan) const override;
    std::uint64_t bytes_needed(const formats::OutputPlan& plan) const override;
    pipeline::Stretch source_of(std::size_t number) const override;
    bool hashes_all() const override { return false; }
    void add_tasks(const Target& target, const TensorRun& wanted, const codecs::TakeResult& take,
                   codecs::TaskList& tasks) override;
    void take_result(std::size_t number, codecs::TensorResult&& result) override;
    void complete(const Target& target, std::vector<pipeline::PieceChecksums> pieces) override;
    Report finish(const Target& target, io::Output& output) override;
    void add_checks(Report& report) const override;
    void add_notes(const Report& report, std::vector<std::string>& lines) const override;

  private:
    void add_task(std::size_t number, const Target& target, const codecs::TakeResult& take,
                  codecs::TaskList& tasks);
    void use(const survey::Findings& findings);
    const plan::Importance* importance() const { return importance_ ? &*importance_ : nullptr; }
    std::uint64_t source_bytes() const;
    void choose_types(WriteOptions& writing);
    std::vector<Checksum> checksums(const Target& target);
    std::vector<gguf::TensorRecord> take_figures(const std::vector<Checksum>& known);
    Totals totals() const;

    const Order order_;
    std::optional<plan::Importance> importance_;
    GgufContents contents_;
    std::vector<TensorReport> reports_;
    gguf::FileFacts facts_;
    gguf::Layout layout_;
    survey::Findings findings_;
    std::vector<codecs::TensorResult> results_;
};

}  // namespace octet::writers
