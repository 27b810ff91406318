// Orders are compared line by line, so that the first difference can be named.
#include "parts/run_record.hpp"

#include <sys/stat.h>

#include <array>
#include <cstring>

#include <fmt/format.h>

#include "base/text.hpp"
#include "octet/error.hpp"
#include "octet/octet.hpp"
#include "parts/lines.hpp"
#include "parts/options_text.hpp"
#include "pipeline/piece_checksums.hpp"
#include "quant/checksum.hpp"

namespace octet::parts {
namespace {

constexpr std::string_view kKept = "keep";
constexpr std::string_view kFirstLine = "octet-parts 1";

/// The part of a shard that says what lies where in it.
std::uint64_t header_bytes(const io::File& file) {
    std::array<std::byte, 8> bytes{};
    file.read_at(bytes, 0);
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof(length));  // little endian, as the machine is
    return std::min(file.size(), 8 + length);  // the header was checked when it was opened
}

std::string source_line(const checkpoint::Shard& shard) {
    const std::uint64_t size = header_bytes(shard.file);
    quant::PieceHasher hasher;
    std::vector<std::byte> buffer(std::min<std::uint64_t>(size, 1U << 20U));
    for (std::uint64_t at = 0; at < size; at += buffer.size()) {
        const auto part =
            std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), size - at));
        shard.file.read_at(part, at);
        hasher.add(part);
    }
    struct stat status {};
    if (::fstat(shard.file.descriptor(), &status) != 0)
        io::throw_io_error(shard.file.name(), "examine", errno);
    const std::uint64_t time = static_cast<std::uint64_t>(status.st_mtim.tv_sec) * 1'000'000'000U +
                               static_cast<std::uint64_t>(status.st_mtim.tv_nsec);
    return fmt::format("source {} {} {} {}\n", word_of(shard.base_name), shard.file.size(), time,
                       checksum_text(quant::checksum_of_pieces(hasher.take_pieces())));
}

[[noreturn]] void refuse_record(const std::string& where) {
    throw Error(ErrorCode::kBadInput, where,
                "is broken or cut off; octet join --discard removes it with all parts");
}

/// "the option bits", "the source \"a.safetensors\"": what a line is about.
std::string subject_of(std::string_view line) {
    const std::string_view kind = take_word(line);
    const std::string_view name = take_word(line);
    if (kind == "option") return fmt::format("the option {}", name);
    if (kind == "source")
        return fmt::format("the source {}", in_quotes(text_of_word(name).value_or("")));
    if (kind == "importance") return "the file of --importance";
    return kind == "parts" ? "the number of parts" : "the version of octet";
}

[[noreturn]] void refuse_difference(std::string_view there, std::string_view own,
                                    const std::string& where) {
    const std::string_view either = there.empty() ? own : there;
    const bool is_usage = either.starts_with("option ") || either.starts_with("parts ");
    const std::string what =
        is_usage ? fmt::format(
                       "holds parts of a run with another value of {}; give all parts the "
                       "same, or remove these (octet join --discard)",
                       subject_of(either))
                 : fmt::format(
                       "holds parts for which {} was another one; it must not change while "
                       "parts are made, remove these (octet join --discard)",
                       subject_of(either));
    throw Error(is_usage ? ErrorCode::kUsage : ErrorCode::kBadInput, where, what);
}

/// Takes a line's number of a tensor.
std::uint32_t take_number(std::string_view& line, const std::string& where) {
    const auto number = number_of<std::uint32_t>(take_word(line));
    if (!number) refuse_record(where);
    return *number;
}

}  // namespace

std::string order_of(const checkpoint::Checkpoint& checkpoint, const QuantizeOptions& options,
                     std::uint32_t parts) {
    std::string lines = fmt::format("version {}\nparts {}\n", version(), parts);
    for (const checkpoint::Shard& shard : checkpoint.shards) lines += source_line(shard);
    if (options.importance) {
        const io::File file = io::File::open_for_reading(*options.importance);
        lines += fmt::format("importance {} {}\n", file.size(),
                             checksum_text(*pipeline::whole_file_checksum(file).checksum));
    }
    return lines + option_lines(options);
}

std::string layout_of(const formats::OutputPlan& plan) {
    std::string lines;
    for (const formats::FilePlan& file : plan.files)
        lines += fmt::format("{} {}\n", word_of(file.name), file.byte_count);
    for (const formats::Placement& place : plan.placements)
        lines += fmt::format("{} {} {}\n", place.file, place.offset, place.byte_count);
    return checksum_text(quant::checksum_of(std::as_bytes(std::span(lines))));
}

std::string run_text(const RunRecord& record) {
    std::string text =
        fmt::format("{}\n{}input {}\n", kFirstLine, record.order, word_of(record.input));
    for (const std::uint32_t number : record.findings.kept)
        text += fmt::format("kept {}\n", number);
    for (const auto& [tensor, other] : record.findings.tied)
        text += fmt::format("tied {} {}\n", tensor, other);
    for (const auto& scheme : record.findings.chosen)
        text += fmt::format("chosen {}\n", scheme ? scheme_name(*scheme) : kKept);
    for (const std::string& file : record.files) text += fmt::format("file {}\n", word_of(file));
    return sealed(std::move(text) + "layout " + record.layout + "\n");
}

RunRecord parse_run(std::string_view text, const std::string& where) {
    const auto lines = unsealed(text);
    if (!lines) refuse_record(where);
    std::string_view rest = *lines;
    if (take_line(rest) != kFirstLine) refuse_record(where);
    RunRecord record;
    while (!rest.empty()) {
        const std::string_view line = take_line(rest);
        std::string_view words = line;
        const std::string_view kind = take_word(words);
        if (kind == "input") {
            record.input = text_of_word(words).value_or("");
        } else if (kind == "kept") {
            record.findings.kept.push_back(take_number(words, where));
        } else if (kind == "tied") {
            const std::uint32_t tensor = take_number(words, where);
            record.findings.tied.emplace_back(tensor, take_number(words, where));
        } else if (kind == "chosen") {
            const auto scheme = words == kKept ? std::nullopt : parse_scheme(words);
            if (!scheme && words != kKept) refuse_record(where);
            record.findings.chosen.push_back(scheme);
        } else if (kind == "file") {
            record.files.push_back(text_of_word(words).value_or(""));
        } else if (kind == "layout") {
            record.layout = words;
        } else {
            record.order += std::string(line) + "\n";
        }
    }
    return record;
}

void check_same_order(const std::string& there, const std::string& own, const std::string& where) {
    std::string_view rest_there = there;
    std::string_view rest_own = own;
    while (!rest_there.empty() || !rest_own.empty()) {
        const std::string_view line_there = take_line(rest_there);
        const std::string_view line_own = take_line(rest_own);
        if (line_there == line_own) continue;
        // Where a file is does not matter, as its bytes are compared.
        const std::string_view importance = "option importance ";
        if (line_there.starts_with(importance) && line_own.starts_with(importance)) continue;
        refuse_difference(line_there, line_own, where);
    }
}

std::uint32_t part_count_of(const std::string& order, const std::string& where) {
    std::string_view rest = order;
    while (!rest.empty()) {
        std::string_view line = take_line(rest);
        if (take_word(line) == "parts") return take_number(line, where);
    }
    refuse_record(where);
}

QuantizeOptions options_of(const std::string& order, const std::string& where) {
    QuantizeOptions options;
    std::string_view rest = order;
    while (!rest.empty()) {
        std::string_view line = take_line(rest);
        if (take_word(line) == "option" && !set_option(options, line)) refuse_record(where);
    }
    return options;
}

}  // namespace octet::parts
