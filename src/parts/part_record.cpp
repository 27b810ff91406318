// Numbers are held against what there is; what does not fit makes the whole text none.
#include "parts/part_record.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "parts/lines.hpp"

namespace octet::parts {
namespace {

constexpr std::string_view kFirstLine = "octet-part 1";

/// Runs of known pieces of a file, a line each.
void add_pieces(std::string& text, std::size_t file, const pipeline::PieceChecksums& pieces) {
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        if (!pieces[i]) continue;
        if (i == 0 || !pieces[i - 1]) text += fmt::format("pieces {} {}", file, i);
        text += " " + checksum_text(*pieces[i]);
        if (i + 1 == pieces.size() || !pieces[i + 1]) text += "\n";
    }
}

bool take_part(std::string_view words, Part& part) {
    const auto number = number_of<std::uint32_t>(take_word(words));
    const auto count = number_of<std::uint32_t>(words);
    if (!number || !count) return false;
    part = {*number, *count};
    return true;
}

bool take_result(std::string_view words, std::size_t tensors, PartRecord& record) {
    const auto number = number_of<std::size_t>(take_word(words));
    auto result = codecs::parse_result(words);
    if (!number || *number >= tensors || !result) return false;
    record.results.emplace_back(*number, std::move(*result));
    return true;
}

bool take_pieces(std::string_view words, PartRecord& record) {
    constexpr std::size_t kMostPieces = std::size_t{1} << 40U;
    const auto file = number_of<std::size_t>(take_word(words));
    const auto first = number_of<std::size_t>(take_word(words));
    if (!file || *file >= record.pieces.size() || !first || *first > kMostPieces) return false;
    pipeline::PieceChecksums& pieces = record.pieces[*file];
    if (pieces.size() < *first) pieces.resize(*first);
    std::size_t at = *first;
    while (!words.empty()) {
        const auto checksum = parse_checksum(take_word(words));
        if (!checksum) return false;
        if (pieces.size() <= at) pieces.resize(at + 1);
        pieces[at++] = checksum;
    }
    return true;
}

}  // namespace

std::string part_text(const PartRecord& record) {
    std::string text = fmt::format("{}\nrun {}\npart {} {}\n", kFirstLine, record.run,
                                   record.part.number, record.part.count);
    for (const auto& [number, result] : record.results)
        text += fmt::format("tensor {} {}\n", number, codecs::result_text(result));
    for (std::size_t i = 0; i < record.pieces.size(); ++i) add_pieces(text, i, record.pieces[i]);
    return sealed(std::move(text));
}

std::optional<PartRecord> parse_part(std::string_view text, std::size_t files,
                                     std::size_t tensors) {
    const auto lines = unsealed(text);
    if (!lines) return std::nullopt;
    PartRecord record;
    record.pieces.resize(files);
    std::string_view rest = *lines;
    if (take_line(rest) != kFirstLine) return std::nullopt;
    while (!rest.empty()) {
        std::string_view words = take_line(rest);
        const std::string_view kind = take_word(words);
        const bool is_known = kind == "run"      ? !(record.run = words).empty()
                              : kind == "part"   ? take_part(words, record.part)
                              : kind == "tensor" ? take_result(words, tensors, record)
                              : kind == "pieces" ? take_pieces(words, record)
                                                 : false;
        if (!is_known) return std::nullopt;
    }
    return record;
}

}  // namespace octet::parts
