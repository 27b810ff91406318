// quantize_part(): as quantize() does, for some of the tensors, with what they come to written down
// instead of put together.
#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "base/text.hpp"
#include "commands/output.hpp"
#include "commands/part_work.hpp"
#include "io/free_space.hpp"
#include "octet/error.hpp"
#include "octet/octet.hpp"
#include "parts/lines.hpp"
#include "pipeline/piece_checksums.hpp"
#include "pipeline/stop.hpp"
#include "quant/checksum.hpp"

namespace octet {
namespace {

namespace fs = std::filesystem;
using commands::PartWork;

/// What join() would refuse in the end: a target that is something else, or that holds something.
void check_target(const writers::Place& place, const fs::path& given, bool force) {
    const auto refuse = [&](std::string_view what) {
        throw Error(ErrorCode::kUsage, printable(given.native()), std::string(what));
    };
    const fs::path target = io::resolved_target(given);
    const io::EntryKind kind = io::kind_at(target);
    if (kind == io::EntryKind::kNothing) return;
    if (place.kind == io::Output::Kind::kFile) {
        if (kind == io::EntryKind::kFolder) refuse("is a folder; name a file");
        if (place.is_named && !force) refuse("exists already; --force replaces it");
        return;
    }
    if (kind != io::EntryKind::kFolder)
        refuse(fmt::format("is a file; name a new or empty folder for the {}", place.noun));
    const io::Directory parent = io::Directory::open_to_look(target.parent_path());
    const io::Directory folder = io::Directory::open_to_look(target);
    if (folder.is_mounted_apart_from(parent))
        refuse("is a mount point, beside which parts cannot lie; name a folder in it");
    if (!force && !folder.names().empty())
        refuse("is not empty; name a new or empty folder, or give all parts --force");
}

/// Takes over the record of the run, or writes it down. Returns its seal.
std::string join_run(PartWork& work, const parts::Folder& folder, WriteOptions& writing) {
    const std::string where = commands::name_of(folder);
    if (const auto run = commands::read_run(folder)) {
        work.take_run(run->record, where);
        return run->seal;
    }
    writing = work.examine();
    const std::string text = parts::run_text(work.run());
    if (folder.write(std::string(parts::kRunFile), text, false, writing.sync))
        return std::string(parts::seal_of(text));
    const auto run = commands::read_run(folder);  // another part came first
    if (!run) throw Error(ErrorCode::kIo, where, "was removed while octet worked; run again");
    parts::check_same_order(run->record.order, work.run().order, where);
    if (run->record.findings != work.run().findings || run->record.layout != work.run().layout)
        throw Error(ErrorCode::kBadInput, where,
                    "holds parts of other values; the source must not change while parts are made");
    return run->seal;
}

std::vector<io::File> open_files(const formats::OutputPlan& plan, const parts::Folder& folder) {
    std::vector<io::File> files;
    for (const formats::FilePlan& file : plan.files)
        files.push_back(folder.share_file(file.name, file.byte_count));
    return files;
}

/// Where a part alone writes in each file, [begin, end), in order.
std::vector<std::vector<pipeline::Stretch>> own_stretches(const writers::Target& target,
                                                          const writers::TensorRun& share,
                                                          const writers::Writer& writer) {
    std::vector<std::vector<pipeline::Stretch>> own(target.files.size());
    for (std::size_t i = share.first; i < share.end; ++i) {
        if (writer.source_of(i).file == nullptr) continue;
        const pipeline::Stretch to = target.stretch_of(i);
        auto& stretches = own[target.plan.placements[i].file];
        if (!stretches.empty() && stretches.back().end() == to.offset) {
            stretches.back().byte_count += to.byte_count;
        } else {
            stretches.push_back(to);
        }
    }
    return own;
}

/// Of each file the pieces that lie wholly in what the part alone has written; those that nobody
/// hashed are read again.
std::vector<pipeline::PieceChecksums> own_pieces(
    const writers::Target& target, const std::vector<std::vector<pipeline::Stretch>>& own,
    const std::vector<pipeline::PieceChecksums>& seen, const WriteOptions& options) {
    constexpr std::uint64_t kPiece = quant::kPieceBytes;
    std::vector<pipeline::Region> regions;
    std::vector<std::pair<std::size_t, std::size_t>> places;  // of each region: file, first piece
    for (std::size_t file = 0; file < own.size(); ++file) {
        const std::uint64_t size = target.files[file].size();
        for (const pipeline::Stretch& stretch : own[file]) {
            const std::uint64_t first = (stretch.offset + kPiece - 1) / kPiece;
            const std::uint64_t last =
                stretch.end() == size ? (size + kPiece - 1) / kPiece : stretch.end() / kPiece;
            if (first >= last) continue;
            const std::uint64_t end = std::min(last * kPiece, size);
            regions.push_back({{stretch.file, first * kPiece, end - first * kPiece}, {}});
            for (std::uint64_t i = first; i < last && i < seen[file].size(); ++i)
                regions.back().known.push_back(seen[file][i]);
            places.emplace_back(file, first);
        }
    }
    std::vector<pipeline::PieceChecksums> pieces(own.size());
    const auto found = pipeline::all_pieces(regions, options);
    for (std::size_t i = 0; i < found.size(); ++i) {
        const auto [file, first] = places[i];
        if (pieces[file].size() < first + found[i].size())
            pieces[file].resize(first + found[i].size());
        std::copy(found[i].begin(), found[i].end(),
                  pieces[file].begin() + static_cast<std::ptrdiff_t>(first));
    }
    return pieces;
}

/// Hashes of the results' tensors what nobody hashed on the way.
void complete_results(parts::PartRecord& record, const writers::Target& target,
                      const writers::Writer& writer, const WriteOptions& options) {
    std::vector<pipeline::Region> regions;
    std::vector<pipeline::PieceChecksums*> places;
    const auto add = [&](const pipeline::Stretch& stretch, pipeline::PieceChecksums& pieces) {
        if (pipeline::checksum_of(pieces) && !pieces.empty()) return;
        regions.push_back({stretch, std::move(pieces)});
        places.push_back(&pieces);
    };
    for (auto& [number, result] : record.results) {
        if (writer.hashes_all()) add(writer.source_of(number), result.source_pieces);
        add(target.stretch_of(number), result.stored_pieces);
    }
    const auto found = pipeline::all_pieces(regions, options);
    for (std::size_t i = 0; i < found.size(); ++i)
        places[i]->assign(found[i].begin(), found[i].end());
}

/// Makes the tensors of the part, and gives what they came to.
parts::PartRecord make_part(PartWork& work, const writers::Target& target,
                            const writers::TensorRun& share, const WriteOptions& options) {
    std::vector<std::optional<codecs::TensorResult>> results(share.end - share.first);
    const codecs::TakeResult take = [&](std::size_t number, codecs::TensorResult&& result) {
        results[number - share.first] = std::move(result);
    };
    codecs::TaskList tasks;
    work.writer().add_tasks(target, share, take, tasks);
    const auto seen = pipeline::pieces_of(target.files, tasks.run(options));
    WriteOptions quiet = options;
    quiet.progress = {};
    parts::PartRecord record;
    for (std::size_t i = 0; i < results.size(); ++i) {
        if (results[i]) record.results.emplace_back(share.first + i, std::move(*results[i]));
    }
    complete_results(record, target, work.writer(), quiet);
    record.pieces.resize(target.files.size());
    if (work.writer().hashes_all())
        record.pieces =
            own_pieces(target, own_stretches(target, share, work.writer()), seen, quiet);
    return record;
}

/// True where that part is done: its file is whole, and of this run.
bool is_done(const PartWork& work, const parts::Folder& folder, const Part& part,
             const std::string& seal) {
    const auto text = folder.read(parts::part_file_name(part.number, part.count));
    if (!text) return false;
    const auto record =
        parts::parse_part(*text, work.plan().files.size(), work.plan().placements.size());
    return record && record->run == seal && record->part == part;
}

void check_part(const Part& part) {
    if (part.count >= 1 && part.count <= kMostParts && part.number >= 1 &&
        part.number <= part.count)
        return;
    throw Error(ErrorCode::kUsage, "--part",
                fmt::format("{}/{} is no part; give K/N with K from 1 to N, and N up to {}",
                            part.number, part.count, with_commas(kMostParts)));
}

/// Some or all parts of one output, made by this process.
class Session {
  public:
    /// Opens everything, and takes over the record of the run or writes it down.
    Session(const fs::path& input, const fs::path& out, const QuantizeOptions& options,
            std::uint32_t count)
        : options_(options), count_(count), work_(input, out, options, count) {
        check_target(work_.writer().place(), out, options.write.force);
        folder_.emplace(parts::Folder::share(io::resolved_target(out)));
        writing_ = options.write;
        seal_ = join_run(work_, *folder_, writing_);
    }

    /// Makes that part. False where that was done before.
    bool make(std::uint32_t number) {
        const Part part{number, count_};
        if (is_done(work_, *folder_, part, seal_)) return false;
        const std::vector<io::File> files = open_files(work_.plan(), *folder_);
        parts::PartRecord record =
            make_part(work_, {work_.plan(), files}, work_.share_of(part), writing_);
        record.run = seal_;
        record.part = part;
        commands::sync_files(files, writing_);
        pipeline::check_stop(options_.write);
        folder_->write(parts::part_file_name(number, count_), parts::part_text(record), true,
                       writing_.sync);
        return true;
    }

    /// From now on progress is counted behind `done` of `total` bytes.
    void set_progress(std::uint64_t done, std::uint64_t total) {
        writing_.progress = {};
        if (!options_.write.progress) return;
        writing_.progress = [this, done, total](std::uint64_t more, std::uint64_t) {
            options_.write.progress(done + more, total);
        };
    }

    const PartWork& work() const noexcept { return work_; }

  private:
    const QuantizeOptions& options_;
    const std::uint32_t count_;
    PartWork work_;
    std::optional<parts::Folder> folder_;
    WriteOptions writing_;
    std::string seal_;
};

/// How many pieces a run is cut into that can be interrupted.
std::uint32_t piece_count(const fs::path& input, const QuantizeOptions& options) {
    constexpr std::uint64_t kPieceBytes = 256U << 20U;
    constexpr std::uint64_t kLeastPieces = 16;
    std::uint64_t bytes = 0;
    const io::Links links = io::links_of(options.write.follow_links);
    for (const auto& tensor : checkpoint::open_checkpoint(input, links).tensors)
        bytes += tensor.byte_count;
    return static_cast<std::uint32_t>(
        std::clamp<std::uint64_t>(bytes / kPieceBytes, kLeastPieces, kMostParts));
}

}  // namespace

PartReport quantize_part(const fs::path& input, const fs::path& out, const QuantizeOptions& options,
                         const Part& part) {
    const auto start = std::chrono::steady_clock::now();
    check_part(part);
    commands::check_planner(options);
    commands::Notes notes(options.write);
    Session session(input, out, options, part.count);
    const writers::TensorRun share = session.work().share_of(part);
    PartReport report;
    report.input = input.native();
    report.output = out.native();
    report.part = part;
    report.tensors = share.end - share.first;
    report.source_bytes = session.work().source_bytes(share);
    report.was_done = !session.make(part.number);
    if (report.was_done)
        notes.lines.push_back(fmt::format("part {} of {} was done before; nothing was to do",
                                          part.number, part.count));
    report.notes = notes.lines;
    report.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return report;
}

Report quantize_resumable(const fs::path& input, const fs::path& out,
                          const QuantizeOptions& options) {
    const auto start = std::chrono::steady_clock::now();
    if (!options.type.empty() && (options.max_size || options.target_sqnr_db))
        throw Error(ErrorCode::kUsage, "--resume",
                    "keeps no types that the planner chose for a GGUF file; leave it out");
    const std::uint32_t count = piece_count(input, options);
    std::uint32_t made = 0;
    {
        Session session(input, out, options, count);
        const PartWork& work = session.work();
        const std::uint64_t total = work.source_bytes({0, work.plan().placements.size()});
        std::uint64_t done = 0;
        for (std::uint32_t number = 1; number <= count; ++number) {
            pipeline::check_stop(options.write);
            session.set_progress(done, total);
            if (session.make(number)) ++made;
            done += work.source_bytes(work.share_of({number, count}));
        }
    }
    if (made < count && options.write.note)
        options.write.note(fmt::format("went on after {} of {} pieces", count - made, count));
    JoinOptions joining;
    joining.source = input;
    joining.write = options.write;
    joining.write.progress = {};
    Report report = join(out, joining);
    report.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return report;
}

}  // namespace octet
