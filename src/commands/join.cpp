// join(): the same plan as every part had, their results in the place of tasks, and then what
// quantize() does with them.
#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.hpp"
#include "commands/gates.hpp"
#include "commands/output.hpp"
#include "commands/output_place.hpp"
#include "commands/part_work.hpp"
#include "octet/error.hpp"
#include "octet/octet.hpp"
#include "pipeline/piece_checksums.hpp"
#include "pipeline/stop.hpp"

namespace octet {
namespace {

namespace fs = std::filesystem;
using commands::name_of;
using commands::PartWork;

parts::Folder folder_of(const fs::path& out) {
    auto folder = parts::Folder::find(io::resolved_target(out));
    if (folder) return std::move(*folder);
    throw Error(ErrorCode::kBadInput, printable(out.native()),
                "has no parts; make them with octet quantize INPUT OUT --part K/N");
}

commands::SealedRun run_of(const parts::Folder& folder) {
    auto run = commands::read_run(folder);
    if (run) return std::move(*run);
    if (folder.read(std::string(parts::kJoinedFile)))
        throw Error(ErrorCode::kBadInput, name_of(folder),
                    "was joined by a run that was interrupted at its end, and the output is whole; "
                    "octet join --discard removes the rest");
    throw Error(ErrorCode::kBadInput, name_of(folder),
                "holds no part that was begun; octet join --discard removes it");
}

/// Names the parts that are not there.
void check_all_there(const parts::Folder& folder, std::uint32_t count) {
    constexpr std::size_t kMostNamed = 8;
    const std::vector<std::string> names = folder.names();
    std::vector<std::uint32_t> missing;
    for (std::uint32_t part = 1; part <= count; ++part) {
        if (!std::binary_search(names.begin(), names.end(), parts::part_file_name(part, count)))
            missing.push_back(part);
    }
    if (missing.empty()) return;
    const std::size_t all = missing.size();
    missing.resize(std::min(all, kMostNamed));
    throw Error(
        ErrorCode::kBadInput, name_of(folder),
        fmt::format("lacks {} {}{} of {}; make what is missing (octet quantize --part), "
                    "then join",
                    all == 1 ? "part" : "parts", fmt::join(missing, ", "),
                    all > kMostNamed ? fmt::format(" and {} more", all - kMostNamed) : "", count));
}

/// A part as its file has it. kBadInput naming one that is broken or of another run.
parts::PartRecord read_part(const PartWork& work, const parts::Folder& folder, const Part& part,
                            const std::string& seal) {
    const std::string name = parts::part_file_name(part.number, part.count);
    const std::string where = name_of(folder, name);
    const auto text = folder.read(name);
    auto record = parts::parse_part(text.value_or(""), work.plan().files.size(),
                                    work.plan().placements.size());
    if (!record)
        throw Error(ErrorCode::kBadInput, where,
                    "is broken or cut off; remove it and make the part again");
    if (record->run != seal || record->part != part)
        throw Error(ErrorCode::kBadInput, where,
                    "is of another run; remove it and make the part again");
    return std::move(*record);
}

/// A part has a result for each of its tensors of which something is stored, and for no others'.
void check_results(PartWork& work, const parts::PartRecord& record, const std::string& where) {
    const writers::TensorRun share = work.share_of(record.part);
    std::vector<bool> has_result(share.end - share.first);
    bool is_whole = true;
    for (const auto& [number, result] : record.results) {
        is_whole = is_whole && share.has(number) && !has_result[number - share.first];
        if (is_whole) has_result[number - share.first] = true;
    }
    for (std::size_t i = share.first; i < share.end; ++i) {
        const bool is_made =
            work.writer().source_of(i).byte_count > 0 && work.plan().placements[i].byte_count > 0;
        is_whole = is_whole && (!is_made || has_result[i - share.first]);
    }
    if (!is_whole)
        throw Error(ErrorCode::kBadInput, where,
                    "holds other tensors than this part has; remove it and make the part again");
}

/// Reads the stored bytes of a part's tensors and holds them against its checksums.
void verify_part(const writers::Target& target, const parts::PartRecord& record,
                 const std::string& where, const WriteOptions& options) {
    std::vector<pipeline::Region> regions;
    for (const auto& [number, result] : record.results)
        regions.push_back({target.stretch_of(number), {}});
    WriteOptions quiet = options;
    quiet.progress = {};
    const auto found = pipeline::all_pieces(regions, quiet);
    for (std::size_t i = 0; i < found.size(); ++i) {
        const auto& [number, result] = record.results[i];
        const bool is_same = std::equal(found[i].begin(), found[i].end(),
                                        result.stored_pieces.begin(), result.stored_pieces.end());
        if (!is_same)
            throw Error(ErrorCode::kBadInput, where,
                        fmt::format("says other checksums than {} has at byte {}; remove it and "
                                    "make the part again",
                                    printable(regions[i].stretch.file->name()),
                                    with_commas(regions[i].stretch.offset)));
    }
}

/// Where one of the two has a piece, it is known.
void merge_pieces(std::vector<pipeline::PieceChecksums>& all,
                  const std::vector<pipeline::PieceChecksums>& own) {
    for (std::size_t file = 0; file < own.size(); ++file) {
        if (all[file].size() < own[file].size()) all[file].resize(own[file].size());
        for (std::size_t i = 0; i < own[file].size(); ++i) {
            if (own[file][i]) all[file][i] = own[file][i];
        }
    }
}

/// Gives the writer what the parts found out.
void take_parts(PartWork& work, const writers::Target& target, const parts::Folder& folder,
                const commands::SealedRun& run, std::uint32_t count, const JoinOptions& options) {
    codecs::TaskList none;
    const codecs::TakeResult take = [](std::size_t, codecs::TensorResult&&) {};
    work.writer().add_tasks(target, {}, take, none);
    std::vector<pipeline::PieceChecksums> pieces(target.files.size());
    for (std::uint32_t number = 1; number <= count; ++number) {
        pipeline::check_stop(options.write);
        const Part part{number, count};
        const std::string where = name_of(folder, parts::part_file_name(number, count));
        parts::PartRecord record = read_part(work, folder, part, run.seal);
        check_results(work, record, where);
        if (options.verify) verify_part(target, record, where, options.write);
        for (auto& [tensor, result] : record.results)
            work.writer().take_result(tensor, std::move(result));
        merge_pieces(pieces, record.pieces);
    }
    work.writer().complete(target, std::move(pieces));
}

/// The data files as the parts left them, now also files of the output, with their headers.
std::vector<io::File> adopt_files(formats::OutputPlan& plan, const parts::Folder& folder,
                                  io::Output& output) {
    std::vector<io::File> files;
    for (formats::FilePlan& planned : plan.files) {
        files.push_back(folder.data_file(planned.name, planned.byte_count));
        output.adopt(folder.directory(), planned.name);
        if (!planned.write_header) continue;
        planned.write_header([&](std::string_view piece, std::uint64_t offset) {
            files.back().write_at(io::bytes_of(piece), offset);
        });
        planned.write_header = {};
    }
    return files;
}

/// The options of the parts, run as this one is to run.
QuantizeOptions options_for(const parts::RunRecord& run, const JoinOptions& options,
                            const std::string& where) {
    QuantizeOptions all = parts::options_of(run.order, where);
    const WriteOptions of_parts = std::exchange(all.write, options.write);
    all.write.force = of_parts.force;
    all.write.sha256 = of_parts.sha256;
    all.write.follow_links = of_parts.follow_links;
    return all;
}

/// Removes the folder with the files that the run's record names; lines about what is left.
std::vector<std::string> remove_parts(const parts::Folder& folder,
                                      const std::vector<std::string>& files) {
    std::vector<std::string> lines;
    for (const std::string& left : folder.remove(files))
        lines.push_back(printable(left) + " is none of the parts' files; it was left alone");
    return lines;
}

/// The output is whole.
void remove_joined(const parts::Folder& folder, const commands::SealedRun& run,
                   std::vector<std::string>& notes) {
    try {
        folder.note_joined();
        const auto left = remove_parts(folder, run.record.files);
        notes.insert(notes.end(), left.begin(), left.end());
    } catch (const Error& error) {
        throw Error(ErrorCode::kIo, name_of(folder),
                    fmt::format("the output is whole, but its parts could not be removed: {}; "
                                "octet join --discard removes them",
                                error.what()));
    }
}

/// Gates, as of quantize().
void judge(Report& report, const writers::Writer& writer, const QuantizeOptions& coding,
           const JoinOptions& options) {
    report.checks = commands::check_gates(coding.gates, report);
    writer.add_checks(report);
    report.hint = writer.hint(report);
    report.written = coding.keep_on_failure || options.keep_on_failure || all_passed(report.checks);
}

}  // namespace

Report join(const fs::path& out, const JoinOptions& options) {
    const auto start = std::chrono::steady_clock::now();
    const parts::Folder folder = folder_of(out);
    const commands::SealedRun run = run_of(folder);
    const std::string where = name_of(folder, std::string(parts::kRunFile));
    const std::uint32_t count = parts::part_count_of(run.record.order, where);
    const QuantizeOptions coding = options_for(run.record, options, where);
    const fs::path input = options.source.value_or(run.record.input);
    check_all_there(folder, count);
    PartWork work(input, out, coding, count);
    work.take_run(run.record, name_of(folder));

    commands::Notes notes(options.write);
    WriteOptions placing = coding.write;
    placing.force = placing.force || options.write.force;
    commands::OutputPlace place(out, work.writer(), work.checkpoint(), placing, notes.lines);
    place.begin();
    place.build(work.plan());
    const std::vector<io::File> files = adopt_files(work.plan(), folder, place.output());
    const writers::Target target{work.plan(), files};
    take_parts(work, target, folder, run, count, options);
    commands::sync_files(files, coding.write);
    Report report = work.writer().finish(target, place.output());

    report.input = input.native();
    report.output = out.native();
    judge(report, work.writer(), coding, options);
    pipeline::check_stop(options.write);
    if (report.written) {
        place.publish();
        work.writer().add_notes(report, notes.lines);
        remove_joined(folder, run, notes.lines);
    }
    report.notes = notes.lines;
    report.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return report;
}

/// Where the record is broken, nobody knows the data files: they are left.
std::vector<std::string> discard_parts(const fs::path& out) {
    const parts::Folder folder = folder_of(out);
    std::vector<std::string> files;
    try {
        auto run = commands::read_run(folder);
        if (!run) run = commands::read_run(folder, parts::kJoinedFile);
        if (run) files = run->record.files;
    } catch (const Error& error) {
        if (error.code() != ErrorCode::kBadInput) throw;
    }
    return remove_parts(folder, files);
}

std::vector<fs::path> inputs_of_parts(const fs::path& out) noexcept {
    try {
        const auto folder = parts::Folder::find(io::resolved_target(out));
        const auto run = folder ? commands::read_run(*folder) : std::nullopt;
        if (!run) return {};
        std::vector<fs::path> paths{run->record.input};
        const QuantizeOptions options = parts::options_of(run->record.order, "");
        if (options.importance) paths.push_back(*options.importance);
        return paths;
    } catch (...) {
        return {};  // join() says what is wrong
    }
}

}  // namespace octet
