// calibrate(): runs a model over texts and adds up, for every weight, the squares of the inputs
// that meet it. The result is a safetensors file with one F32 vector a weight, the mean squares,
// which --importance reads.
#include <chrono>
#include <map>
#include <span>

#include <fmt/format.h>

#include "base/text.hpp"
#include "formats/safetensors/header.hpp"
#include "io/file.hpp"
#include "io/output.hpp"
#include "io/sha256.hpp"
#include "model/examples.hpp"
#include "octet/error.hpp"
#include "octet/model.hpp"

namespace octet::model {
namespace {

/// A safetensors file with one F32 vector a weight: the mean squared inputs.
std::string file_of(const std::map<std::string, InputSquares>& squares, std::uint64_t tokens,
                    const std::string& file_name) {
    safetensors::HeaderWriter header(
        {{"format", "octet importance"}, {"tokens", std::to_string(tokens)}});
    std::string data;
    for (const auto& [name, inputs] : squares) {
        const std::uint64_t begin = data.size();
        for (const double sum : inputs.sums) {
            const auto mean = static_cast<float>(sum / static_cast<double>(inputs.tokens));
            data.append(reinterpret_cast<const char*>(&mean), sizeof(mean));
        }
        header.add(name, Dtype::kF32, {inputs.sums.size()}, begin, data.size());
    }
    return header.finish(file_name) + data;
}

/// The file, whole or not at all.
void write_whole(const std::filesystem::path& target, std::string_view text,
                 const WriteOptions& write, Calibration& result) {
    const std::string name = target.filename().native();
    std::vector<std::string> notes;
    io::Output output(target, io::Output::Kind::kFile, name, write.sync, notes);
    output.begin();
    output.build({name});
    for (const std::string& line : notes) {
        if (write.note) write.note(line);
    }
    io::write_text(output.create(name, text.size()), text, write.sync);
    result.file.name = name;
    result.file.byte_count = text.size();
    if (write.sha256) result.file.sha256 = io::sha256_of(std::as_bytes(std::span(text)));
    output.publish_files({name}, false);
}

}  // namespace
}  // namespace octet::model

namespace octet {

Calibration calibrate(const std::filesystem::path& path, const EvaluateOptions& options,
                      const std::filesystem::path& output, const WriteOptions& write) {
    using namespace model;
    const auto start = std::chrono::steady_clock::now();
    if (write.sha256) io::need_sha256();
    const std::filesystem::path target = io::resolved_target(output);
    if (io::exists(target))
        throw Error(ErrorCode::kUsage, printable(output.native()),
                    "exists; give another name or remove it");
    ComputeContext compute(options.read.threads);
    Loaded loaded(path, compute, options.read.follow_links);
    const std::unique_ptr<Examples> examples = open_examples(options, loaded);
    std::map<std::string, InputSquares> squares;
    compute.observe(&squares);
    Calibration result;
    Matrix hidden;
    Matrix logits;
    while (const std::optional<Example> example = examples->next()) {
        if (options.read.stop_requested && options.read.stop_requested())
            throw Error(ErrorCode::kInterrupted, "interrupted; nothing was changed");
        Sequence sequence = loaded.network().begin(example->source, example->inputs.size());
        loaded.network().advance(sequence, example->inputs, hidden);
        constexpr std::size_t kPlaces = 64;
        for (std::size_t first = 0; first < hidden.rows; first += kPlaces)
            loaded.network().logits(hidden, first, std::min(kPlaces, hidden.rows - first), logits);
        result.tokens += example->inputs.size();
        if (options.read.progress)
            options.read.progress(examples->read_bytes(), examples->total_bytes());
    }
    if (result.tokens == 0)
        throw Error(ErrorCode::kBadInput, "the text holds nothing to predict; give more");
    write_whole(target, file_of(squares, result.tokens, output.native()), write, result);
    result.input = path.native();
    result.output = output.native();
    result.weights = squares.size();
    result.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return result;
}

}  // namespace octet
