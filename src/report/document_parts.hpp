// What the makers of documents share, and what exporters share.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "report/document.hpp"

namespace octet::report {

/// Text that goes to a sink in pieces.
class Pieces {
  public:
    explicit Pieces(const TextSink& sink) : sink_(sink) {}
    Pieces(const Pieces&) = delete;
    Pieces& operator=(const Pieces&) = delete;

    Pieces& operator<<(std::string_view text) {
        text_ += text;
        if (text_.size() >= kPieceBytes) flush();
        return *this;
    }

    /// To be called at the end.
    void flush() {
        if (!text_.empty()) sink_(text_);
        text_.clear();
    }

  private:
    static constexpr std::size_t kPieceBytes = 64U << 10U;

    const TextSink& sink_;
    std::string text_;
};

/// `text` without control characters, marks that change the direction of text, what is no UTF-8,
/// and what XML has no place for: those stand as \n, \x1b ...; all else as it is.
std::string visible(std::string_view text);

/// The last name in a path: "out" of "/data/out/".
std::string base_name(std::string_view path);

/// `text` in which these paths, where they are absolute, stand as their base names.
std::string without_folders(std::string text, const std::vector<std::string>& paths);

/// "openai-community/gpt2", where the path leads through that folder of the hub's cache; else
/// empty.
std::string hub_name(std::string_view path);

/// Six digits, as in JSON without quotes: "49.2412", "inf".
std::string statistic_text(double value);

/// 8 x output bytes / elements; 0 without elements.
double bits_each(const TensorRow& row);

/// A row of what a report says of a tensor.
TensorRow row_of(const TensorReport& tensor);

/// Files and their bytes; none for no files.
std::vector<Table> files_table(const std::vector<FileReport>& files);

/// Tensors and bytes of one kind, before and after.
struct KindSize {
    std::uint64_t tensors = 0;
    std::uint64_t parameters = 0;
    std::uint64_t source_bytes = 0;
    std::uint64_t output_bytes = 0;
};
std::map<std::string, KindSize> sizes_by_kind(const Document& document);

/// At most `most` tensors, worst first: the lowest SQNR, then those without one, largest first.
std::vector<std::size_t> worst_first(const Document& document, std::size_t most);

/// True if any tensor has an SQNR that is a number.
bool has_errors(const Document& document);

}  // namespace octet::report
