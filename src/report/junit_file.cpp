// --report FILE.xml: JUnit, as Jenkins, GitLab and GitHub's actions read it. Three suites: gates,
// findings that belong to no tensor of the table, and tensors. A tensor fails where it misses a
// gate on every tensor or something was found in it.
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/text.hpp"
#include "octet/octet.hpp"
#include "report/document_parts.hpp"
#include "report/file_formats.hpp"
#include "report/xml_text.hpp"

namespace octet::report {
namespace {

/// What makes tensors fail, by name.
class Failures {
  public:
    explicit Failures(const Document& document) : document_(document) {
        for (const Problem& problem : document.problems) {
            if (problem.fails && !problem.tensor.empty())
                by_tensor_.emplace(problem.tensor, &problem);
        }
    }

    /// Empty where the tensor is as it should be.
    std::string of(const TensorRow& row) const {
        std::string text;
        const auto add = [&](const std::string& what) {
            text += (text.empty() ? "" : "; ") + what;
        };
        for (const Check& check : document_.checks) {
            if (check.name == "min-sqnr-tensor" && row.sqnr_db && !(*row.sqnr_db >= check.limit))
                add(fmt::format("{} dB, below --min-sqnr-tensor {}", statistic_text(*row.sqnr_db),
                                check.limit));
            if (check.name == "max-abs-error" && row.max_abs_error &&
                !(*row.max_abs_error <= check.limit))
                add(fmt::format("off by {}, above --max-abs-error {}",
                                statistic_text(*row.max_abs_error), check.limit));
        }
        const auto [begin, end] = by_tensor_.equal_range(row.name);
        for (auto it = begin; it != end; ++it) add(it->second->what);
        return text;
    }

  private:
    const Document& document_;
    std::multimap<std::string_view, const Problem*> by_tensor_;
};

/// Numbers of a suite.
struct Counts {
    std::uint64_t tests = 0;
    std::uint64_t failures = 0;
};

std::string attributes(const Counts& counts, double seconds) {
    return fmt::format("tests=\"{}\" failures=\"{}\" errors=\"0\" time=\"{:.3f}\"", counts.tests,
                       counts.failures, seconds);
}

/// One suite, whose cases are counted before they are written.
class Suite {
  public:
    Suite(Pieces& out, const Document& document, std::string_view name, const Counts& counts,
          double seconds)
        : out_(out), class_(fmt::format("octet.{}.{}", document.command, name)) {
        out_ << fmt::format("  <testsuite name=\"octet {} {}\" {}>\n", document.command, name,
                            attributes(counts, seconds));
    }

    /// `failure` is empty where the case passed.
    void add(std::string_view name, std::string_view type, std::string_view failure) {
        out_ << fmt::format("    <testcase name=\"{}\" classname=\"{}\" time=\"0.000\"",
                            markup(name), class_);
        if (failure.empty()) {
            out_ << "/>\n";
            return;
        }
        const std::string text = markup(failure);
        out_ << fmt::format(
            ">\n      <failure type=\"{}\" message=\"{}\">{}</failure>\n    </testcase>\n", type,
            text, text);
    }

    void end() { out_ << "  </testsuite>\n"; }

  private:
    Pieces& out_;
    std::string class_;
};

Counts count_gates(const Document& document) {
    Counts counts{document.checks.size(), 0};
    for (const Check& check : document.checks) counts.failures += check.passed ? 0U : 1U;
    return counts;
}

Counts count_tensors(const Document& document, const Failures& failures) {
    Counts counts{document.tensors, 0};
    for (std::size_t i = 0; i < document.tensors; ++i)
        counts.failures += failures.of(document.tensor(i)).empty() ? 0U : 1U;
    return counts;
}

/// Failures that no tensor of the table has: of files, of tensors that are missing.
std::vector<const Problem*> other_problems(const Document& document) {
    std::set<std::string_view> wanted;
    for (const Problem& problem : document.problems) {
        if (problem.fails) wanted.insert(problem.tensor);
    }
    if (wanted.empty()) return {};
    for (std::size_t i = 0; i < document.tensors; ++i) wanted.erase(document.tensor(i).name);
    std::vector<const Problem*> others;
    for (const Problem& problem : document.problems) {
        if (problem.fails && wanted.contains(problem.tensor)) others.push_back(&problem);
    }
    return others;
}

void write_gates(Pieces& out, const Document& document) {
    Suite suite(out, document, "gates", count_gates(document), 0);
    for (const Check& check : document.checks)
        suite.add(check.name, "gate", check.passed ? "" : check.detail);
    suite.end();
}

void write_findings(Pieces& out, const Document& document,
                    const std::vector<const Problem*>& problems) {
    Suite suite(out, document, "findings", {problems.size(), problems.size()}, 0);
    for (const Problem* problem : problems) {
        const std::string& name = problem->tensor.empty() ? problem->file : problem->tensor;
        suite.add(name.empty() ? "structure" : name, "finding", problem->what);
    }
    suite.end();
}

void write_tensors(Pieces& out, const Document& document, const Failures& failures,
                   const Counts& counts) {
    Suite suite(out, document, "tensors", counts, document.seconds);
    for (std::size_t i = 0; i < document.tensors; ++i) {
        const TensorRow row = document.tensor(i);
        suite.add(row.name, "tensor", failures.of(row));
    }
    suite.end();
}

}  // namespace

void write_junit_file(const Document& document, const TextSink& sink) {
    const Failures failures(document);
    const Counts gates = count_gates(document);
    const Counts tensors = count_tensors(document, failures);
    const std::vector<const Problem*> others = other_problems(document);
    const Counts all{gates.tests + others.size() + tensors.tests,
                     gates.failures + others.size() + tensors.failures};
    Pieces out(sink);
    out << "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    out << fmt::format("<testsuites name=\"octet {} {}\" {}>\n", document.command,
                       markup(document.subject), attributes(all, document.seconds));
    write_gates(out, document);
    if (!others.empty()) write_findings(out, document, others);
    write_tensors(out, document, failures, tensors);
    out << "</testsuites>\n";
    out.flush();
}

}  // namespace octet::report
