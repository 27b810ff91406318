// compare(): the tensors of two checkpoints or sets are paired by name (codecs/compare_structure),
// the data of every pair are read and held against each other (codecs/compare), and the figures are
// added up (codecs/compare_figures). Writes nothing.
#include "octet/compare.hpp"

#include <chrono>

#include "codecs/compare.hpp"
#include "codecs/compare_figures.hpp"
#include "codecs/compare_structure.hpp"
#include "codecs/open_source.hpp"
#include "codecs/run.hpp"
#include "commands/gates.hpp"
#include "formats/float_source.hpp"

namespace octet {
namespace {

std::vector<Check> checks_of(const Gates& gates, const CompareReport& report) {
    const bool judges_tensors = gates.min_sqnr_tensor || gates.max_abs_error;
    if (!judges_tensors) return commands::check_gates(gates, {}, report.totals);
    std::vector<commands::TensorFigures> figures;
    for (const TensorComparison& t : report.tensors) {
        if (t.differences)
            figures.push_back({t.name, t.differences->sqnr_db, t.differences->max_abs_error});
    }
    return commands::check_gates(gates, figures, report.totals);
}

}  // namespace

void check_comparable(const std::vector<std::filesystem::path>& paths,
                      const CompareOptions& options) {
    commands::check_limits(options.gates);
    const io::Links links = io::links_of(options.read.follow_links);
    for (const std::filesystem::path& path : paths)
        static_cast<void>(codecs::open_source(path, links));
}

CompareReport compare(const std::filesystem::path& path_a, const std::filesystem::path& path_b,
                      const CompareOptions& options) {
    const auto start = std::chrono::steady_clock::now();
    commands::check_limits(options.gates);
    const io::Links links = io::links_of(options.read.follow_links);
    const std::unique_ptr<formats::FloatSource> opened_a = codecs::open_source(path_a, links);
    const std::unique_ptr<formats::FloatSource> opened_b = codecs::open_source(path_b, links);
    const formats::FloatSource& a = *opened_a;
    const formats::FloatSource& b = *opened_b;
    CompareReport report;
    report.input = path_a.native();
    report.output = path_b.native();
    report.input_is_set = a.is_set();
    report.output_is_set = b.is_set();
    report.input_format = a.format();
    report.output_format = b.format();
    const codecs::Matches matches = codecs::match_tensors(a, b, options.tensors, report);
    const std::vector<codecs::TensorPair>& pairs = matches.pairs;
    report.tensors.resize(pairs.size());
    std::vector<quant::WideSum> signals(pairs.size());
    std::vector<codecs::DifferentBytes> bytes(pairs.size());
    const codecs::TakePair take = [&](std::size_t i, const codecs::PairResult& result) {
        report.tensors[i] = codecs::comparison_of(a, b, pairs[i], result.sums);
        signals[i] = result.sums.signal;
        bytes[i] = {result.bytes_differ, result.first_byte};
    };
    codecs::TaskList tasks;
    tasks.reserve(pairs.size());
    for (std::size_t i = 0; i < pairs.size(); ++i)
        tasks.add<codecs::CompareTask>(a, b, pairs[i], i, take);
    WriteOptions reading;
    reading.threads = options.read.threads;
    reading.progress = options.read.progress;
    reading.stop_requested = options.read.stop_requested;
    tasks.run(reading);
    codecs::add_changes(a, b, matches, bytes, report);
    report.totals = codecs::totals_of(a, b, pairs, signals, report.tensors);
    report.overall_sqnr_db = codecs::overall_sqnr_db(signals, report.tensors);
    report.checks = checks_of(options.gates, report);
    report.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return report;
}

}  // namespace octet
