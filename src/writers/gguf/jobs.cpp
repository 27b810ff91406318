// What is the same for a tensor that is written and for one that is only measured.
#include "writers/gguf/jobs.hpp"

#include <algorithm>
#include <utility>

#include "codecs/run.hpp"
#include "codecs/scan.hpp"
#include "formats/plain_source.hpp"
#include "survey/jobs.hpp"

namespace octet::writers {

bool is_lossy(ggml::Type type, Dtype dtype) {
    if (type == ggml::Type::kF32) return dtype == Dtype::kF64;
    return !(type == ggml::Type::kF16 && dtype == Dtype::kF16) &&
           !(type == ggml::Type::kBF16 && dtype == Dtype::kBF16);
}

bool is_copy(const gguf::TypedFileTensor& one, Dtype dtype) {
    const bool is_same = (one.type == ggml::Type::kF32 && dtype == Dtype::kF32) ||
                         (!is_lossy(one.type, dtype) && one.type != ggml::Type::kF32);
    return is_same && one.tensor.change == gguf::Change::kNone && one.tensor.factor == 1;
}

codecs::RowsJob rows_job(const gguf::TypedFileTensor& one, const checkpoint::Tensor& source,
                         const plan::Importance* importance, const QuantizeOptions& options) {
    codecs::RowsJob job;
    job.name = source.name;
    job.dtype = source.dtype;
    job.columns = one.tensor.shape.size() < 2 ? 1 : one.tensor.shape.back();
    job.rows = job.columns == 0 ? 0 : element_count(one.tensor.shape).value_or(0) / job.columns;
    if (one.tensor.shape.size() == 1 && one.tensor.head_rows == 0) std::swap(job.rows, job.columns);
    job.type = one.type;
    job.search =
        options.scheme.range == RangeSearch::kMinMax ? ggml::Search::kMinMax : ggml::Search::kBest;
    job.is_transposed = one.tensor.change == gguf::Change::kTransposed;
    job.head_rows = one.tensor.head_rows;
    job.keeps_not_finite = one.is_kept;
    job.factor = one.tensor.factor;
    job.addend = one.tensor.addend;
    if (importance == nullptr || ggml::traits_of(one.type).block_elements == 1)
        return job;  // nothing is searched
    const std::uint64_t matrices = one.tensor.shape.size() == 3 ? one.tensor.shape.front() : 1;
    const auto weights = importance->weights_of_inputs(source.name, one.tensor.row(), matrices);
    if (!weights.empty()) job.weights = weights.data();
    if (weights.size() > job.columns) job.weight_rows = job.rows / matrices;
    return job;
}

std::vector<bool> not_finite_tensors(const checkpoint::Checkpoint& checkpoint,
                                     const WriteOptions& options) {
    std::vector<bool> found(checkpoint.tensors.size());
    std::vector<std::uint8_t> flags(found.size());  // one each, as workers set them side by side
    const codecs::TakeResult take = [&](std::size_t i, codecs::TensorResult&& result) {
        flags[i] = result.range.finite ? 0 : 1;
    };
    codecs::TaskList tasks;
    for (std::size_t i = 0; i < found.size(); ++i) {
        const checkpoint::Tensor& tensor = checkpoint.tensors[i];
        if (is_quantizable(tensor.dtype))
            tasks.add<codecs::ScanTask>(survey::source_of(checkpoint, i), tensor.dtype, i, take);
    }
    WriteOptions quiet = options;
    quiet.progress = {};
    tasks.run(quiet);
    std::copy(flags.begin(), flags.end(), found.begin());
    return found;
}

void add_importance_keys(const plan::Importance& importance, const std::filesystem::path& path,
                         const checkpoint::Checkpoint& checkpoint, gguf::Keys& keys) {
    importance.check_names(formats::tensors_of(checkpoint));
    keys.push_back({"quantize.imatrix.file", path.filename().native()});
    keys.push_back(
        {"quantize.imatrix.entries_count", static_cast<std::uint32_t>(importance.size())});
}

}  // namespace octet::writers
