// From a tensor of a GGUF file to the work that makes it, for those who write it and those who only
// measure what it would lose.
#pragma once

#include <filesystem>

#include "checkpoint/checkpoint.hpp"
#include "codecs/encode_rows.hpp"
#include "formats/gguf/file_layout.hpp"
#include "octet/options.hpp"
#include "plan/importance.hpp"

namespace octet::writers {

/// True where the values may change on the way.
bool is_lossy(ggml::Type type, Dtype dtype);

/// True where the bytes are the source's.
bool is_copy(const gguf::TypedFileTensor& one, Dtype dtype);

/// `importance` may be null. All that is given outlives the job. kBadInput where weights do not fit
/// the tensor.
codecs::RowsJob rows_job(const gguf::TypedFileTensor& one, const checkpoint::Tensor& source,
                         const plan::Importance* importance, const QuantizeOptions& options);

/// Reads the data once: which tensors of the checkpoint hold what no block can. `threads` and
/// `stop_requested` of `options` apply.
std::vector<bool> not_finite_tensors(const checkpoint::Checkpoint& checkpoint,
                                     const WriteOptions& options);

/// As llama.cpp notes what weighed the errors. kBadInput where weights are for no tensor of the
/// checkpoint.
void add_importance_keys(const plan::Importance& importance, const std::filesystem::path& path,
                         const checkpoint::Checkpoint& checkpoint, gguf::Keys& keys);

}  // namespace octet::writers
