// show(): one tensor of anything that octet reads: a corner of it, how it is stored, and figures of
// its values.
#include "octet/show.hpp"

#include <chrono>

#include <fmt/format.h>

#include "base/text.hpp"
#include "codecs/open_source.hpp"
#include "codecs/value_figures.hpp"
#include "commands/write_npy.hpp"
#include "octet/error.hpp"
#include "pipeline/stop.hpp"

namespace octet {
namespace {

using formats::FloatSource;

/// A tensor of a source that is open.
struct Place {
    const FloatSource* source = nullptr;
    std::size_t tensor = 0;

    const TensorReport& report() const { return source->tensors()[tensor]; }
};

/// The place of a tensor of that name; else `code`, with the nearest names.
Place find(const FloatSource& source, const std::filesystem::path& path, const std::string& name,
           ErrorCode code) {
    const std::optional<std::size_t> found = source.find(name);
    if (found) return {&source, *found};
    std::vector<std::string> names;
    for (const TensorReport& tensor : source.tensors()) names.push_back(tensor.name);
    std::string nearest;
    for (const std::string& one : nearest_names(name, names, 3)) {
        nearest += (nearest.empty() ? "; the nearest are " : ", ") + in_quotes(one);
    }
    throw Error(code, printable(path.native()),
                fmt::format("has no tensor {}{}", in_quotes(name), nearest));
}

/// The dtype of values that both are read as.
void check_values(const Place& place, const std::filesystem::path& path) {
    const TensorReport& tensor = place.report();
    const bool is_read =
        place.source->is_quantized(place.tensor) || codecs::has_values(tensor.dtype);
    if (!is_read)
        throw Error(ErrorCode::kBadInput, printable(path.native()),
                    fmt::format("tensor {} has the dtype {}, whose values octet does not show",
                                in_quotes(tensor.name), dtype_name(tensor.dtype)));
}

void check_pair(const Place& place, const Place& original, const ShowOptions& options) {
    const TensorReport& a = original.report();
    const TensorReport& b = place.report();
    const bool are_floats = is_quantizable(a.dtype) &&
                            (is_quantizable(b.dtype) || place.source->is_quantized(place.tensor));
    if (a.shape == b.shape && are_floats) return;
    throw Error(ErrorCode::kBadInput, printable(options.source.native()),
                fmt::format("tensor {} is {} {} here and {} {} there", in_quotes(a.name),
                            dtype_name(a.dtype), shape_text(a.shape), dtype_name(b.dtype),
                            shape_text(b.shape)));
}

std::vector<io::FileIdentity> identities_of(const FloatSource& source) {
    std::vector<io::FileIdentity> identities;
    for (const io::File& file : source.files()) identities.push_back(file.identity());
    return identities;
}

/// What is shown of the elements themselves.
void add_elements(const Place& place, const Place& original, const codecs::Selection& selection,
                  const ShowOptions& options, ShowReport& report) {
    const auto dimensions = codecs::shown_dimensions(selection.shape, options);
    const bool is_quantized = place.source->is_quantized(place.tensor);
    if (original.source)
        report.values =
            codecs::read_shown(*original.source, original.tensor, selection, dimensions);
    ShownTensor own = codecs::read_shown(*place.source, place.tensor, selection, dimensions);
    (is_quantized || original.source ? report.restored : report.values) = std::move(own);
    if (original.source) report.errors = codecs::absolute_errors(*report.values, *report.restored);
    if (!place.report().scheme) return;
    report.codes = codecs::read_shown_codes(*place.source, place.tensor, selection, dimensions);
    codecs::ShownState state = codecs::read_shown_state(*place.source, place.tensor, selection);
    report.scales = std::move(state.scales);
    if (!place.report().scheme->symmetric) report.zero_points = std::move(state.zero_points);
    if (selection.count > 0)
        report.grid = codecs::code_grid(*place.source, place.tensor, selection.first);
}

/// Figures of the values, and of what became of them.
void add_figures(const Place& place, const Place& original, const codecs::Selection& selection,
                 const WriteOptions& options, ShowReport& report) {
    codecs::Measured measured{place.source, place.tensor, nullptr, 0, selection};
    if (original.source)
        measured = {original.source, original.tensor, place.source, place.tensor, selection};
    codecs::Measurements found =
        codecs::measure_values(measured, [&](std::uint64_t done, std::uint64_t total) {
            pipeline::check_stop(options);
            if (options.progress) options.progress(done * sizeof(float), total * sizeof(float));
        });
    report.figures = found.figures;
    report.histogram = std::move(found.histogram);
    report.error = found.error;
    report.error_histogram = std::move(found.error_histogram);
}

}  // namespace

ShowReport show(const std::filesystem::path& path, const std::string& name,
                const ShowOptions& options) {
    const auto start = std::chrono::steady_clock::now();
    const io::Links links = io::links_of(options.write.follow_links);
    const std::unique_ptr<FloatSource> source = codecs::open_source(path, links);
    const Place place = find(*source, path, name, ErrorCode::kUsage);
    check_values(place, path);
    std::unique_ptr<FloatSource> original_source;
    Place original;
    std::vector<io::FileIdentity> inputs = identities_of(*source);
    if (!options.source.empty()) {
        original_source = codecs::open_source(options.source, links);
        original = find(*original_source, options.source, name, ErrorCode::kBadInput);
        check_pair(place, original, options);
        for (const io::FileIdentity& one : identities_of(*original_source)) inputs.push_back(one);
    }
    if (!options.npy.empty()) commands::check_npy_place(options.npy, inputs, options.write.force);
    const codecs::Selection selection = codecs::select(place.report(), options.index);

    ShowReport report;
    add_elements(place, original, selection, options, report);
    add_figures(place, original, selection, options.write, report);
    if (!options.npy.empty())
        report.npy =
            commands::write_npy(*source, place.tensor, selection, options.npy, options.write);
    report.input = path.native();
    report.source = options.source.native();
    report.format = source->format();
    report.tensor = place.report();
    report.index = selection.index;
    report.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return report;
}

}  // namespace octet
